# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run-sheet of a change: what would be done, in the seed's own form, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, lineup
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan, Segment
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session

WORDS = {
    "zh_CN": {"gate": "检查结果", "passed": "通过", "refused": "不通过", "order": "主机顺序", "mode": "维护方式", "steps": "步骤", "expect": "验证方式",
              "rollback": "回滚", "stage": "批次", "ask": "需确认", "none": "—", "standby": "备", "primary": "主",
              "back_itself": "失败时主机自动回滚", "back_asked": "失败时由控制端回滚",
              "backup": "备份", "patch": "更新", "verify": "验证", "failover": "切换", "phase_gate": "检查"},
    "en": {"gate": "Gate", "passed": "passed", "refused": "refused", "order": "Host order", "mode": "Mode", "steps": "Steps", "expect": "expects",
           "rollback": "Rollback", "stage": "batch", "ask": "asks first", "none": "—", "standby": "standby", "primary": "primary",
           "back_itself": "on failure the host rolls back by itself", "back_asked": "on failure the controller rolls back",
           "backup": "backup", "patch": "patch", "verify": "verify", "failover": "failover", "phase_gate": "gate"},
}  # fmt: skip


def data(now: Session, plans: Sequence[HostPlan], findings: Sequence[Finding]) -> dict[str, Any]:
    """The run-sheet for programs."""
    return {
        "change": now.change.id,
        "title": now.change.data["title"],
        "plan_digest": now.change.plan_digest,
        "mode": now.mode,
        "gate": {"result": "refused" if refusals(findings) else "passed", "findings": [f.as_dict() for f in findings]},
        "hosts": [_host(plan) for plan in plans],
    }


def text(sheet: dict[str, Any], lang: str) -> str:
    """The run-sheet for people, every command in the `[用户@服务名称]#` form."""
    words = WORDS[lang]
    lines = [
        f"# {sheet['change']} {sheet['title']}",
        "",
        f"{words['mode']}: {labels.value_label('values', sheet['mode'], lang)}",
        "",
        f"## {words['gate']}: {words[sheet['gate']['result']]}",
        "",
    ]
    lines += [f"- {Finding(**finding)}" for finding in sheet["gate"]["findings"]] or [words["none"]]
    lines += ["", f"## {words['order']}", ""]
    lines += [f"{n}. {h['host']} ({words.get(h['role'], h['role'])}, {words['stage']} {h['stage']}.{h['batch']})" for n, h in enumerate(sheet["hosts"], 1)]
    for host in sheet["hosts"]:
        lines += ["", f"## {host['host']}: {words['steps']}", "", *_steps(host["segments"], host, words)]
        back = words["back_itself"] if host["rolls_back_itself"] else words["back_asked"]
        lines += ["", f"### {words['rollback']} ({back})", "", *(_steps(host["rollback"], host, words) or [words["none"]])]
    return "\n".join(lines)


def _host(plan: HostPlan) -> dict[str, Any]:
    return {
        **plan.target.as_dict(),
        "rolls_back_itself": plan.rolls_back_itself(),
        "segments": [_segment(segment) for segment in [plan.preflight(), *lineup.forward(plan)]],
        "rollback": [_segment(segment) for segment in plan.rollback()] if plan.can_roll_back() else [],
    }


def _segment(segment: Segment) -> dict[str, Any]:
    shown = [{key: step[key] for key in lineup.SHOWN} for step in segment.steps]
    return {**segment.summary(), "steps": shown}


def _steps(segments: Sequence[dict[str, Any]], host: dict[str, Any], words: dict[str, str]) -> list[str]:
    lines: list[str] = []
    for segment in segments:
        for step in segment["steps"]:
            phase = words.get(f"phase_{step['phase']}") or words.get(step["phase"], step["phase"])
            asked = f" ({words['ask']})" if segment["confirm"] else ""
            expect = ", ".join(f"{key}={value}" for key, value in (step["expect"] or {}).items())
            lines.append(f"{len(lines) // 2 + 1}. [{phase}] {step['title']}{asked}")
            lines.append(f"   [{step['run_as'] or 'root'}@{host['service']}]# {step['display']}" + (f"  ({words['expect']}: {expect})" if expect else ""))
    return lines
