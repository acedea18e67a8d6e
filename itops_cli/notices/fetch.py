# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops notice fetch`: the files of a change's notice into the agreed folder, and what `itops notice import --download` shares with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils import source, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice import sizes
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import url_fault
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.completing import CHANGE
from itops_cli.errors import Exit, say
from itops_cli.notices.download import Fetched, Progress
from itops_cli.notices.download import fetch as download
from itops_cli.notices.signatures import Keys, MinisignKey, SignatureError, minisign_key
from itops_cli.notices.way import SIZE_LIMIT, Terms
from itops_cli.output import bar, emit, format_option, write_file
from itops_cli.size import Size


def fetch_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of both commands that fetch; `terms` takes their values."""
    for option in reversed([
        click.option("--size-limit", type=Size(), default=str(SIZE_LIMIT), help="Of one file: bytes, or 512M, 8G (default: 4G)."),
        click.option("--proxy", default="", help="http://host:port (default: HTTPS_PROXY and so on of the environment)."),
        click.option("--insecure-http", is_flag=True, help="Also URLs without TLS, where sha256 or sha512 is given."),
        click.option("--keyring", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The supplier's OpenPGP public keys."),
        click.option("--minisign-key", "minisign_keys", multiple=True, metavar="KEY|FILE", help="The supplier's minisign public key."),
        click.option("--signatures", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder with detached signatures."),
    ]):  # fmt: skip
        function = option(function)
    return function


def terms(size_limit: int, proxy: str, insecure_http: bool, keyring: Path | None, minisign_keys: Iterable[str], signatures: Path | None) -> Terms:
    """What the options say. Raises BadInput with every key that is none."""
    keys: list[MinisignKey] = []
    problems = []
    for given in minisign_keys:
        try:
            keys.append(minisign_key(given))
        except SignatureError as error:
            problems.append(Problem("--minisign-key", 0, "", str(error), given[:80], remedy=error.remedy))
    if proxy and not re.fullmatch(r"(https?|socks5h?)://([^/@]*@)?[^/@:]+(:[0-9]+)?/?", proxy):
        problems.append(Problem("--proxy", 0, "", "not the URL of a proxy", allowed="http://host:port"))
    if problems:
        raise BadInput(problems)
    return Terms(size_limit, proxy, insecure_http, Keys(tuple(keys), keyring), signatures)


def run(ws: Workspace, path: Path, how: Terms, base_url: str = "") -> list[Fetched]:
    """Fetch all files of this change's notice; sizes that were unknown are filled in, in its file."""
    with Bars() as bars:
        found = download([{**file, "url": file.get("url") or at(base_url, str(file.get("name")))} for file in _files(path)], ws.staging / path.stem, how, bars)
    text = path.read_bytes().decode("utf-8-sig")
    filled = sizes.fill_in(text, {one.name: one.size for one in found if one.ok})
    if filled != text:
        write_file(path, filled)
    return found


def at(base_url: str, name: str) -> str:
    """Where a file of this name lies; "" without a base. Raises BadInput where the base is no URL."""
    if base_url and (wrong := url_fault(base_url)):
        raise BadInput([Problem("--base-url", 0, "", wrong, allowed="https://host/folder")])
    return f"{base_url.rstrip('/')}/{quote(name)}" if base_url else ""


@click.command("fetch")
@click.argument("change", type=CHANGE)
@click.option("--base-url", default="", help="Folder on the web where the files without a URL of their own lie.")
@fetch_options
@format_option
def fetch(change: str, base_url: str, fmt: str, **options: Any) -> None:
    """Fetch the files of a change's notice, or go on with what was cut off; those that are there are proved again.

    Ends with 3 where a file could not be fetched or is not proved.

    Example: itops notice fetch CHG-20261123-01 --proxy http://proxy.example.org:3128
    """
    how = terms(**options)
    ws = workspace.find()
    found = run(ws, change_file.find(ws, change), how, base_url)
    out = [one.as_dict() for one in found]
    emit(out, fmt, lambda: "\n".join(lines(out)))
    if failed := failures(found, change):
        say(failed)
        raise Exit(REFUSED)


def lines(fetched: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each file that is there now."""
    return [_line(one) for one in fetched if one["ok"]]


def failures(fetched: Sequence[Fetched], change: str) -> str:
    """What is to be said of the files that are not there; "" where all are."""
    failed = [one for one in fetched if not one.ok]
    named = [f"{one.name}: {one.message} → {one.remedy.replace('CHANGE', change)}" for one in failed]
    return "\n".join([*named, f"{len(failed)} of {len(fetched)} files are not there"]) if failed else ""


def _line(one: Mapping[str, Any]) -> str:
    proof = one["signature"]
    signed = f", signed: {proof['kind']} {proof['key']} {proof['comment']}" if proof else ""
    return f"{one['name']}: {one['message']}, {one['size']} bytes, {one['algorithm']} as in the notice{signed}"


def _files(path: Path) -> list[Mapping[str, Any]]:
    """Those of the notice, also where the rest of the file is still to be completed. Raises BadInput where it cannot be read or lists none."""
    loaded = source.load(path)
    notice = loaded.data.get("notice") if isinstance(loaded.data, dict) else None
    files = notice.get("files") if isinstance(notice, dict) else None
    listed: list[Mapping[str, Any]] = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    if loaded.problems or not listed:
        none = loaded.problem(("notice", "files"), "no file is listed, so nothing can be fetched", remedy="itops change files CHANGE")
        raise BadInput(loaded.problems or [none])
    return listed


class Bars:
    """A bar for each file on standard error; nothing of it where that is no terminal."""

    def __init__(self) -> None:
        self.bar: Any = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_what: object) -> None:
        self.end()

    def end(self) -> None:
        if self.bar is not None:
            self.bar.__exit__(None, None, None)
            self.bar = None

    def __call__(self, name: str) -> Progress:
        self.end()

        def came(have: int, total: int | None) -> None:
            if self.bar is None or have < self.bar.pos:  # the first of it, or the server begins anew
                self.end()
                self.bar = _bar(name, have, total)
            self.bar.length = total
            if have == total or have - self.bar.pos >= (total or have) // 100:
                self.bar.update(have - self.bar.pos)

        return came


def _bar(name: str, have: int, total: int | None) -> Any:
    """From what is there already. Without a total it moves and counts, but has no end to come near to."""
    shown = bar(None, name, length=1, show_pos=True, show_eta=not have)  # its estimate would count what came an earlier time
    shown.pos, shown.length = have, total
    return shown.__enter__()
