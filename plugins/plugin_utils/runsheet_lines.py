# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step as a person reads it: on the printed run-sheet, and live when the run asks. The same number, prompt and expectation in both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import instruction, labels, lineup
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


def prompt(step: Step, service: str, user: str, secret: Mapping[str, str]) -> str:
    """`[用户@服务名称]# 命令`; "" where there is no command to type."""
    command = instruction.typed(step, secret)
    return f"[{step['run_as'] or user or 'root'}@{service}]# {command}" if command else ""


def data(step: Step, service: str, user: str, secret: Mapping[str, str]) -> dict[str, Any]:
    """What a person needs to do this step: the prompt, or what is said instead of one, in every language."""
    typed = prompt(step, service, user, secret)
    return {
        "prompt": typed,
        "says": {} if typed else {lang: instruction.sentence(step, secret, lang) for lang in labels.LANGUAGES},
        "contents": [{"dest": dest, "text": text} for dest, text in instruction.contents(step, secret)],
        "expects": {lang: instruction.expectation(step, secret, lang) for lang in labels.LANGUAGES},
    }


def question(plan: HostPlan, segment_id: str, steps: list[Step], user: str) -> str:
    """What a person is asked before these steps: the lines of the run-sheet."""
    known = numbers(plan)
    lines = []
    for step in steps:
        said = data(step, plan.target.service, user, plan.values.secret)
        number = known.get((segment_id, str(step["id"])), plan.target.host)
        lines.append(f"{number} {step['title']}: {said['prompt'] or _both(said['says'])}")
        lines += [f"    {content['dest']}: {line}" for content in said["contents"] for line in content["text"].splitlines()]
        if said["expects"][labels.LANGUAGES[0]]:
            lines.append(f"    {_both({lang: labels.label('runsheet', 'expects', lang) for lang in labels.LANGUAGES})}: {_both(said['expects'])}")
    return "\n".join(lines)


def _both(said: Mapping[str, str]) -> str:
    """Who confirms may read either language."""
    return " / ".join(dict.fromkeys(said.values()))
