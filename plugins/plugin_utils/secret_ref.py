# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References to secrets: `env:NAME`, `file:PATH`, `ansible-vault:FILE#KEY`, `vault:MOUNT/PATH#KEY`, `pass:ENTRY`.

What a record, a change or policy.yml keeps is the reference. The value is read when it is needed, by a lookup plugin in a run
and by the command line for itself; no message here ever holds it. There is no kind that runs a command line of its own:
whoever may edit a record could run anything on the controller with it.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import placeholders, redact
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem

PLACEHOLDER = "credential"  # `%{credential}` in a step: what credentials.ref of its service stands for
KEYED = r"(?P<place>[\w./@+-]*\w)#(?P<key>[\w.-]+)"
FORMS = {
    "env": r"(?P<place>[A-Za-z_]\w*)",
    "file": r"(?P<place>[^\s-].*)",
    "ansible-vault": r"(?P<place>[^\s#-][^#]*)#(?P<key>[\w.-]+)",
    "vault": rf"(?P<mount>[\w-]+)/{KEYED}",
    "pass": r"(?P<place>[^\s-].*)",
}
SAME = {"hashi_vault": "vault"}
ALLOWED = "env:NAME, file:PATH, ansible-vault:FILE#KEY, vault:MOUNT/PATH#KEY, pass:ENTRY"
VAULT_HEADER = b"$ANSIBLE_VAULT;"
OTHERS = stat.S_IROTH | stat.S_IWOTH
MOST = 64 * 1024  # bytes a file of secrets may have

Record = Mapping[str, Any]


class Unresolved(Exception):
    """Why a reference has no value: names the reference and what to do, never a value."""

    def __init__(self, ref: str, why: str, remedy: str):
        self.why = f"{ref}: {why}"
        self.remedy = remedy
        super().__init__(f"{self.why} → {remedy}")

    def problem(self, file: str, path: str = "credentials.ref") -> Problem:
        return Problem(file, 0, path, self.why, remedy=self.remedy)


@dataclass(frozen=True)
class Reference:
    """One reference, taken apart; `str` gives it as it was written."""

    text: str
    kind: str
    place: str
    key: str = ""
    mount: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def remedy(self) -> str:
        """The command that shows or mends what it refers to."""
        return {
            "env": f"export {self.place}=…, or let AWX's credential set it",
            "file": f"put it into the first line of {self.place}, readable by its owner only: chmod 600 {shlex.quote(self.place)}",
            "ansible-vault": f"ansible-vault edit {shlex.quote(self.place)}, with ANSIBLE_VAULT_PASSWORD_FILE set",
            "vault": f"vault kv get -mount={self.mount} -field={self.key} {self.place}, with VAULT_ADDR and VAULT_TOKEN set",
            "pass": f"pass show {shlex.quote(self.place)}",
        }[self.kind]

    def fault(self, why: str, remedy: str = "") -> Unresolved:
        return Unresolved(self.text, why, remedy or self.remedy)

    def path(self, root: Path) -> Path:
        """Of the kinds that name a file; a relative one lies in the workspace."""
        return root / Path(self.place).expanduser()


def is_reference(text: str) -> bool:
    """Whether the text begins as a reference does; an address (`https:…`) does not."""
    kind = text.partition(":")[0]
    return ":" in text and SAME.get(kind, kind) in FORMS


def parse(text: str) -> Reference:
    """The reference in this text. Raises Unresolved for another store than the known ones, and for a wrong form."""
    kind, _colon, rest = text.partition(":")
    kind = SAME.get(kind, kind)
    if not is_reference(text):
        shown = f"{kind}:…" if _colon else "this text"  # what is no reference may be the secret itself
        raise Unresolved(shown, "no place a secret can be read from", f"write one of: {ALLOWED}")
    found = re.fullmatch(FORMS[kind], rest)
    if not found or not rest.isprintable() or ".." in rest.split("/"):
        raise Unresolved(f"{kind}:…", "not the form of this reference", f"write one of: {ALLOWED}")
    return Reference(text, kind, **found.groupdict())


def checked_file(ref: Reference, root: Path) -> Path:
    """The file of a reference. Raises Unresolved where it is missing, open to everybody, or not encrypted though it should be."""
    path = ref.path(root)
    try:
        with path.open("rb") as stream:
            found, head = os.fstat(stream.fileno()), stream.read(len(VAULT_HEADER))
    except OSError as error:
        raise ref.fault(f"cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST:
        raise ref.fault("not a small ordinary file")
    if ref.kind == "ansible-vault" and head != VAULT_HEADER:
        raise ref.fault("not encrypted", f"ansible-vault encrypt {shlex.quote(str(path))}")
    if ref.kind == "file" and found.st_mode & OTHERS:
        raise ref.fault("everybody may read it", f"chmod o-rw {shlex.quote(str(path))}")
    return path


def lookup(ref: Reference, root: Path) -> tuple[str, str, dict[str, Any]]:
    """The lookup plugin that reads it, its term and its options. Raises Unresolved where a file is not fit."""
    if ref.kind == "env":
        return "ansible.builtin.env", ref.place, {"default": ""}
    if ref.kind == "file":
        return "ansible.builtin.file", str(checked_file(ref, root)), {}
    if ref.kind == "ansible-vault":
        return "ansible.builtin.unvault", str(checked_file(ref, root)), {}
    if ref.kind == "vault":
        return "community.hashi_vault.vault_kv2_get", ref.place, {"engine_mount_point": ref.mount}
    return "ansible.builtin.pipe", f"pass show {shlex.quote(ref.place)}", {}


def value(ref: Reference, found: Any) -> str:
    """The secret in what was read: the first line, or the value of the key. Raises Unresolved."""
    if ref.kind == "vault":
        found = found.get("secret") if isinstance(found, Mapping) else None
    if ref.kind == "ansible-vault":
        found = _mapping(str(found))
    if ref.key:
        found = found.get(ref.key) if isinstance(found, Mapping) else None
        if not isinstance(found, (str, int, float)) or isinstance(found, bool):
            raise ref.fault(f"there is no text under the key {ref.key}")
    line = next(iter(str(found).splitlines()), "")
    if not line.strip():
        raise ref.fault("it is empty or not set")
    if len(line) < redact.SHORTEST:
        raise ref.fault(f"shorter than {redact.SHORTEST} characters: nothing could keep it out of the record", "choose a longer one")
    return line


def used(change_plan: Any, service: Record) -> bool:
    """Whether a step, check or command of this service needs its credential."""
    return PLACEHOLDER in {*placeholders.names(change_plan), *placeholders.names(dict(service))}


def reference_of(service: Record) -> Reference:
    """What `%{credential}` stands for on this service. Raises Unresolved where a person has to type it, or nothing is named."""
    kept = service.get("credentials") or {}
    where = f"inventory/services/{service['id']}.yml"
    if kept.get("custody") == "document":
        raise Unresolved(
            f"{service['id']}: %{{{PLACEHOLDER}}}", "the password is kept in a document, a person types it",
            f"do that step by hand, or move the password to a store and set credentials.custody and ref in {where}",
        )  # fmt: skip
    if not kept.get("ref"):
        raise Unresolved(f"{service['id']}: %{{{PLACEHOLDER}}}", "credentials.ref names no place", f"set credentials.ref in {where} to one of: {ALLOWED}")
    try:
        return parse(str(kept["ref"]))
    except Unresolved as error:
        raise Unresolved(f"{service['id']}: {kept['ref']}", "cannot be read at run time", f"set credentials.ref in {where} to one of: {ALLOWED}") from error


def findings(change_plan: Any, services: Mapping[str, Record], wanted: Iterator[str] | list[str]) -> Iterator[Finding]:
    """The gate's question that needs nothing read: may every credential the plan uses be read at all?"""
    for sid in wanted:
        if used(change_plan, services[sid]):
            try:
                yield Finding("credential", True, f"{sid}: {reference_of(services[sid])} is read at run time")
            except Unresolved as error:
                yield Finding("credential", False, error.why, error.remedy)


def _mapping(text: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:  # its message quotes the text
        return {}
    return found if isinstance(found, dict) else {}
