# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops change next|assess|supplier|approve|reject|checklist|cancel`: what people decide before a change is carried out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, service_lock
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions, lifecycle, standing
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import checklist as confirmed_list
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.lifecycle import Standing
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger

from itops_cli.changes import deciding
from itops_cli.completing import CHANGE
from itops_cli.errors import Exit
from itops_cli.output import emit, format_option, lang_option


@click.command("next")
@click.argument("change", type=CHANGE)
@lang_option
@format_option
def next_step(change: str, lang: str, fmt: str) -> None:
    """Where the change stands, what is missing, and the command for each.

    Example: itops change next CHG-20261123-01
    """
    now = deciding.look(change)
    told = standing.of(now)
    found = [finding for finding in told.missing if not finding.ok]
    data = {
        "change": change, "category": now.change.data["category"], "complexity": "complex" if now.complex else "simple", "plan_digest": now.change.plan_digest,
        "state": told.state, "next": told.target, "missing": [f.as_dict() for f in found], "held": [f.as_dict() for f in told.held],
        "trace": [t.as_dict() for t in now.computed.trace],
    }  # fmt: skip
    emit(data, fmt, lambda: "\n".join(_standing(now, told, lang)))


def _standing(now: Facts, told: Standing, lang: str) -> list[str]:
    lines = [f"{now.change.id} {now.change.data['title']}: {_state(told.state, lang)}" + (f" → {_state(told.target, lang)}" if told.target else "")]
    lines += [f"  ✓ {finding.message}" for finding in told.held if finding.ok]
    for finding in told.missing:
        mark = "✓" if finding.ok else "✗" if finding.severity == "error" else "!"
        lines.append(f"  {mark} {finding.message}" + ("" if finding.ok else f"\n      → {finding.remedy}"))
    lines += _over(now, told.state)
    ready = told.target and not [f for f in told.missing if not f.ok and f.severity == "error"]
    return [*lines, *([f"next: itops run {now.change.id}"] if ready and told.target == "executing" else [])]


def _over(now: Facts, state: str) -> list[str]:
    """Where no guard is asked any more: who ended it, or what a run under way needs."""
    said = next((d for d in reversed(now.decisions) if d.what in (decisions.REJECT, decisions.CANCEL) and not d.fault), None)
    cid = now.change.id
    if said and state in (lifecycle.REJECTED, lifecycle.CANCELLED):
        way = f"edit the plan, or itops change approve {cid}" if state == lifecycle.REJECTED else "itops change new"
        return [f"  ✗ {said.what} by {said.by} at {said.at}: {said.remark}\n      → {way}"]
    if state in (lifecycle.EXECUTING, lifecycle.PAUSED, lifecycle.VERIFYING):
        alive = service_lock.is_held(now.ws.records / ".locks", f"change-{cid}")
        way = f"itops watch {cid}" if alive else f"itops resume {cid}, or itops rollback {cid}"
        return [f"  {'•' if alive else '✗'} {'is being carried out now' if alive else 'its controller is gone'}\n      → {way}"]
    return []


def _state(name: str, lang: str) -> str:
    return f"{labels.label('state', name, lang)} ({name})"


@click.command("assess")
@click.option("--simple", "override", flag_value="simple", help="Hold it for simple against the rules; needs --reason and an approver or owner.")
@click.option("--complex", "override", flag_value="complex", help="Hold it for complex although no rule says so; needs --reason.")
@click.option("--reason", default="", help="Why the rules do not count here.")
@deciding.options
def assess(change: str, who: str, key: str | None, remark: str, fmt: str, override: str | None, reason: str) -> None:
    """Judge the complexity (判断维护复杂度): the rules with their trace, or another judgement with a reason.

    Example: itops change assess CHG-20261123-01
    """
    now = deciding.look(change)
    if override and not reason.strip():
        raise Exit(2, f"--{override} needs --reason")
    computed = "complex" if now.computed.complex else "simple"
    details = {"computed": computed, "complexity": override or computed, "override": bool(override and override != computed), "reason": reason,
               "trace": [t.as_dict() for t in now.computed.trace], "precedents": [p.change for p in now.precedents[:5]], "runbook": now.runbook}  # fmt: skip
    if fmt == "text":
        for trace in now.computed.trace:
            click.echo(f"  {'●' if trace.holds else '○'} {labels.label('complexity', trace.rule)}: {trace.why}")
    deciding.take(now, decisions.ASSESS, deciding.maker(now, who, key), remark, fmt, details)


@click.command("supplier")
@click.option("--contact", default="", help="Who confirmed, at the supplier: a person's id or a name.")
@click.option("--at", "when", default="", help="When, as RFC 3339 (default: now).")
@click.option("--content-ok/--content-not-ok", default=None, help="The content of the change is confirmed.")
@click.option("--rollback-ok/--rollback-not-ok", default=None, help="The way back is confirmed.")
@click.option("--evidence", type=click.Path(exists=True, dir_okay=False), help="The mail or ticket that shows it; kept beside the record by its digest.")
@click.option("--waive", is_flag=True, help="Do without the confirmation: an approver or the owner, with --reason.")
@click.option("--reason", default="", help="Why it is waived.")
@deciding.options
def supplier(change: str, who: str, key: str | None, remark: str, fmt: str, contact: str, when: str, content_ok: bool | None, rollback_ok: bool | None,
             evidence: str | None, waive: bool, reason: str) -> None:  # fmt: skip
    """The supplier's confirmation of content and rollback (联系供应商确认内容及回滚方案), or a named waiver.

    Example: itops change supplier CHG-20261123-01 --contact liu.yang --content-ok --rollback-ok --evidence mail.eml
    """
    now = deciding.look(change)
    by = deciding.maker(now, who, key)
    if waive:
        if not reason.strip():
            raise Exit(2, "--waive needs --reason")
        deciding.take(now, decisions.WAIVE, by, remark, fmt, {"reason": reason})
        return
    missing = [
        name
        for name, given in (
            ("--contact", contact.strip()),
            ("--content-ok", content_ok is not None),
            ("--rollback-ok", rollback_ok is not None),
            ("--evidence", evidence),
        )
        if not given
    ]
    if missing or evidence is None:
        raise Exit(2, f"missing: {', '.join(missing)} (or --waive --reason …)")
    _plausible(now, when, Path(evidence))
    deciding.may(now, decisions.CONFIRM_SUPPLIER, by)  # before anything is kept
    name = Ledger(now.ws.record_dir(now.change.id), now.change.id).evidence(Path(evidence).read_bytes())
    details = {"contact": contact, "confirmed_at": when, "content_ok": content_ok, "rollback_ok": rollback_ok, "evidence": name, "file": Path(evidence).name}
    deciding.take(now, decisions.CONFIRM_SUPPLIER, by, remark, fmt, details)


def _plausible(now: Facts, when: str, evidence: Path) -> None:
    """A time that has been, and a file with something in it."""
    try:
        past = not when or datetime.fromisoformat(when).astimezone() <= now.at
    except ValueError:
        raise Exit(2, f"--at {when}: not a time, such as 2026-11-23T10:00:00+08:00") from None
    if not past:
        raise Exit(2, f"--at {when}: is still to come")
    if not evidence.is_file() or not evidence.read_bytes().strip():
        raise Exit(2, f"--evidence {evidence}: nothing in it")


def _plain(name: str, what: str, help_text: str, needs_remark: bool = False) -> click.Command:
    @click.command(name, help=f"{help_text}\n\nExample: itops change {name} CHG-20261123-01" + (" --remark 原因" if needs_remark else ""))
    @deciding.options
    def decide(change: str, who: str, key: str | None, remark: str, fmt: str) -> None:
        if needs_remark and not remark.strip():
            raise Exit(2, "--remark is needed: why")
        now = deciding.look(change)
        deciding.take(now, what, deciding.maker(now, who, key), remark, fmt)

    return decide


@click.command("checklist")
@click.option("--yes", is_flag=True, help="Confirm without being asked.")
@deciding.options
def checklist(change: str, who: str, key: str | None, remark: str, fmt: str, yes: bool) -> None:
    """Confirm the list of steps before the execution (确认维护步骤或清单内容); its digest is kept.

    Example: itops change checklist CHG-20261123-01 --yes
    """
    now = deciding.look(change)
    steps: list[dict[str, Any]] = confirmed_list(now.change)
    if fmt == "text":
        for step in steps:
            text = f"{step['no']:>3}. {step['title'] or step['id']}" if "no" in step else f"  –  {step['not_applicable']}"
            click.echo(f"{text} [{labels.value_label('step', step['kind'])}]")
    if not yes:
        click.confirm("confirm this list?", abort=True, err=True)
    deciding.take(now, decisions.CHECKLIST, deciding.maker(now, who, key), remark, fmt, {"list_digest": now.list_digest, "list": steps})


approve = _plain("approve", decisions.APPROVE, "Approve the plan as it is now (审批): an approver, their deputy or the owner, never who executes it.")
reject = _plain("reject", decisions.REJECT, "Reject the plan as it is now, with the reason.", True)
cancel = _plain("cancel", decisions.CANCEL, "End a change that has not been carried out, with the reason.", True)
