# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the files of a notice into the agreed folder: nothing stands there under its name before its digest and signature are proved.

A file that is under way is `.NAME.part`, with what the server said of its version beside it, so that a later call goes on from there. The server
is asked with If-Range, so a file that has changed meanwhile is fetched anew. Logins come from ~/.netrc, never from a URL, and are never printed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import requests
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, staging
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import STRONG, name_fault

from itops_cli.notices.part import forget, state, sync, under_way
from itops_cli.notices.signatures import LIMIT, Proof, SignatureError, require, verify
from itops_cli.notices.way import Cut, Refused, Session, Terms, allowed, certificate, get, no_file, shown

TRIES = 4  # of one file; each goes on where the last one ended
BLOCK = 1 << 14  # bytes; what is lost at most where a line is cut
PARTIAL, OK, NOT_SATISFIABLE = 206, 200, 416

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known


@dataclass(frozen=True)
class Fetched:
    """What became of one file. `remedy` is "" where it is there."""

    name: str
    size: int = 0
    algorithm: str = ""
    digest: str = ""
    proof: Proof | None = None
    message: str = ""
    remedy: str = ""

    @property
    def ok(self) -> bool:
        return not self.remedy

    def as_dict(self) -> dict[str, Any]:
        proof = self.proof.as_dict() if self.proof else None
        named = {name: getattr(self, name) for name in ("name", "ok", "size", "algorithm", "digest", "message", "remedy")}
        return {**named, "signature": proof}


def fetch(files: Sequence[Mapping[str, Any]], folder: Path, terms: Terms, progress: Callable[[str], Progress]) -> list[Fetched]:
    """All of them, one after the other; one that fails does not keep the next from being tried."""
    folder.mkdir(parents=True, exist_ok=True)
    with Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        return [_one(session, file, folder, terms, progress(str(file.get("name")))) for file in files]


def _one(session: requests.Session, file: Mapping[str, Any], folder: Path, terms: Terms, progress: Progress) -> Fetched:
    name = str(file.get("name"))
    try:
        _may(file)
        with under_way(folder, name) as part:
            return _Download(session, file, folder / name, part, terms, progress).run()
    except (Refused, SignatureError) as error:
        return Fetched(name, message=str(error), remedy=error.remedy)
    except Cut as error:
        return Fetched(name, message=f"{error}; what has come is kept", remedy="the same again goes on from there: itops notice fetch CHANGE")
    except OSError as error:
        return Fetched(
            name, message=f"cannot be written: {error.strerror or type(error).__name__}", remedy=f"look at {folder}, then: itops notice fetch CHANGE"
        )


def _may(file: Mapping[str, Any]) -> None:
    """What can be known before anything is asked of anybody."""
    if wrong := name_fault(str(file.get("name"))):
        raise Refused(wrong, "name it plainly in notice.files")
    if not any(_given(file, algorithm) for algorithm in staging.STRENGTH):
        raise Refused("no digest to compare with", "ask the supplier for sha256, and put it into notice.files")


def _given(file: Mapping[str, Any], algorithm: str) -> str:
    value = str(file.get(algorithm) or "").lower()
    return value if re.fullmatch(r"[0-9a-f]+", value) else ""


class _Download:
    """One file on its way."""

    def __init__(self, session: requests.Session, file: Mapping[str, Any], target: Path, part: Path, terms: Terms, progress: Progress):
        self.session, self.file, self.target, self.part, self.terms, self.progress = session, file, target, part, terms, progress
        self.algorithm = next(name for name in staging.STRENGTH if _given(file, name))
        self.wanted = _given(file, self.algorithm)
        self.strong = any(_given(file, name) for name in STRONG)
        size = file.get("size")
        self.size = size if isinstance(size, int) and not isinstance(size, bool) else None

    def run(self) -> Fetched:
        """Raises Refused or SignatureError where it is not what the notice says, Cut where it has not come as a whole."""
        if self.size is not None and self.size > self.terms.size_limit:
            raise Refused(f"{self.size} bytes, more than the limit of {self.terms.size_limit}", "--size-limit BYTES")
        there = self.target.is_file() and not self.target.is_symlink() and self._same(self.target)
        if not there:
            self._may_ask()
        signature = self._signature()
        if signature:
            require(signature, self.terms.keys)
        if there:
            forget(self.part)
            return self._prove(self.target, signature, "was there already")
        resumed = self._bytes()
        same = self._same(self.part)
        if not same and resumed:  # what was there from an earlier time was not of this file
            self._begin_anew()
            self._bytes()
            same = self._same(self.part)
        if not same:
            forget(self.part)
            raise Refused(f"{self.algorithm} is not that of the notice; removed", "itops notice fetch CHANGE, and where it stays so, ask the supplier")
        return self._prove(self.part, signature, "fetched")

    def _may_ask(self) -> None:
        if not self.file.get("url"):
            raise Refused("nothing says where it is", "--base-url URL, or url in notice.files, or put it into the folder by hand")
        allowed(str(self.file["url"]), self.terms, self.strong)

    def _same(self, path: Path) -> bool:
        return staging.digest(path, self.algorithm) == self.wanted

    def _prove(self, path: Path, signature: bytes, message: str) -> Fetched:
        """By its size and its signature; only then it gets its name."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            self._remove(path)
            raise Refused(f"{size} bytes, the notice says {self.size}; removed", "ask the supplier which of the two is right")
        try:
            proof = verify(path, signature, self.terms.keys) if signature else None
        except SignatureError as error:
            if error.damning:
                self._remove(path)
            raise
        if path == self.part:
            sync(path)
            os.replace(path, self.target)
            atomic.sync_folder(self.target.parent)
        weak = " (weak digest)" if self.algorithm in staging.WEAK else ""
        return Fetched(self.target.name, size, self.algorithm, self.wanted, proof, message + weak)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        forget(self.part)

    # -------------------------------------------------------------- bytes

    def _bytes(self) -> bool:
        """Bring in what is missing; whether anything of it was there before. Raises Cut after some tries."""
        resumed = self.part.stat().st_size > 0
        for last in (*(False,) * (TRIES - 1), True):
            try:
                self._try()
                return resumed
            except (requests.RequestException, Cut) as error:
                if why := certificate(error):
                    raise Refused(f"{self._address()}: {why}", "an https URL whose certificate is trusted, or REQUESTS_CA_BUNDLE=FILE") from None
                if last:
                    raise Cut(str(error) if isinstance(error, Cut) else f"{self._address()}: {type(error).__name__}") from None
        raise AssertionError("the last try returns or raises")

    def _try(self) -> None:
        have = self.part.stat().st_size
        validator = self._validator()
        if have and not validator:
            self._begin_anew()
            have = 0
        if have and have == self.size:
            return  # only its proof was missing
        headers = {"Range": f"bytes={have}-", "If-Range": validator} if have else {}
        with get(self.session, str(self.file["url"]), self.terms, self.strong, headers) as response:
            if response.status_code == NOT_SATISFIABLE and have:
                self._whole_or_anew(response, have)
                return
            if response.status_code not in (OK, PARTIAL):
                no_file(response)
            if response.status_code == PARTIAL and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self._begin_anew()
                raise Cut("the server sent another part than was asked for")
            self._receive(response, have if response.status_code == PARTIAL else 0)

    def _whole_or_anew(self, response: requests.Response, have: int) -> None:
        """416: the part is as long as the file, or longer."""
        if response.headers.get("Content-Range", "").removeprefix("bytes */") != str(have):
            self._begin_anew()
            raise Cut("the file there is shorter than what has come")

    def _receive(self, response: requests.Response, have: int) -> None:
        response.raw.headers.pop("Content-Encoding", None)  # a server that calls a .tar.gz encoded means the file as it is
        self._remember(response)
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else self.size
        self._within(total or 0)
        self.progress(have, total)
        with self.part.open("r+b") as stream:
            stream.seek(have)
            stream.truncate()
            for block in response.iter_content(BLOCK):
                have += len(block)
                self._within(have)
                stream.write(block)
                self.progress(have, total)
        if total is not None and have < total:
            raise Cut(f"{have} of {total} bytes came")

    def _within(self, size: int) -> None:
        limit = min(self.terms.size_limit, self.size if self.size is not None else self.terms.size_limit)
        if size > limit:
            forget(self.part)
            known = self.size is not None and limit == self.size
            remedy = "ask the supplier which size is right" if known else "--size-limit BYTES"
            raise Refused(f"more than {limit} bytes, {'the size in the notice' if known else 'the limit'}; removed", remedy)

    # -------------------------------------------------------------- which version has come in part

    def _begin_anew(self) -> None:
        os.truncate(self.part, 0)
        state(self.part).unlink(missing_ok=True)

    def _remember(self, response: requests.Response) -> None:
        tag = response.headers.get("ETag", "")
        validator = tag if tag.startswith('"') else "" if tag else response.headers.get("Last-Modified", "")
        atomic.write(state(self.part), json.dumps({"url": self._address(), "validator": validator}).encode(), sync=False, mode=0o600)

    def _validator(self) -> str:
        """ "" where nothing says that what is there belongs to what the server has now."""
        try:
            said = json.loads(state(self.part).read_bytes())
            return str(said["validator"]) if said["url"] == self._address() else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _address(self) -> str:
        return shown(str(self.file["url"]))

    # -------------------------------------------------------------- signature

    def _signature(self) -> bytes:
        """The detached signature the notice names; b"" where it names none. Raises Refused where it is nowhere."""
        given = str(self.file.get("signature") or "")
        if not given:
            return b""
        beside = self.terms.beside / given if self.terms.beside and not name_fault(given) else None
        if beside and beside.is_file():
            return beside.read_bytes()[: LIMIT + 1]
        if "://" not in given and not self.file.get("url"):
            raise Refused(f"its signature {given} is nowhere", "put it beside the notice, or name its folder: --signatures FOLDER")
        url = given if "://" in given else urljoin(str(self.file["url"]), quote(given))
        try:
            with get(self.session, url, self.terms, self.strong, {}) as response:
                if response.status_code != OK:
                    no_file(response)
                content = _small(response)
        except (requests.RequestException, Cut) as error:
            why = str(error) if isinstance(error, Cut) else type(error).__name__
            raise Refused(f"its signature does not come: {shown(url)}: {why}", "itops notice fetch CHANGE, later") from None
        if len(content) > LIMIT:
            raise Refused("what should be its signature is far too large", "ask the supplier for a detached one")
        return content


def _small(response: requests.Response) -> bytes:
    """The whole of what should be small, or one block more than a signature may have."""
    content = b""
    for block in response.iter_content(BLOCK):
        content += block
        if len(content) > LIMIT:
            break
    return content
