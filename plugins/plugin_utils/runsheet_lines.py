# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step as a person reads it: on the printed run-sheet, and live when the run asks. The same number, prompt and expectation in both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, lineup
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan

Step = Mapping[str, Any]


def numbers(plan: HostPlan) -> dict[tuple[str, str], str]:
    """(segment, step) -> its number: `host/3` on the way forward, `host/R1` on the way back. A limit to other hosts changes none of them."""
    found: dict[tuple[str, str], str] = {}
    back = plan.rollback() if plan.can_roll_back() else []
    for mark, segments in (("", lineup.course(plan)), ("R", back)):
        count = 0
        for segment in segments:
            for step in segment.steps:
                count += 1
                found.setdefault((segment.id, str(step["id"])), f"{plan.target.host}/{mark}{count}")
    return found


def prompt(step: Step, service: str, user: str = "") -> str:
    """`[用户@服务名称]# 命令`."""
    return f"[{step['run_as'] or user or 'root'}@{service}]# {step['display']}"


def expectation(step: Step, secret: Mapping[str, str]) -> str:
    """执行反馈信息 in one line; a secret value in it becomes `%{name}` again. "" where a return code of 0 is all."""
    shown = _named(step.get("expect") or {}, sorted(((value, name) for name, value in secret.items() if value), key=lambda pair: -len(pair[0])))
    return ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in shown.items() if value)


def _named(value: Any, secrets: list[tuple[str, str]]) -> Any:
    """Before anything is quoted or escaped, and the longest first: a secret may hold another one, quotes and line ends."""
    if isinstance(value, Mapping):
        return {_named(key, secrets): _named(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(item, secrets) for item in value]
    if isinstance(value, str):
        for text, name in secrets:
            value = value.replace(text, f"%{{{name}}}")
    return value


def question(plan: HostPlan, segment_id: str, steps: list[Step], user: str) -> str:
    """What a person is asked before these steps: the lines of the run-sheet."""
    known = numbers(plan)
    lines = []
    for step in steps:
        number = known.get((segment_id, str(step["id"])), plan.target.host)
        lines.append(f"{number} {step['title']}: {prompt(step, plan.target.service, user)}")
        if expected := expectation(step, plan.values.secret):
            lines.append(f"    {' / '.join(labels.label('runsheet', 'expects', lang) for lang in labels.LANGUAGES)}: {expected}")
    return "\n".join(lines)
