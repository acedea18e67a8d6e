# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workspace as the objects of AWX, each a task with a module of the collection awx.awx."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, recurrence, status
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import address
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import MARKER, Workspace

from itops_cli.awx import workflow
from itops_cli.awx.templates import COLLECT, MAINTAIN, TEMPLATES, Template
from itops_cli.errors import say

Task = dict[str, Any]
NAME = "itops"  # of project and inventory
RECORDS, SEAL = "itops: records", "itops: checkpoint key"  # types of credentials, and the credential itself


@dataclass(frozen=True)
class Wanted:
    """What only the one who asks knows. Names are of objects in AWX, "" for none."""

    scm_url: str
    scm_branch: str
    scm_credential: str
    organization: str
    credentials: Sequence[str]
    image: str
    records: str


def playbook(ws: Workspace, known: Catalogue, wanted: Wanted) -> list[dict[str, Any]]:
    """One play: what others refer to comes first."""
    found = [*_basis(wanted), *_credentials(wanted), *_sources(wanted)]
    found += [_task("job_template", _template(template, ws, wanted)) for template in TEMPLATES]
    found += [_task("workflow_job_template", workflow.template(wanted.organization)), *_schedules(ws, known, wanted)]
    return [{"name": "itops in AWX", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": found}]


def lasting(ws: Workspace, named: str | None) -> str:
    """Where the records of jobs go: what was named, else the workspace's own place. Raises BadInput for one that a job's end would take away."""
    place = named or (ws.records.database.url if isinstance(ws.records, Entry) else str(ws.records))
    why = address.fault(place) if address.is_address(place) else "a folder of the project, which AWX throws away after each job"
    if why and (address.is_address(place) or Path(place).is_relative_to(ws.root) or not Path(place).is_absolute()):
        allowed = f"{address.ALLOWED}; a folder is an absolute one, mounted into every job"
        raise BadInput([Problem(str(ws.root / MARKER), 0, "records", why, allowed=allowed, remedy="set records: there, or give --records")])
    return place


def _task(module: str, options: dict[str, Any]) -> Task:
    given = {key: value for key, value in options.items() if value not in ("", None, [])}
    return {"name": _literal(f"{module.replace('_', ' ').capitalize()} {options['name']}"), f"awx.awx.{module}": _literal(given)}


def _literal(value: Any) -> Any:
    """The value such that ansible-playbook brings every text to AWX as it is: a title that is a template must not run where this is imported."""
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    if isinstance(value, str) and "{" in value:  # Ansible keeps backslashes as they are, so only the quote itself needs care
        return "{{ " + ' ~ "\'" ~ '.join(f"'{part}'" for part in value.split("'")) + " }}"
    return value


def _basis(wanted: Wanted) -> Iterator[Task]:
    yield _task("organization", {"name": wanted.organization})
    if wanted.image:
        yield _task("execution_environment", {"name": NAME, "image": wanted.image, "pull": "missing"})


def _credentials(wanted: Wanted) -> Iterator[Task]:
    """Where the records go, and the key their checkpoints are signed with. The secrets are typed into AWX, once."""
    records = [_field("records", "Address of the database, or a mounted folder"), _field("password", "Password of the database", secret=True)]
    yield _task("credential_type", {
        "name": RECORDS, "kind": "cloud", "description": "Where itops keeps its records", "inputs": {"fields": records, "required": ["records"]},
        "injectors": {"env": {"ITOPS_RECORDS": "{{ records }}", "PGPASSWORD": "{{ password }}"}},
    })  # fmt: skip
    key = {**_field("key", "Ed25519 private key (PEM)", secret=True), "multiline": True}
    yield _task("credential_type", {
        "name": SEAL, "kind": "cloud", "description": "Signs the checkpoints of itops' records", "inputs": {"fields": [key], "required": ["key"]},
        "injectors": {"file": {"template.key": "{{ key }}"}, "env": {"ITOPS_CHECKPOINT_KEY": "{{ tower.filename.key }}"}},
    })  # fmt: skip
    yield _task("credential", {  # `exists`: what was typed into it since stays
        "name": RECORDS, "credential_type": RECORDS, "organization": wanted.organization, "inputs": {"records": wanted.records}, "state": "exists",
    })  # fmt: skip


def _field(name: str, label: str, secret: bool = False) -> dict[str, Any]:
    return {"id": name, "label": label, "type": "string", **({"secret": True} if secret else {})}


def _sources(wanted: Wanted) -> Iterator[Task]:
    yield _task("project", {
        "name": NAME, "organization": wanted.organization, "scm_type": "git", "scm_url": wanted.scm_url, "scm_branch": wanted.scm_branch,
        "credential": wanted.scm_credential, "scm_clean": True, "scm_update_on_launch": True, "default_environment": NAME if wanted.image else "",
    })  # fmt: skip
    yield _task("inventory", {"name": NAME, "organization": wanted.organization})
    yield _task("inventory_source", {
        "name": f"{NAME}: services", "inventory": NAME, "organization": wanted.organization, "source": "scm", "source_project": NAME,
        "source_path": "inventory", "overwrite": True, "overwrite_vars": True, "update_on_launch": True,
    })  # fmt: skip


def _template(template: Template, ws: Workspace, wanted: Wanted) -> dict[str, Any]:
    # several services at a time, each once: the lock of the run sees to it. Never a slice, never a time limit: both would break a change apart.
    return {
        "name": template.name, "description": template.description, "organization": wanted.organization, "project": NAME, "inventory": NAME,
        "playbook": f"playbooks/{template.playbook}.yml", "job_type": template.job_type, "credentials": [RECORDS, *wanted.credentials],
        "allow_simultaneous": True, "job_slice_count": 1, "timeout": 0, "survey_enabled": True, "survey_spec": template.survey(),
    }  # fmt: skip


def _schedules(ws: Workspace, known: Catalogue, wanted: Wanted) -> Iterator[Task]:
    for sid, service in sorted(known.services.items()):
        plan = calendar.schedule(service["maintenance"], ws.timezone) if service.get("lifecycle") not in status.OUT_OF_USE else None
        if rule := recurrence.of(plan, None) if plan else "":
            yield _task("schedule", {
                "name": f"itops: {sid} due", "description": f"{service['name']}: its facts on the day maintenance comes due", "rrule": rule,
                "organization": wanted.organization, "unified_job_template": COLLECT.name, "extra_data": {"service": sid},
            })  # fmt: skip
    for change in _complete(ws, known):
        start = datetime.fromisoformat(change.plan["window"]["start"]) if change.plan.get("window") else None
        if start and start > datetime.now(UTC):
            yield _task("schedule", {
                "name": f"itops: {change.id}", "description": str(change.data["title"]), "rrule": recurrence.once(start, ws.timezone),
                "organization": wanted.organization, "unified_job_template": MAINTAIN.name, "extra_data": {"change": change.id},
            })  # fmt: skip


def _complete(ws: Workspace, known: Catalogue) -> Iterator[Change]:
    """The changes that could be carried out as they are; a draft is said, and keeps no other from its time."""
    for path in change_file.paths(ws):
        try:
            yield change_file.load(path, known.services, known.people)
        except BadInput as bad:
            say(f"{path.stem} is not complete, so it has no schedule: {bad.problems[0]} → itops change lint {path.stem}")
