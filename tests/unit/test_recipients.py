# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who hears of a change: nobody is forgotten, nobody twice, and whoever cannot be reached is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import recipients

SERVICES: dict[str, dict[str, Any]] = {
    "web": {"id": "web", "owner": "zhang", "deputy": "li", "stakeholders": ["liu", "business@example.com", "zhang"]},
    "wiki": {"id": "wiki", "owner": "li", "stakeholders": ["Business@example.com"]},
}


def person(mail: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "x", "roles": [], "active": True, "deputy": None, "contact": {"mail": mail} if mail else {}, **more}


PEOPLE = {
    "zhang": person("zhang@example.com", roles=["owner", "approver"]), "li": person("li@example.com", roles=["executor"]),
    "wang": person("wang@example.com", roles=["approver"]), "liu": person("liu@supplier.example", roles=["supplier"]),
}  # fmt: skip


def of(purpose: str = "announce", services: Any = None, people: Any = None, approver: str | None = None, **more: Any) -> tuple[list[str], list[str]]:
    """Addresses, and the messages of the refusals."""
    change = Change("CHG-20261123-01", Path("changes/CHG-20261123-01.yml"), {"approver": approver, "service": ["web"]}, "", "")
    found, findings = recipients.of(purpose, change, SERVICES if services is None else services, PEOPLE if people is None else people, **more)
    assert all(finding.remedy for finding in findings)
    return found, [finding.message for finding in refusals(findings)]


def test_everybody_concerned_hears_of_it_once() -> None:
    assert of() == (["zhang@example.com", "li@example.com", "liu@supplier.example", "business@example.com"], [])


def test_the_report_goes_to_the_approver_of_the_change_or_to_all_who_may_be() -> None:
    assert of("report", approver="wang") == (["wang@example.com"], [])
    assert of("report") == (["zhang@example.com", "wang@example.com"], [])


def test_a_deputy_stands_in_for_who_is_not_active() -> None:
    people = {**PEOPLE, "zhang": person("zhang@example.com", active=False, deputy="wu"), "wu": person("wu@example.com", active=False, deputy="wang")}
    found, refused = of(people=people)
    assert found[0] == "wang@example.com" and "zhang@example.com" not in found and refused == []
    assert of("report", people=people, approver="zhang") == (["wang@example.com"], [])


@pytest.mark.parametrize("deputy", [None, "zhang", "li", "gone"])
def test_nobody_stands_in(deputy: str | None) -> None:
    """No deputy, oneself, a circle, somebody unknown: found, not looped."""
    people = {**PEOPLE, "zhang": person("a@example.com", active=False, deputy=deputy), "li": person("b@example.com", active=False, deputy="zhang")}
    found, refused = of(people=people)
    assert found == ["liu@supplier.example", "business@example.com"]
    assert any("zhang" in message and "not active" in message for message in refused)


def test_an_unknown_person_is_named_with_the_nearest() -> None:
    change = Change("CHG-20261123-01", Path("c.yml"), {}, "", "")
    found, findings = recipients.of("announce", change, {"web": {"owner": "zhang", "stakeholders": ["wangg"]}}, PEOPLE)
    assert found == ["zhang@example.com"]
    [finding] = refusals(findings)
    assert "wangg (stakeholder of web) is neither in people.yml nor an address" in finding.message
    assert "write wang" in finding.remedy and "itops lint" in finding.remedy


def test_a_person_without_mail_refuses_unless_only_robots_speak() -> None:
    people = {**PEOPLE, "liu": person()}
    assert of(people=people)[1] == ["liu (stakeholder of web) has no mail address"]
    assert of(people=people, mailed=False)[1] == []


def test_a_deputy_who_cannot_be_reached_is_only_a_warning() -> None:
    change = Change("CHG-20261123-01", Path("c.yml"), {}, "", "")
    _found, findings = recipients.of("announce", change, {"web": {"owner": "zhang", "deputy": "li"}}, {**PEOPLE, "li": person()})
    assert [(finding.severity, finding.ok) for finding in findings] == [("warning", False)]


def test_nobody_at_all_is_refused() -> None:
    assert of(services={"web": {}}) == ([], ["nobody is named who would have to hear of it"])
    assert of("report", people={"li": person("li@example.com")}) == ([], ["nobody is named who would have to hear of it"])


@pytest.mark.parametrize("text", ["a@b\nBcc: c@d", "a@b, c@d", "<a@b>", "a b@c", "a@b@c", "@b", "a@", "a", "a@b\x00", "a@b\u2028", f"{'a' * 250}@example.com"])
def test_what_is_no_bare_address(text: str) -> None:
    assert not recipients.is_address(text)
    found, refused = of(services={"web": {"owner": "zhang", "stakeholders": [text]}})
    assert found == ["zhang@example.com"] and len(refused) == 1
    assert recipients.mail_of(person(text)) == "" or text.strip() != text


@pytest.mark.parametrize("text", ["a@b", "zhang.wei+ops@example.com", "用户@例子.公司", "o'brien@example.com"])
def test_what_is_an_address(text: str) -> None:
    assert recipients.is_address(text)
