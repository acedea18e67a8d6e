# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops notice`: a supplier's notice becomes a change file, and its files come into the agreed folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import source as yaml_source
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice import draft, reading
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import Notice, as_dict
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.changes import draft as change_draft
from itops_cli.changes.change import KINDS
from itops_cli.completing import SERVICE
from itops_cli.errors import Exit, say
from itops_cli.notices import fetch
from itops_cli.notices.fetch import fetch_options
from itops_cli.notices.signatures import LIMIT, Proof, SignatureError, verify
from itops_cli.output import emit, format_option

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
type_option = click.option("--type", "kind", type=click.Choice(reading.KINDS), default=reading.AUTO, show_default=True, help="What the notice is.")


@click.group("notice")
def command() -> None:
    """A supplier's notice (维护通知): our YAML, CSAF 2.0 JSON, a list of digests such as SHA256SUMS, or by hand.

    Example: itops notice import advisory.json --service web --download
    """


@command.command("check")
@click.argument("file", type=FILE)
@type_option
@format_option
def check(file: Path, kind: str, fmt: str) -> None:
    """Every problem of a notice; nothing is written. Ends with 2 where there is one.

    Example: itops notice check advisory.json
    """
    if kind == reading.HAND:
        raise Exit(2, "a notice by hand has no file to check → itops notice import --file NAME:SIZE:DIGEST …")
    found, notice = reading.read(file, kind)
    data = {"type": found, "id": notice.id, "supplier": notice.supplier, "files": [as_dict(one) for one in notice.files], "remarks": list(notice.remarks)}
    said = [f"{file}: {found}, {len(notice.files)} files, no problem", *(f"note: {remark}" for remark in notice.remarks)]
    emit(data, fmt, "\n".join(said))


@command.command("import")
@click.argument("file", type=FILE, required=False)
@type_option
@click.option("--service", "services", multiple=True, type=SERVICE, required=True, help="Service id; may be given several times.")
@click.option("--title", default="", help="What is done, in one line (default: the notice's own).")
@click.option("--change-kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="Kind of maintenance.")
@click.option("--id", "number", default="", help="The supplier's number, where the notice has none.")
@click.option("--source", default="", help="Where it came from.")
@click.option("--supplier", default="", help="供应商, where the notice does not say.")
@click.option("--file", "files", multiple=True, metavar="NAME:SIZE:DIGEST[:URL]", help="By hand: a file; may be given several times. SIZE may be empty.")
@click.option("--base-url", default="", help="Folder on the web where the files lie, for a notice without URLs.")
@click.option("--signature", type=FILE, help="Detached signature of the notice itself, such as SHA256SUMS.asc.")
@click.option("--download", is_flag=True, help="Fetch the files into the agreed folder.")
@fetch_options
@format_option
def import_notice(
    file: Path | None, kind: str, services: tuple[str, ...], title: str, change_kind: str, number: str, source: str, supplier: str, files: tuple[str, ...],
    base_url: str, signature: Path | None, download: bool, fmt: str, **fetching: Any,
) -> None:  # fmt: skip
    """Make the change file of a notice, with everything known filled in and everything unknown named.

    With --download, ends with 3 where a file could not be fetched or is not proved; the change file stays, and the command notice fetch goes on with it.

    Example: itops notice import SHA256SUMS --service web --id SUP-118 --supplier 示例公司 --base-url https://example.org/2.4.1 --download
    """
    terms = fetch.terms(**{**fetching, "signatures": fetching["signatures"] or (file.parent if file else None)})
    read_as, notice = _read(file, kind, files)
    proof = _proved(file, signature, terms.keys)
    ws = workspace.find()
    notice = _told(notice, ws, number, source or (file.name if file else ""), supplier, base_url)
    path, data = _write(ws, notice, services, title or notice.title, change_kind)
    fetched = fetch.run(ws, path, terms) if download else []
    loaded = yaml_source.load(path).data
    out = {
        "change": data["id"], "file": str(path), "staging": str(ws.staging / data["id"]), "type": read_as, "signature": proof.as_dict() if proof else None,
        "files": len(notice.files), "fill_in": list(draft.unknown(loaded)), "remarks": list(notice.remarks), "download": [one.as_dict() for one in fetched],
    }  # fmt: skip
    emit(out, fmt, lambda: _text(out, proof))
    if failed := fetch.failures(fetched, data["id"]):
        say(failed)
        raise Exit(REFUSED)


command.add_command(fetch.fetch)


def _read(file: Path | None, kind: str, files: tuple[str, ...]) -> tuple[str, Notice]:
    if file is None:
        if kind not in (reading.AUTO, reading.HAND) or not files:
            raise Exit(2, "nothing to import: FILE, or by hand --file NAME:SIZE:DIGEST --id … --source … --supplier …")
        return reading.HAND, reading.by_hand(files)
    if files or kind == reading.HAND:
        raise Exit(2, "either a FILE or --file, not both")
    return reading.read(file, kind)


def _proved(file: Path | None, signature: Path | None, keys: Any) -> Proof | None:
    """The notice by its own signature. Nothing is written where that fails."""
    if signature is None:
        return None
    if file is None:
        raise Exit(2, "--signature is that of a FILE")
    try:
        return verify(file, signature.read_bytes()[: LIMIT + 1], keys)
    except SignatureError as error:
        raise Exit(REFUSED, f"{file}: {error}; nothing was written → {error.remedy}") from None


def _told(notice: Notice, ws: Workspace, number: str, source: str, supplier: str, base_url: str) -> Notice:
    """What the operator says goes before what the notice says; the time of receipt is now, where it says none."""
    now = datetime.now(calendar.zone(ws.timezone)).isoformat(timespec="seconds")
    return replace(
        notice, id=number or notice.id, source=notice.source or source, supplier=supplier or notice.supplier, received_at=notice.received_at or now,
        files=tuple(replace(file, url=file.url or fetch.at(base_url, file.name)) for file in notice.files),
    )  # fmt: skip


def _write(ws: Workspace, notice: Notice, services: tuple[str, ...], title: str, kind: str) -> tuple[Path, dict[str, Any]]:
    known = catalogue.load(ws)
    change_draft.must_know(ws, known.services, services)
    begun = change_draft.draft(change_draft.free_id(ws), title or change_draft.TO_FILL, kind, [known.services[sid] for sid in services], known.people)
    data = draft.fill_in(begun, notice)
    return change_draft.write(ws, data), data


def _text(out: dict[str, Any], proof: Proof | None) -> str:
    lines = [out["file"], *([f"the notice is proved by {proof.kind}, {proof.key} {proof.comment}"] if proof else [])]
    lines += [f"note: {remark}" for remark in out["remarks"]]
    lines += fetch.lines(out["download"])
    lines += [f"  fill in {place}" for place in out["fill_in"]]
    done = out["download"] and all(one["ok"] for one in out["download"])
    put = "" if done or not out["files"] else f"itops notice fetch {out['change']} (or put the files into {out['staging']}), then: "
    return "\n".join([*lines, f"next: {put}complete the plan, then: itops change lint {out['change']}"])
