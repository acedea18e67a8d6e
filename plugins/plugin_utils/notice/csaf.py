# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A notice as CSAF 2.0 JSON (OASIS Common Security Advisory Framework): the fields we use are checked, all problems at once with their path.

The files are those of the products that fix it, as `product_identification_helper.hashes` lists them. A file of a product that is known to be
affected is what shall be replaced, so it is never taken for a patch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.itops.maintenance.plugins.plugin_utils import source
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import LENGTHS, RESTARTS, File, Notice, faults, url_fault, worst
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, errors

VERSION = "2.0"
STATUS = ("draft", "interim", "final")
CATEGORIES = ("mitigation", "no_fix_planned", "none_available", "vendor_fix", "workaround")
FIXED = ("first_fixed", "fixed", "recommended")
AFFECTED = ("first_affected", "known_affected", "last_affected")
WITH_LINES = 1 << 20  # characters; the lines of a larger document are not looked up
DEPTH = 60  # branches in branches

Path_ = tuple[str | int, ...]


class _Bad(Exception):
    """Not JSON as CSAF wants it."""


@dataclass
class _Look:
    """Takes values out of a document and keeps what is wrong with them."""

    file: str
    text: str
    problems: list[Problem] = field(default_factory=list)
    lines: source.Source | None = None

    def problem(self, path: Path_, message: str, found: Any = "", allowed: str = "") -> None:
        if self.lines is None:
            self.lines = source.parse(self.text if len(self.text) < WITH_LINES else "", self.file)
        self.problems.append(Problem(self.file, self.lines.line(path), source.dotted(path), message, str(found)[:80], allowed))

    def take(self, inside: Any, path: Path_, kind: type, allowed: str, needed: bool = False) -> Any:
        """The value at the end of `path` in the mapping `inside`; the empty one of its kind where it is not there or wrong."""
        value = inside.get(path[-1]) if isinstance(inside, dict) else None
        if isinstance(value, kind) and (value or not needed):
            return value
        if value is not None or needed:
            wrong = "missing" if value is None else "empty" if isinstance(value, kind) else f"not {allowed}"
            self.problem(path, wrong, value if wrong.startswith("not") else "", allowed)
        return kind()

    def text_of(self, inside: Any, path: Path_, needed: bool = False, words: tuple[str, ...] = ()) -> str:
        found: str = self.take(inside, path, str, "text", needed)
        if words and found and found not in words:
            self.problem(path, "not allowed", found, ", ".join(words))
            return ""
        return found.strip()

    def items(self, inside: Any, path: Path_) -> Iterator[tuple[Path_, Any]]:
        for index, item in enumerate(self.take(inside, path, list, "a list")):
            if isinstance(item, dict):
                yield (*path, index), item
            else:
                self.problem((*path, index), "not a mapping", item)

    def texts(self, inside: Any, path: Path_) -> list[str]:
        found = self.take(inside, path, list, "a list")
        for index, item in enumerate(found):
            if not isinstance(item, str):
                self.problem((*path, index), "not text", item)
        return [item for item in found if isinstance(item, str)]


@dataclass(frozen=True)
class _Fixes:
    """What the vulnerabilities of a document ask for."""

    remediations: tuple[str, ...]
    urls: tuple[str, ...]
    restart: str
    fixed: frozenset[str]
    affected: frozenset[str]
    named: Mapping[str, Path_]  # product -> where it is first spoken of


def parse(text: str, file: str) -> tuple[Notice, list[Problem]]:
    """The notice and every problem of the document; the notice is only fit for use where there is none."""
    look = _Look(file, text)
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError, _Bad) as error:
        line = getattr(error, "lineno", 0)
        return Notice(), [Problem(file, line, "", f"not JSON: {getattr(error, 'msg', None) or error}"[:200])]
    document = look.take(data, ("document",), dict, "a mapping", needed=True)
    if not document:
        return Notice(), look.problems
    notice = _notice(look, data, document)
    if not errors(look.problems):
        for path, message, found, allowed in faults(notice):
            look.problem(("product_tree", *path), message, found, allowed)
    return notice, look.problems


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        raise _Bad(f"key stands twice: {next(name for name in names if names.count(name) > 1)}")
    return found


def _notice(look: _Look, data: Mapping[str, Any], document: Mapping[str, Any]) -> Notice:
    look.text_of(document, ("document", "category"), needed=True)
    look.text_of(document, ("document", "csaf_version"), needed=True, words=(VERSION,))
    title = look.text_of(document, ("document", "title"), needed=True)
    publisher = look.take(document, ("document", "publisher"), dict, "a mapping", needed=True)
    supplier = look.text_of(publisher, ("document", "publisher", "name"), needed=True)
    tracking = look.take(document, ("document", "tracking"), dict, "a mapping", needed=True)
    number, version, date = (look.text_of(tracking, ("document", "tracking", key), needed=True) for key in ("id", "version", "current_release_date"))
    status = look.text_of(tracking, ("document", "tracking", "status"), needed=True, words=STATUS)
    references = [look.text_of(item, (*path, "url"), needed=True) for path, item in look.items(document, ("document", "references"))]
    fixes = _fixes(look, data)
    files, remarks = _files(look, data, fixes)
    pages = [url for url in fixes.urls if url not in {file.url for file in files}]
    if not files:
        remarks.append("it names no file with digests for a product that fixes it: fill in notice.files by hand")
    if status != "final":
        remarks.append(f"document.tracking.status is {status}: the supplier has not finished it")
    return Notice(
        id=number, source=f"CSAF {VERSION}, {number} v{version}, {date}", supplier=supplier, title=title, files=tuple(files), restart_required=fixes.restart,
        remediations=fixes.remediations, references=tuple(dict.fromkeys([*pages, *references])), remarks=tuple(remarks),
    )  # fmt: skip


def _fixes(look: _Look, data: Mapping[str, Any]) -> _Fixes:
    texts, urls, restarts = [], [], []
    ids: dict[str, set[str]] = {key: set() for key in (*FIXED, *AFFECTED)}
    named: dict[str, Path_] = {}
    for path, one in look.items(data, ("vulnerabilities",)):
        status = look.take(one, (*path, "product_status"), dict, "a mapping")
        for key, known in ids.items():
            for number in look.texts(status, (*path, "product_status", key)):
                known.add(number)
                named.setdefault(number, (*path, "product_status", key))
        for at, remedy in look.items(one, (*path, "remediations")):
            category = look.text_of(remedy, (*at, "category"), needed=True, words=CATEGORIES)
            details = look.text_of(remedy, (*at, "details"), needed=True)
            restart = look.take(remedy, (*at, "restart_required"), dict, "a mapping")
            asked = look.text_of(restart, (*at, "restart_required", "category"), needed=True, words=RESTARTS) if "restart_required" in remedy else ""
            url = look.text_of(remedy, (*at, "url"))
            if category == "vendor_fix":
                texts.append(details)
                urls += [url] if url else []
                restarts += [asked] if asked else []
    fixed, affected = ({name for key in keys for name in ids[key]} for keys in (FIXED, AFFECTED))
    return _Fixes(tuple(dict.fromkeys(texts)), tuple(dict.fromkeys(urls)), worst(restarts), frozenset(fixed), frozenset(affected), named)


def _files(look: _Look, data: Mapping[str, Any], fixes: _Fixes) -> tuple[list[File], list[str]]:
    """The files of products that fix it. The same file may stand at several products; it has to be the same everywhere."""
    found: dict[str, File] = {}
    remarks, defined = [], set()
    for path, product in _products(look, data):
        number = look.text_of(product, (*path, "product_id"), needed=True)
        defined.add(number)
        files = list(_hashed(look, product, path, fixes.urls))
        if files and (number not in fixes.fixed if fixes.fixed else number in fixes.affected):
            remarks.append(f"left out, as product {number} is not one that fixes it: {', '.join(file.name for _path, file in files)}")
            continue
        for at, file in files:
            if found.setdefault(file.name, file) != file:
                look.problem(at, "the same file name with other digests", file.name)
    for number in sorted((fixes.fixed | fixes.affected) - defined):
        look.problem(fixes.named[number], "a product that product_tree does not define", number, ", ".join(sorted(defined)[:5]) or "none is defined")
    return list(found.values()), remarks


def _products(look: _Look, data: Mapping[str, Any]) -> Iterator[tuple[Path_, Any]]:
    tree = look.take(data, ("product_tree",), dict, "a mapping")
    yield from look.items(tree, ("product_tree", "full_product_names"))
    for path, relation in look.items(tree, ("product_tree", "relationships")):
        yield (*path, "full_product_name"), look.take(relation, (*path, "full_product_name"), dict, "a mapping", needed=True)
    branches = list(look.items(tree, ("product_tree", "branches")))
    while branches:
        path, branch = branches.pop(0)
        if "product" in branch:
            yield (*path, "product"), look.take(branch, (*path, "product"), dict, "a mapping")
        if len(path) > 2 * DEPTH:
            look.problem(path, "nested too deeply", allowed=f"{DEPTH} levels")
            continue
        branches += look.items(branch, (*path, "branches"))


def _hashed(look: _Look, product: Any, path: Path_, urls: tuple[str, ...]) -> Iterator[tuple[Path_, File]]:
    helper = look.take(product, (*path, "product_identification_helper"), dict, "a mapping")
    for at, hashed in look.items(helper, (*path, "product_identification_helper", "hashes")):
        name = look.text_of(hashed, (*at, "filename"), needed=True)
        digests = dict(_digests(look, hashed, at))
        url = next((url for url in urls if unquote(urlsplit(url).path.rpartition("/")[2]) == name and not url_fault(url)), "")
        yield at, replace(File(name, url=url), **digests)  # type: ignore[arg-type]  # names of text fields


def _digests(look: _Look, hashed: Any, path: Path_) -> Iterator[tuple[str, str]]:
    """Those we can compare; algorithms that we do not know leave the file without one, and that is named later."""
    for at, one in look.items(hashed, (*path, "file_hashes")):
        algorithm = look.text_of(one, (*at, "algorithm"), needed=True).lower().replace("-", "")
        value = look.text_of(one, (*at, "value"), needed=True).lower()
        if algorithm in LENGTHS:
            if len(value) != LENGTHS[algorithm] or set(value) - set("0123456789abcdef"):
                look.problem((*at, "value"), f"not a {algorithm} digest", value, f"{LENGTHS[algorithm]} hexadecimal digits")
            yield algorithm, value
