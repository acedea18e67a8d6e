# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who must hear of a change: everybody concerned (通告相关方), or those who approve it (方案上报), each with an address that works."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import people as directory
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding

ANNOUNCE, REPORT = "announce", "report"
NAME = "recipients"  # of the findings
FILE = "inventory/people.yml"
ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]]+@[^\s@<>(),;:\\\"\[\]]+")

People = Mapping[str, Mapping[str, Any]]
Wanted = tuple[str, str, str]  # person or address, why, severity where nothing comes of it


def of(purpose: str, change: Change, services: People, people: People, mailed: bool = True) -> tuple[list[str], list[Finding]]:
    """Addresses without doubles, and a finding for everybody who has none.

    `services` are those of the change. Not `mailed` (there are only robots and webhooks): a person without mail is a warning.
    """
    wanted = list(_told(services) if purpose == ANNOUNCE else _asked(change, people))
    found: dict[str, str] = {}
    findings = []
    for who, why, severity in wanted:
        address, finding = _reach(who, why, severity, people, mailed)
        findings += [finding] if finding else []
        if address:
            found.setdefault(address.casefold(), address)
    if not wanted:
        findings.append(Finding(NAME, False, "nobody is named who would have to hear of it", _nobody(purpose, change)))
    return list(found.values()), list(dict.fromkeys(findings))


def standing_in(pid: str, people: People) -> str:
    """The person, or whoever stands in where they are not active any more, deputy after deputy; "" where nobody does."""
    seen: set[str] = set()
    while pid in people and pid not in seen:
        if people[pid].get("active", True):
            return pid
        seen.add(pid)
        pid = str(people[pid].get("deputy") or "")
    return ""


def mail_of(person: Mapping[str, Any]) -> str:
    """A usable address; "" where there is none."""
    address = str((person.get("contact") or {}).get("mail") or "").strip()
    return address if is_address(address) else ""


def is_address(text: str) -> bool:
    """One bare address: nothing in it that a header could take for more."""
    return bool(ADDRESS.fullmatch(text)) and text.isprintable() and len(text) <= 254


def _told(services: People) -> Iterator[Wanted]:
    for sid, service in services.items():
        if service.get("owner"):
            yield str(service["owner"]), f"owner of {sid}", "error"
        if service.get("deputy"):
            yield str(service["deputy"]), f"deputy of {sid}", "warning"
        yield from ((str(who), f"stakeholder of {sid}", "error") for who in service.get("stakeholders") or [])


def _asked(change: Change, people: People) -> Iterable[Wanted]:
    """The approver that the change names, else everybody who may be."""
    if change.data.get("approver"):
        return [(str(change.data["approver"]), f"approver of {change.id}", "error")]
    return [(pid, "approver", "error") for pid, person in people.items() if "approver" in (person.get("roles") or []) and person.get("active", True)]


def _nobody(purpose: str, change: Change) -> str:
    where = "stakeholders in the service's record" if purpose == ANNOUNCE else f"approver in {change.path.name}, or the role approver in {FILE}"
    return f"set {where}; then: itops lint"


def _reach(who: str, why: str, severity: str, people: People, mailed: bool) -> tuple[str, Finding | None]:
    """The address of one, or why there is none."""
    if who not in people:
        if is_address(who):
            return who, None
        return "", Finding(
            NAME, False, f"{who} ({why}) is neither in people.yml nor an address", f"{directory.nearest(who, people)}; then: itops lint", severity
        )
    acting = standing_in(who, people)
    if not acting:
        return "", Finding(NAME, False, f"{who} ({why}) is not active and nobody stands in", f"set deputy of {who} in {FILE}; then: itops lint", severity)
    address = mail_of(people[acting])
    if address:
        return address, None
    acts = acting if acting == who else f"{acting} (for {who})"
    remedy = f"set contact: {{mail: …}} of {acting} in {FILE}; then: itops lint"
    return "", Finding(NAME, False, f"{acts} ({why}) has no mail address", remedy, severity if mailed else "warning")
