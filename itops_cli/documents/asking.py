# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `itops docs lint` asks other machines, only where it is told to: whether the links of documents and of users' manuals (U3) answer, and
whether what users get there is the very file whose digest their manual names. Each address is asked once, however many documents name it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from urllib.parse import urldefrag

import requests
from ansible_collections.itops.maintenance.plugins.plugin_utils import obtain, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, Severity, errors

from itops_cli.connecting import distrusted, reason
from itops_cli.documents.library import Library
from itops_cli.notices.way import Refused, Session, Terms, get, shown
from itops_cli.output import counted

AT_ONCE = 8
BLOCK = 1 << 16
UNKNOWN = (401, 403, 429)  # somebody answers, but whether the page is there is only told to those who may read it
NOT_SATISFIABLE = 416  # what is asked for its first byte and has none is there all the same
AGAIN = "mend the address, then: itops docs lint --links"


@dataclass(frozen=True)
class Place:
    """Where an address stands: the problems that it and its digest would be, still without words. The digest is what its problem `allowed`."""

    link: Problem
    digest: Problem | None = None


@dataclass(frozen=True)
class Answer:
    """`fault` is "" where all is well, `digest` what the file has, where it was fetched."""

    fault: str = ""
    remedy: str = AGAIN
    severity: Severity = "error"
    digest: str = ""


def problems(lib: Library, digests: bool, size_limit: int, timeout: float) -> tuple[int, list[tuple[Problem, str]]]:
    """How many addresses were asked, and what is wrong, each with the name of its rule."""
    terms = Terms(size_limit=size_limit, plain_http=True, timeout=(timeout, timeout))
    places: dict[str, list[Place]] = {}
    for url, place in (*_links(lib), *_manuals(lib)):
        places.setdefault(urldefrag(url)[0], []).append(place)
    asker, pool = _Asker(terms), ThreadPoolExecutor(AT_ONCE)
    try:
        jobs = [(pool.submit(asker.ask, url, digests and any(place.digest for place in at)), at) for url, at in places.items()]
        found = [said for job, at in counted(jobs, "links") for said in _said(job.result(), at)]
    finally:
        asker.stopped.set()  # an interrupt does not wait for a large file
        pool.shutdown(cancel_futures=True)
    return len(places), [*found, *_unread(lib)]


def _links(lib: Library) -> Iterator[tuple[str, Place]]:
    for page in lib.pages:
        for link in page.outline.links:
            if not link.image and link.href.lower().startswith(("http://", "https://")):
                yield link.href, Place(page.problem(link.line, "", _printed(link.href)))


def _manuals(lib: Library) -> Iterator[tuple[str, Place]]:
    for name, record in lib.catalogue.services.items():
        for manual in obtain.MANUALS:
            got = (record.get(manual) or {}).get("obtain") or {}
            if url := got.get("url"):
                read, at, digest = source.load(lib.catalogue.files[name]), (manual, "obtain"), (got.get("sha256") or "").lower()
                yield url, Place(read.problem((*at, "url"), "", url), read.problem((*at, "sha256"), "", allowed=digest) if digest else None)


def _unread(lib: Library) -> Iterator[tuple[Problem, str]]:
    """Nobody may take silence for an answer."""
    files = {problem.file for problem in errors(lib.catalogue.problems) if Path(problem.file).parent == lib.ws.services_dir}
    for file in sorted(files):
        yield Problem(file, 0, "", "with errors in the record it is not asked where its users get what they need", remedy="itops lint"), "web"


def _printed(url: str) -> str:
    """As it is written, but for a login."""
    return shown(url) if "@" in url else url


def _said(answer: Answer, places: list[Place]) -> Iterator[tuple[Problem, str]]:
    for place in places:
        if answer.fault:
            yield replace(place.link, message=answer.fault, severity=answer.severity, remedy=answer.remedy), "web"
        elif place.digest and answer.digest and answer.digest != place.digest.allowed:
            remedy = f"{place.link.found}: ask its maker which of the two is right, before anybody installs it"
            yield replace(place.digest, message="users get another file than their manual says", found=answer.digest, remedy=remedy), "digests"


class _Asker:
    """Asks one address after the other, in as many threads as call it."""

    def __init__(self, terms: Terms):
        self.terms = terms
        self.stopped = Event()

    def ask(self, url: str, fetch: bool) -> Answer:
        """Never raises for what another machine does."""
        try:
            with Session() as session:
                session.headers["User-Agent"] = "itops"
                return self._fetched(session, url) if fetch else self._answers(session, url)
        except Refused as error:
            return Answer(f"dead link: {error}")
        except requests.RequestException as error:
            by = "the proxy: " if isinstance(error, requests.exceptions.ProxyError) else ""
            return Answer(f"dead link: {by}{reason(error)}", _remedy(error))

    def _answers(self, session: Session, url: str) -> Answer:
        """HEAD costs nothing; who does not like it is asked for one byte."""
        with get(session, url, self.terms, True, {}, "HEAD") as response:
            if response.ok:
                return Answer()
        with get(session, url, self.terms, True, {"Range": "bytes=0-0"}) as response:
            return Answer() if response.status_code == NOT_SATISFIABLE else _judged(response, url)

    def _fetched(self, session: Session, url: str) -> Answer:
        """The digest of all that comes from there, nothing kept."""
        with get(session, url, self.terms, True, {"Accept-Encoding": "identity"}) as response:
            if (answer := _judged(response, url)).fault:
                return replace(answer, severity="error")
            response.raw.headers.pop("Content-Encoding", None)  # a server that calls a .tar.gz encoded means the file as it is
            length = response.headers.get("Content-Length", "")
            digest, size = hashlib.sha256(), int(length) if length.isdigit() else 0
            come = 0
            for block in response.iter_content(BLOCK):
                come += len(block)
                if max(come, size) > self.terms.size_limit or self.stopped.is_set():
                    return Answer(f"its digest is not compared: more than the limit of {self.terms.size_limit} bytes", "--size-limit BYTES")
                digest.update(block)
            return Answer(digest=digest.hexdigest())


def _judged(response: requests.Response, url: str) -> Answer:
    """What a status means; where we were sent on, it names the last address."""
    if response.ok:
        return Answer()
    where = f" at {shown(response.url)}" if shown(response.url) != shown(url) else ""
    words = "".join(sign for sign in response.reason or "" if sign.isprintable())[:60]
    said = f"the server answers {response.status_code} {words}".rstrip() + where
    if response.status_code in UNKNOWN:
        return Answer(f"whether it is there is not known: {said}", "look at it in a browser; for a login: ~/.netrc", "warning")
    return Answer(f"dead link: {said}")


def _remedy(error: requests.RequestException) -> str:
    if distrusted(error):
        return "for an authority of your own: REQUESTS_CA_BUNDLE=FILE"
    return "where it is only slow: --timeout SECONDS" if isinstance(error, requests.Timeout) else AGAIN
