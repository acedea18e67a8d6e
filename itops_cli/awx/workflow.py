# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflow: assess → approve → backup → patch → verify, and back where the verification fails."""

from __future__ import annotations

from typing import Any

from itops_cli.awx.templates import ASSESS, BACKUP, CHANGE, LIMIT, PATCH, ROLLBACK, VERIFY, Template

NAME = "itops: change"
DAY = 24 * 60 * 60  # seconds an approval is waited for
STEPS: tuple[tuple[str, Template | None, str, str], ...] = (  # identifier, template (None: a person), then on success and on failure
    ("assess", ASSESS, "approve", ""),
    ("approve", None, "backup", ""),
    ("backup", BACKUP, "patch", ""),
    # a patch that fails has gone back by itself; what is left where it could not is what the rollback looks for
    ("patch", PATCH, "verify", "rollback"),
    ("verify", VERIFY, "", "rollback"),
    ("rollback", ROLLBACK, "", ""),
)


def template(organization: str) -> dict[str, Any]:
    return {
        "name": NAME, "description": "A change step by step, with a person's word before the first one", "organization": organization,
        "allow_simultaneous": True, "survey_enabled": True, "survey_spec": {"name": "", "description": "", "spec": [dict(CHANGE), dict(LIMIT)]},
        "workflow_nodes": [_node(organization, *step) for step in STEPS],
    }  # fmt: skip


def _node(organization: str, name: str, template: Template | None, success: str, failure: str) -> dict[str, Any]:
    approval = {"name": "itops: go", "description": "Start the change now? What itops asks of people, its gate asks once more", "type": "workflow_approval",
                "timeout": DAY}  # fmt: skip
    job = {"name": template.name, "type": "job_template", "organization": {"name": organization}} if template else approval
    then = {kind: [{"identifier": other}] for kind, other in (("success_nodes", success), ("failure_nodes", failure)) if other}
    return {"identifier": name, "unified_job_template": job, "related": then}
