# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A complex change in a small workspace, and people who share one account and therefore sign."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions, facts, identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.decisions import Maker
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger

from tests.unit import make

ALWAYS = [{"start": "00:00", "end": "24:00"}]
ROLES = {"zhang": ["owner"], "li": ["executor"], "wang": ["approver"], "zhao": ["reviewer"], "chen": []}
DELIVERED = {"recipients": ["zhang@example.com"], "deliveries": [{"channel": "mail", "required": True, "ok": True}]}
LOST = {"recipients": ["zhang@example.com"], "deliveries": [{"channel": "mail", "required": True, "ok": False, "detail": "refused"}]}
CONFIRMED = {"contact": "刘洋", "content_ok": True, "rollback_ok": True, "evidence": "0" * 64}


def window(hours: float = 3) -> dict[str, str]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(hours=hours)).isoformat()}


class Office:
    """One workspace with a complex change; decisions are written as the commands write them."""

    def __init__(self, root: Path, change: str = make.CHANGE, **parts: Any):
        self.root, self.id = root, change
        make.workspace(root, maintenance={**make.web()["maintenance"], "business_low": ALWAYS, "supplier_hours": ALWAYS})
        self.keys = root / "keys"
        people = []
        for pid, roles in ROLES.items():
            identity.new_key(self.keys / f"{pid}.pem")
            key = identity.public_text(identity.private_key(self.keys / f"{pid}.pem"))
            people.append(
                {"id": pid, "name": pid, "roles": roles, "accounts": [identity.account()], "public_key": key, "contact": {"mail": f"{pid}@example.com"}}
            )
        make.dump(root / "inventory/people.yml", {"people": people})
        self.path = make.change(root, change, **{"category": "normal", "executor": "li", **parts, "plan": {"window": window(), **parts.get("plan", {})}})

    def edit(self, **parts: Any) -> None:
        """Rewrite the change file; `plan` is merged."""
        data = yaml.safe_load(self.path.read_text("utf-8"))
        make.dump(self.path, {**data, **parts, "plan": {**data["plan"], **parts.get("plan", {})}})

    def look(self) -> Facts:
        ws = workspace.load(self.root)
        known = catalogue.load(ws)
        change = change_file.load(change_file.find(ws, self.id), known.services, known.people)
        return facts.gather(ws, change, known.services, known.people, Ledger(ws.record_dir(change.id), change.id).events())

    def maker(self, by: str, key: str = "") -> Maker:
        return Maker(by, identity.account(), by, identity.signer(str(self.keys / f"{key or by}.pem")))

    def decide(self, what: str, by: str, details: Mapping[str, Any] | None = None, key: str = "") -> None:
        now = self.look()
        decisions.append(now.ws, now.change, what, self.maker(by, key), "", details)

    def assess(self, by: str = "li", simple: bool = False) -> None:
        computed = "complex" if self.look().computed.complex else "simple"
        self.decide(decisions.ASSESS, by, {"computed": computed, "complexity": "simple" if simple else computed, "override": simple, "reason": "小改动"})

    def checklist(self, by: str = "li") -> None:
        self.decide(decisions.CHECKLIST, by, {"list_digest": self.look().list_digest})

    def all(self) -> None:
        """Everything a complex change needs."""
        self.all_but_approval()
        self.decide(decisions.APPROVE, "wang")

    def all_but_approval(self) -> None:
        self.assess()
        self.decide(decisions.CONFIRM_SUPPLIER, "li", CONFIRMED)
        self.decide(decisions.REPORT, "li", DELIVERED)
        self.decide(decisions.ANNOUNCE, "li", DELIVERED)
        self.checklist()
