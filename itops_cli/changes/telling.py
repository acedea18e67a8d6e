# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops change report|announce`: the plan goes upward (上报), the news to everybody concerned (通告相关方)."""

from __future__ import annotations

from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decide, decisions, messages, recipients
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED

from itops_cli import channels, credentials
from itops_cli.changes import deciding
from itops_cli.errors import Exit, say
from itops_cli.output import emit

LANGUAGES = ("zh_CN", "en")


def _verb(purpose: str, what: str, help_text: str) -> click.Command:
    @click.command(purpose, help=f"{help_text}\n\nExample: itops change {purpose} CHG-20261123-01 --dry-run")
    @click.option("--dry-run", is_flag=True, help="Print the text and who would get it; nothing is sent or recorded.")
    @click.option("--by-hand", default="", metavar="HOW", help="It was told by other means; say how. Nothing is sent.")
    @deciding.options
    def tell(change: str, who: str, key: str | None, remark: str, fmt: str, dry_run: bool, by_hand: str) -> None:
        if by_hand and not by_hand.strip():
            raise Exit(2, "--by-hand needs how it was told")
        now = deciding.look(change)
        message, unreached = _message(now, purpose, bool(by_hand))
        if dry_run:
            _show(message, unreached, fmt)
            return
        by = deciding.maker(now, who, key)
        refused = refusals([*decide.allowed(now, what), *unreached])
        if refused:
            raise Exit(REFUSED, "\n".join(map(str, refused)))
        deliveries = [] if by_hand else _send(now, purpose, message)
        details = {"recipients": list(message.recipients), "deliveries": deliveries, "reason": by_hand, "text": _keep(now, message)}
        deciding.take(now, what, by, remark, fmt, details)
        lost = [d for d in deliveries if d["required"] and not d["ok"]]
        if lost:
            raise Exit(
                REFUSED,
                "\n".join(
                    f"not delivered through {d['channel']}: {d['detail']} → mend the channel and say it again: itops change {purpose} {change}" for d in lost
                ),
            )

    return tell


def _show(message: channels.Message, unreached: list[Finding], fmt: str) -> None:
    """What would be sent, and to whom."""
    data = {
        "recipients": list(message.recipients),
        "unreached": [finding.as_dict() for finding in unreached],
        "subject": message.subject,
        "texts": message.texts,
    }
    emit(data, fmt, lambda: "\n\n".join([", ".join(message.recipients), *map(str, unreached), *message.texts.values()]))


def _message(now: Facts, purpose: str, by_hand: bool) -> tuple[channels.Message, list[Finding]]:
    """The text in both languages, and whom it cannot reach."""
    services = {sid: now.services[sid] for sid in now.change.services}
    rendered = {lang: messages.render(purpose, now.change, services, now.people, _assessment(now), lang) for lang in LANGUAGES}
    mailed = not by_hand and any(channel["type"] == "mail" and purpose in channel["purpose"] for channel in now.policy["channels"])
    reached, findings = recipients.of(purpose, now.change, services, now.people, mailed)
    texts, subjects = ({lang: pair[n] for lang, pair in rendered.items()} for n in (1, 0))
    return channels.Message(subjects["zh_CN"], texts, now.change.id, purpose, tuple(reached), subjects), findings


def _assessment(now: Facts) -> dict[str, Any]:
    """The rules with their trace, and what people said about them."""
    said, supplier = now.latest(decisions.ASSESS), now.latest(decisions.CONFIRM_SUPPLIER)
    found = now.computed.as_dict()
    if said and said.details.get("override"):
        found["override"] = {"complexity": said.details.get("complexity"), "by": said.by, "reason": said.details.get("reason")}
    if supplier:
        found["supplier_confirmation"] = {"contact": supplier.details.get("contact"), "at": supplier.details.get("confirmed_at") or supplier.at}
    return found


def _send(now: Facts, purpose: str, message: channels.Message) -> list[dict[str, Any]]:
    wanted = [channel for channel in now.policy["channels"] if purpose in channel["purpose"]]
    if not wanted:
        raise Exit(REFUSED, f"no channel in policy.yml serves to {purpose} → add one, or say how it was told: --by-hand HOW")
    sent = channels.send_all(wanted, purpose, message, lambda ref: credentials.resolve(ref, now.ws))
    required = {channel["id"]: channel["required"] for channel in wanted}
    for delivery in sent:
        say(f"{delivery.channel}: {'delivered' if delivery.ok else 'not delivered: ' + delivery.detail}")
    return [
        {"channel": d.channel, "type": d.type, "ok": d.ok, "attempts": d.attempts, "at": d.at, "detail": d.detail, "required": required[d.channel]}
        for d in sent
    ]


def _keep(now: Facts, message: channels.Message) -> str:
    """The text that was sent stays beside the record, under its digest."""
    return Ledger(now.ws.record_dir(now.change.id), now.change.id).evidence("\n\n---\n\n".join(message.texts.values()).encode())


report = _verb("report", decisions.REPORT, "Report the plan upward (将维护方案上报), through the channels of policy.yml.")
announce = _verb("announce", decisions.ANNOUNCE, "Tell everybody concerned (通告相关方), through the channels of policy.yml.")
