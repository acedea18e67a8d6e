# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The export for AWX: every option is one that the collection awx.awx takes, every reference leads somewhere, every rule is one AWX accepts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import recurrence
from dateutil.rrule import rrulestr

from itops_cli.awx import templates, workflow

REPO = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SPECS = yaml.safe_load((REPO / "tests/unit/data/awx_collection.yml").read_text("utf-8"))
KEPT = "postgresql://itops@db.example/itops"
MODULE = """#!/usr/bin/python
import json
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(json.loads(SPEC))
with open(LOG, "a") as log:
    log.write(json.dumps([NAME, {key: value for key, value in module.params.items() if value is not None}]) + "\\n")
module.exit_json(changed=True)
"""


def itops(*words: str, workspace: Path = REPO) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "itops", "--workspace", str(workspace), "awx", "export", *words], cwd=workspace, capture_output=True, text=True, check=False)


def exported(*words: str) -> Any:
    done = itops("--scm-url", "https://git.example/m.git", "--records", KEPT, "--credential", "ops ssh", "--image", "itops-ee:1", *words)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.fixture(scope="module")
def plays() -> Any:
    return exported()


def objects(plays: Any, module: str) -> dict[str, dict[str, Any]]:
    tasks = [task[f"awx.awx.{module}"] for task in plays[0]["tasks"] if f"awx.awx.{module}" in task]
    return {options["name"]: options for options in tasks}


def carried_out(plays: Any, tmp_path: Path) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Run by ansible-playbook against modules that take what those of awx.awx take, and note what they were given."""
    folder = tmp_path / "ansible_collections/awx/awx/plugins/modules"
    folder.mkdir(parents=True)
    for name, spec in SPECS.items():
        source = MODULE
        for word, value in (("SPEC", json.dumps(spec)), ("LOG", str(tmp_path / "log")), ("NAME", name)):
            source = re.sub(rf"\b{word}\b", lambda _found, value=value: repr(value), source)
        (folder / f"{name}.py").write_text(source)
    (tmp_path / "awx.yml").write_text(yaml.safe_dump(plays, allow_unicode=True))
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")}
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    done = subprocess.run([BIN / "ansible-playbook", "awx.yml"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    log = tmp_path / "log"
    return done.stdout, [tuple(json.loads(line)) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def test_both_formats_are_the_same_playbook(plays: Any) -> None:
    assert exported("--format", "json") == plays


def test_the_modules_of_awx_take_every_option(plays: Any, tmp_path: Path) -> None:
    said, given_ = carried_out(plays, tmp_path)
    assert "failed=0" in said and [name for name, _options in given_] == [next(key for key in task if key != "name")[8:] for task in plays[0]["tasks"]]
    types = {options["name"]: options for name, options in given_ if name == "credential_type"}
    assert types["itops: records"]["injectors"]["env"] == {"ITOPS_RECORDS": "{{ records }}", "PGPASSWORD": "{{ password }}"}, "filled in by AWX, not before"
    assert types["itops: checkpoint key"]["injectors"]["file"] == {"template.key": "{{ key }}"}


def test_a_title_that_is_a_template_runs_nowhere(tmp_path: Path) -> None:
    subprocess.run([BIN / "itops", "init", str(tmp_path / "w")], check=True, capture_output=True)
    (path,) = sorted((tmp_path / "w/changes").glob("*-01.yml"))[:1]
    title = f"升级 \"x\" 'C:\\new' {{{{ lookup('pipe', 'touch {tmp_path}/ran') }}}}{{% raw %}}"
    coming(path, title=title)
    done = itops("--scm-url", "x", "--records", KEPT, workspace=tmp_path / "w")
    _said, given_ = carried_out(yaml.safe_load(done.stdout), tmp_path)
    assert title in [options.get("description") for name, options in given_ if name == "schedule"], done.stderr
    assert not (tmp_path / "ran").exists()


def test_an_option_they_do_not_know_is_found(plays: Any, tmp_path: Path) -> None:
    wrong = json.loads(json.dumps(plays))
    next(task for task in wrong[0]["tasks"] if "awx.awx.workflow_job_template" in task)["awx.awx.workflow_job_template"]["workflow_nodes"][0]["after"] = []
    assert re.search(r"Unsupported parameters.*after", carried_out(wrong, tmp_path)[0], re.DOTALL)


def test_every_name_leads_to_an_object_made_before(plays: Any) -> None:
    known: dict[str, set[str]] = {"credential": {"ops ssh"}, "unified_job_template": set()}
    for task in plays[0]["tasks"]:
        module, options = next((key[8:], value) for key, value in task.items() if key != "name")
        refers = {
            "organization": options.get("organization"), "project": options.get("project") or options.get("source_project"),
            "inventory": options.get("inventory"), "credential_type": options.get("credential_type"),
            "execution_environment": options.get("default_environment"), "unified_job_template": options.get("unified_job_template"),
        }  # fmt: skip
        assert {kind: name for kind, name in refers.items() if name and name not in known.get(kind, ())} == {}, options["name"]
        assert set(options.get("credentials", [])) <= known["credential"]
        assert {n["unified_job_template"]["name"] for n in options.get("workflow_nodes", [])} <= known["unified_job_template"] | {"itops: go"}
        known.setdefault(module, set()).add(options["name"])
        if module.endswith("job_template"):
            known["unified_job_template"].add(options["name"])


def test_no_secret_and_no_file_of_this_machine_is_in_it(plays: Any) -> None:
    credential = objects(plays, "credential")["itops: records"]
    assert credential["inputs"] == {"records": KEPT} and credential["state"] == "exists", "what was typed into AWX is never overwritten"
    assert str(REPO) not in json.dumps(plays)


def test_templates_name_playbooks_that_awx_finds(plays: Any) -> None:
    """AWX lists a file only where a line says hosts, include or import_playbook."""
    found = objects(plays, "job_template")
    assert set(found) == {template.name for template in templates.TEMPLATES}
    for options in found.values():
        assert re.search(r"^(\s*-)?\s*(hosts|include|import_playbook):", (REPO / options["playbook"]).read_text("utf-8"), re.MULTILINE | re.IGNORECASE)
        assert (options["job_slice_count"], options["timeout"], options["survey_enabled"]) == (1, 0, True)
        for question in options["survey_spec"]["spec"]:
            assert {"variable", "question_name", "type", "required", "min", "max", "default"} <= set(question)
            assert question["type"] != "multiplechoice" or question["default"] in question["choices"]


def test_the_workflow_has_its_steps_and_a_way_back() -> None:
    nodes = {node["identifier"]: node for node in workflow.template("Default")["workflow_nodes"]}
    then = {name: {kind: [n["identifier"] for n in to] for kind, to in node["related"].items()} for name, node in nodes.items()}
    assert list(nodes) == ["assess", "approve", "backup", "patch", "verify", "rollback"]
    order = ["assess"]
    while following := then[order[-1]].get("success_nodes"):
        order += following
    assert order == ["assess", "approve", "backup", "patch", "verify"]
    assert [name for name in nodes if then[name].get("failure_nodes") == ["rollback"]] == ["patch", "verify"]
    assert nodes["approve"]["unified_job_template"]["type"] == "workflow_approval"


# ------------------------------------------------------------------ schedules


def awx_accepts(text: str) -> bool:
    """What AWX asks of a rule (awx/api/serializers.py, validate_rrule), in our words."""
    rules = re.findall(r"RRULE:\S+", text)
    return bool(
        re.match(r"DTSTART(:\d{8}T\d{6}Z|;TZID=[\w/+-]+:\d{8}T\d{6}) ", text)
        and text.count("DTSTART") == 1
        and rules
        and all("INTERVAL=" in rule for rule in rules)
        and not re.search(r"BYMONTHDAY=[-\d]+,|BYMONTH=\d+,|BYDAY=\d|BYYEARDAY|BYWEEKNO|SECONDLY|COUNT=\d{4}", text)
        and rrulestr(text.replace(" ", "\n"), forceset=True)
    )


def times(text: str, number: int) -> list[datetime]:
    return list(islice(rrulestr(text.replace(" ", "\n"), forceset=True), number))


def test_a_window_is_one_time_in_the_zone_of_the_workspace() -> None:
    text = recurrence.once(datetime(2026, 11, 28, 18, 30, tzinfo=UTC), "Asia/Shanghai")
    assert awx_accepts(text) and [time.isoformat() for time in times(text, 3)] == ["2026-11-29T02:30:00+08:00"]


def coming(path: Path, **parts: str) -> datetime:
    """The change, with a window three days from now; its start."""
    data, start = yaml.safe_load(path.read_text("utf-8")), datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    data["plan"]["window"] = {"start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}
    path.write_text(yaml.safe_dump({**data, **parts}, allow_unicode=True), "utf-8")
    return start


def test_every_service_and_every_coming_change_is_scheduled(tmp_path: Path, plays: Any) -> None:
    services = {path.stem for path in (REPO / "inventory/services").glob("*.yml")}
    found = objects(plays, "schedule")
    assert {options["extra_data"]["service"] for options in found.values() if "service" in options["extra_data"]} == services
    assert all(awx_accepts(options["rrule"]) for options in found.values())
    subprocess.run([BIN / "itops", "init", str(tmp_path / "w")], check=True, capture_output=True)
    (path,) = sorted((tmp_path / "w/changes").glob("*-01.yml"))[:1]
    start = coming(path)
    (path.parent / "CHG-20260101-01.yml").write_text("service: [web]\n", "utf-8")
    done = itops("--scm-url", "x", "--records", KEPT, workspace=tmp_path / "w")
    assert done.returncode == 0 and "itops change lint CHG-20260101-01" in done.stderr, "a draft keeps no other change from its time"
    found = objects(yaml.safe_load(done.stdout), "schedule")[f"itops: {path.stem}"]
    assert found["extra_data"] == {"change": path.stem} and times(found["rrule"], 2) == [start]


def test_a_service_that_is_out_of_use_is_asked_for_nothing(tmp_path: Path) -> None:
    subprocess.run([BIN / "itops", "init", str(tmp_path / "w")], check=True, capture_output=True)
    (path, *others) = sorted((tmp_path / "w/inventory/services").glob("*.yml"))
    path.write_text(re.sub(r"^lifecycle:.*", "lifecycle: retired", path.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    done = itops("--scm-url", "x", "--records", KEPT, workspace=tmp_path / "w")
    assert done.returncode == 0, done.stderr
    named = {options["extra_data"].get("service") for options in objects(yaml.safe_load(done.stdout), "schedule").values()}
    assert path.stem not in named and others[0].stem in named


# ------------------------------------------------------------------ what is refused, and what it runs in


@pytest.mark.parametrize("records", [None, "records", "postgresql://itops:S3cret-pass@db.example/itops", "s3://bucket"])
def test_records_that_would_not_last_are_refused(records: str | None) -> None:
    done = itops("--scm-url", "x", *(["--records", records] if records else []))
    assert done.returncode == 2 and "--records" in done.stderr and "S3cret" not in done.stderr and done.stdout == ""


def test_a_mounted_folder_lasts_and_a_file_is_written_whole(tmp_path: Path) -> None:
    done = itops("--scm-url", "x", "--records", "/srv/records", "--output", str(tmp_path / "awx.yml"))
    assert done.returncode == 0 and "ansible-playbook" in done.stdout
    assert objects(yaml.safe_load((tmp_path / "awx.yml").read_text("utf-8")), "credential")["itops: records"]["inputs"] == {"records": "/srv/records"}


def test_the_execution_environment_is_one_that_ansible_builder_takes(tmp_path: Path) -> None:
    file = REPO / "execution-environment.yml"
    subprocess.run([BIN / "ansible-builder", "create", "-f", file, "-c", "context", "--output-filename", "Containerfile"], cwd=tmp_path, check=True)
    wanted = [line for line in (REPO / "requirements.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    brought = (tmp_path / "context/_build/requirements.txt").read_text("utf-8").split()
    assert set(wanted) < set(brought) and {name.partition("[")[0] for name in set(brought) - set(wanted)} == {"psycopg"}
    assert "fedora" in (tmp_path / "context/Containerfile").read_text("utf-8")
