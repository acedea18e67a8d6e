# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops lint` as an operator runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import policy
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace as places

from tests.unit import make

REPO = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(REPO / "inventory", tmp_path / "inventory")
    (tmp_path / "changes").mkdir()
    (tmp_path / "itops.yml").write_text("organisation: 示例公司\ntimezone: Asia/Shanghai\n")
    return tmp_path


def lint(workspace: Path, *args: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(REPO), str(REPO / "collections")])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", "from itops_cli.main import main; main()", "lint", *args]
    return subprocess.run(command, cwd=workspace, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_a_clean_workspace_ends_with_0(workspace: Path) -> None:
    done = lint(workspace)
    assert (done.returncode, done.stdout) == (0, "2 clean services, 4 people: 0 errors, 0 warnings\n")


def test_warnings_are_allowed(workspace: Path) -> None:
    wiki = workspace / "inventory/services/wiki.yml"
    wiki.write_text(wiki.read_text().replace("sites: [本地]", "sites: []"))
    done = lint(workspace)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == ("inventory/services/wiki.yml:20: warning: backup.sites: no backup site: the gate refuses every maintenance")
    assert lint(workspace, "--quiet").stdout.count("\n") == 1


def test_every_error_of_every_file_at_once_for_a_person(workspace: Path) -> None:
    (workspace / "inventory/services/a.yml").write_text("id: web\n负责人: zhang.wei\n")
    (workspace / "inventory/services/b.yml").write_text("id: [\n")
    done = lint(workspace)
    assert done.returncode == 2
    for expected in (
        "inventory/services/a.yml:2: error: 负责人: keys are English (values may be Chinese)\n    found:   负责人\n",
        "    do:      write owner\n",
        "inventory/services/a.yml:1: error: hosts: missing\n",
        "inventory/services/b.yml:2: error: not YAML",
        "inventory/services/web.yml:2: error: id: id stands twice: also in a.yml\n",
    ):
        assert expected in done.stdout


def test_json_for_a_program(workspace: Path) -> None:
    (workspace / "inventory/people.yml").write_text("people: []\n")
    done = lint(workspace, "--format", "json")
    data = json.loads(done.stdout)
    assert (done.returncode, data["errors"], data["people"]) == (2, len(data["problems"]), 0)
    assert set(data["problems"][0]) == {"file", "line", "path", "message", "found", "allowed", "severity", "remedy"}
    assert data["problems"][0]["file"] == "inventory/services/web.yml"


def test_changes_are_checked_as_well(workspace: Path) -> None:
    (workspace / "changes/CHG-20261123-01.yml").write_text("id: CHG-20261123-01\nservice: [wbe]\n")
    done = lint(workspace)
    assert done.returncode == 2
    assert "changes/CHG-20261123-01.yml:1: error: plan: missing" in done.stdout


def test_a_second_run_gives_the_same_answer_from_the_cache(workspace: Path) -> None:
    wiki = workspace / "inventory/services/wiki.yml"
    wiki.write_text(wiki.read_text().replace("sites: [本地]", "sites: []"))
    assert lint(workspace).stdout == lint(workspace).stdout


def test_outside_of_a_workspace(tmp_path: Path) -> None:
    done = lint(tmp_path)
    assert done.returncode == 2
    assert "itops init" in done.stderr


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tickets: [{id: t, type: gitlab, prefix: 'INC-', url: 'https://git.example', token: glpat-abcdef012345}]", "tickets[0].token"),
        ("channels: [{id: m, type: mail, host: mail.example, sender: a@example.com, secret: SECliteral000000}]", "channels[0].secret"),
        ("channels: [{id: d, type: dingtalk, url: 'https://oapi.example/robot/send?access_token=0123456789abcdef'}]", "channels[0].url"),
        ("channels: [{id: f, type: feishu, url: 'https://open.example/open-apis/bot/v2/hook/0123-4567-89ab'}]", "channels[0].url"),
        ("channels: [{id: w, type: webhook, url: 'https://me:0123456789@gateway.example/itops'}]", "channels[0].url"),
        ("known_errors: [{type: x, pattern: boom, steps: ['mysql --password=0123456789 -e kill']}]", "known_errors[0].steps[0]"),
    ],
)
def test_a_secret_written_into_the_policy_is_refused_and_not_repeated(tmp_path: Path, text: str, path: str) -> None:
    root = make.workspace(tmp_path)
    (root / "policy.yml").write_text(text + "\n", "utf-8")
    found = policy.read(places.load(root))[1]
    assert [problem.path for problem in found] == [path], found
    assert not any(word in str(found) for word in ("glpat", "SECliteral", "0123"))
