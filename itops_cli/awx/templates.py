# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job templates: one for each playbook, with what is asked for when it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Question = dict[str, Any]


def _asked(variable: str, name: str, description: str, longest: int, required: bool = False) -> Question:
    return {"variable": variable, "question_name": name, "question_description": description, "type": "text", "required": required,
            "min": 0, "max": longest, "default": ""}  # fmt: skip


CHANGE = _asked("change", "Change", "Its id, CHG-…", 32, required=True)
LIMIT = _asked("itops_limit", "Only these hosts", "Names with commas between them; the others are recorded as skipped", 1024)
SERVICE = _asked("service", "Only this service", "Its id; without one, all", 64)
VERB = {**_asked("verb", "What for", "resume: go on with a change whose controller was lost", 16), "type": "multiplechoice", "choices": ["run", "resume"],
        "required": True, "default": "run"}  # fmt: skip


@dataclass(frozen=True)
class Template:
    """`playbook` is the name of a file below playbooks/, `job_type` run or check."""

    name: str
    playbook: str
    description: str
    questions: tuple[Question, ...] = field(default=(CHANGE, LIMIT))
    job_type: str = "run"

    def survey(self) -> dict[str, Any]:
        return {"name": "", "description": "", "spec": [dict(question) for question in self.questions]}


ASSESS = Template("itops: assess", "maintain", "Everything the gate can tell beforehand; changes nothing", job_type="check")
MAINTAIN = Template("itops: maintain", "maintain", "A whole change: gate, backup, patch, verify, and back where that fails", (CHANGE, LIMIT, VERB))
BACKUP = Template("itops: backup", "backup", "Gate and backup alone")
PATCH = Template("itops: patch", "patch", "The change alone; needs a verified backup of the same change. Goes back by itself where it fails")
VERIFY = Template("itops: verify", "verify", "The plan's checks on a change that was achieved, changing nothing")
ROLLBACK = Template("itops: rollback", "rollback", "Every touched host back to where it was, last one first")
COLLECT = Template("itops: status", "status", "Facts of every host, for the status table; needs no change", (SERVICE,))
TEMPLATES = (ASSESS, MAINTAIN, BACKUP, PATCH, VERIFY, ROLLBACK, COLLECT)
