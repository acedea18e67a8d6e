# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops change observe|review|close`: what people decide after a change was carried out (M9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import views
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import closing, decide, decisions
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import watched
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED

from itops_cli import credentials
from itops_cli.changes import deciding
from itops_cli.errors import Exit


@click.command("observe")
@click.option("--fine/--abnormal", "fine", default=True, show_default=True, help="Whether everything was as it should be.")
@deciding.options
def observe(change: str, who: str, key: str | None, remark: str, fmt: str, fine: bool) -> None:
    """Say what you saw when you watched the service after the run (人工观察): needed where no monitor did.

    Example: itops change observe CHG-20261123-01 --remark 观察15分钟，登录、下单与日志正常
    """
    if not remark.strip():
        raise Exit(2, "--remark is needed: what was watched, and what you saw")
    now = deciding.look(change)
    details = {"verdict": watched.FINE if fine else "abnormal", "services": watched.by_hand(now.events)}
    deciding.take(now, decisions.OBSERVE, deciding.maker(now, who, key), remark, fmt, details)


@click.command("review")
@click.option("--accept/--object", "accept", default=True, show_default=True, help="Whether outcome and record are accepted.")
@deciding.options
def review(change: str, who: str, key: str | None, remark: str, fmt: str, accept: bool) -> None:
    """Review what was carried out and its record (复核), by somebody else than the executor.

    Example: itops change review CHG-20261123-01 --accept --remark 记录完整
    """
    if not accept and not remark.strip():
        raise Exit(2, "--object needs --remark: what is objected to")
    now = deciding.look(change)
    last = next((event for event in reversed(now.events) if event.kind == "run_closed"), None)
    details = {"verdict": "accepted" if accept else "objected", "head": last.hash if last else "", "seq": last.seq if last else 0}
    deciding.take(now, decisions.REVIEW, deciding.maker(now, who, key), remark, fmt, details)


@click.command("close")
@click.option("--leave-open", "left", multiple=True, metavar="ID=REASON", help="Leave this reference open, with the reason; may be given several times.")
@deciding.options
def close(change: str, who: str, key: str | None, remark: str, fmt: str, left: tuple[str, ...]) -> None:
    """Close the change for good, and its related incidents and tickets with it (关闭事件或工单).

    Example: itops change close CHG-20261123-01 --leave-open INC-7=观察一周
    """
    now = deciding.look(change)
    by = deciding.maker(now, who, key)
    refused = [finding for finding in decide.allowed(now, decisions.CLOSE) if not finding.ok and finding.severity == "error"]
    if refused:
        raise Exit(REFUSED, "\n".join(map(str, refused)))
    settled = list(_settled(now, dict(_reasons(left)), remark))
    unsettled = [line for line in settled if not line["ok"] and not line["reason"]]
    if unsettled:
        ledger = Ledger(now.ws.record_dir(now.change.id), now.change.id)
        ledger.append("references_open", {"references": settled}, phase=decisions.PHASE, actor=now.account)
        views.write_views(ledger.directory, ledger.events())
        lines = [f"{line['reference']}: {line['detail']} → close it there and try again, or --leave-open {line['reference']}=REASON" for line in unsettled]
        raise Exit(REFUSED, "\n".join(lines))
    deciding.take(now, decisions.CLOSE, by, remark, fmt, {"references": settled})


def _settled(now: Facts, reasons: dict[str, str], remark: str) -> Iterator[dict[str, Any]]:
    """Every reference: left open with its reason, or closed in its system as the answer says."""
    references = closing.due(now)
    done = _closed(now, [r for r in references if r["id"] not in reasons and r.get("close", True)], remark)
    for reference in references:
        name = reference["id"]
        reason = reasons.get(name) or ("" if reference.get("close", True) else "the plan leaves it open")
        ok, system, detail = done.get(name, (False, "", "left open" if reason else "no ticket system in policy.yml has its prefix"))
        yield {"reference": name, "ok": ok, "reason": reason, "system": system, "detail": detail}


def _closed(now: Facts, references: list[dict[str, Any]], remark: str) -> dict[str, tuple[bool, str, str]]:
    """What the ticket systems made of these references."""
    if not references or not now.policy["tickets"]:
        return {}
    from itops_cli import tickets  # HTTP is loaded only where something is closed

    text = remark or f"{now.change.id} {now.change.data['title']}"
    answers = tickets.close_all(references, now.policy["tickets"], text, lambda ref: credentials.resolve(ref, now.ws))
    return {answer.reference: (answer.ok, answer.system, answer.detail) for answer in answers}


def _reasons(left: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in left:
        name, equals, reason = text.partition("=")
        if not equals or not reason.strip():
            raise Exit(2, f"--leave-open {text}: not ID=REASON")
        yield name.strip(), reason.strip()
