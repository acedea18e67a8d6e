# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People of any house who share this account and therefore sign; what they decide is decided by the commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity

from tests.house import House

ALWAYS = [{"start": "00:00", "end": "24:00"}]
PEOPLE = {"zhang": ["owner"], "li": ["executor"], "wang": ["approver"], "zhao": ["reviewer"]}


def move_in(house: House) -> None:
    """The department: keys, hours of the service, whom to tell. From here on nothing is decided by itself."""
    house.governed = False
    record = house.read_service("shop")
    record["maintenance"] |= {"business_low": ALWAYS, "supplier_hours": ALWAYS}
    record["stakeholders"] = ["zhang"]
    house.service(record)
    people = []
    for pid, roles in PEOPLE.items():
        made = json.loads(house.itops("people", "key", f"keys/{pid}.pem", "--new", "--format", "json").stdout)
        people.append({"id": pid, "name": pid, "roles": roles, "accounts": [identity.account()], "public_key": made["public_key"],
                       "contact": {"mail": f"{pid}@example.com"}})  # fmt: skip
    house.write("inventory/people.yml", {"people": people})


def window() -> dict[str, str]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(hours=3)).isoformat()}


def decide(house: House, who: str, verb: str, cid: str, *more: str, expect: int = 0) -> str:
    done = house.itops("change", verb, cid, "--as", who, "--key", f"keys/{who}.pem", *more)
    assert done.returncode == expect, (verb, done.stdout, done.stderr)
    return done.stdout + done.stderr


STEPS: dict[str, tuple[str, ...]] = {  # guard -> who decides what
    "assessed": ("li", "assess"),
    "supplier": ("li", "supplier", "--contact", "刘洋", "--content-ok", "--rollback-ok", "--evidence", "mail.eml"),
    "reported": ("li", "report", "--by-hand", "例会"),
    "approved": ("wang", "approve", "--remark", "同意"),
    "announced": ("li", "announce", "--by-hand", "公告栏"),
    "checklist": ("li", "checklist", "--yes"),
}


def decide_all(house: House, cid: str) -> None:
    """All that a complex change needs, in its order."""
    (house.root / "mail.eml").write_text("内容与回滚方案已确认\n", "utf-8")
    for who, verb, *more in STEPS.values():
        decide(house, who, verb, cid, *more)
