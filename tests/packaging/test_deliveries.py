# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One tree, four deliveries (here three of them): a real change runs to its end from each, and the record is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.packaging import small

pytestmark = pytest.mark.slow
NOT_FROM_PYTHON = {"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "False"}  # the environment of the tests knows the checkout


def test_clean_checkout(clone: Path, tmp_path: Path) -> None:
    """`ansible-playbook` in the checkout, with its own ansible.cfg and nothing else."""
    space = small.write(tmp_path / "space")
    env = small.bare_environment(tmp_path / "home", ITOPS_WORKSPACE=space, **NOT_FROM_PYTHON)
    assert small.plugin_file(clone, env).is_relative_to(clone)
    small.decide(space, env)
    small.call("ansible-playbook", "itops.maintenance.maintain", "-i", space / "inventory", "-e", f"change={small.CHANGE}", cwd=clone, env=env)
    small.assert_achieved(space)
    left = subprocess.run(["git", "status", "--porcelain"], cwd=clone, text=True, capture_output=True, check=True).stdout
    assert left == "", "a run leaves nothing in the checkout"


def test_checkout_is_a_clean_workspace(clone: Path, tmp_path: Path) -> None:
    found = json.loads(small.call("itops", "lint", "--format", "json", cwd=clone, env=small.bare_environment(tmp_path / "home")))
    assert (found["errors"], found["warnings"]) == (0, 0)
    graph = small.call("ansible-inventory", "--graph", cwd=clone, env=small.bare_environment(tmp_path / "home", **NOT_FROM_PYTHON))
    assert "@itops_web:" in graph and "wiki-1" in graph


def test_collection_built_and_installed(archive: Path, tmp_path: Path) -> None:
    """`ansible-galaxy collection build` and install into an empty folder, without any network."""
    built, installed = tmp_path / "built", tmp_path / "installed"
    env = small.bare_environment(tmp_path / "home", ANSIBLE_COLLECTIONS_PATH=installed, **NOT_FROM_PYTHON)
    small.call("ansible-galaxy", "collection", "build", "--output-path", built, cwd=archive, env=env)
    package = next(built.glob("itops-maintenance-*.tar.gz"))
    small.call("ansible-galaxy", "collection", "install", package, "--offline", "--no-deps", "-p", installed, cwd=tmp_path, env=env)
    space = small.write(tmp_path / "space")
    assert small.plugin_file(space, env).is_relative_to(installed)
    small.decide(space, small.bare_environment(tmp_path / "home"))  # the collection alone has no command line: people decide elsewhere
    small.call("ansible-playbook", "itops.maintenance.maintain", "-i", "inventory", "-e", f"change={small.CHANGE}", cwd=space, env=env)
    small.assert_achieved(space)


def test_collection_package_holds_the_collection_only(archive: Path, tmp_path: Path) -> None:
    small.call("ansible-galaxy", "collection", "build", "--output-path", tmp_path, cwd=archive, env=small.bare_environment(tmp_path / "home"))
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as package:
        names = package.getnames()
    assert {"plugins/callback/record.py", "roles/service/meta/argument_specs.yml", "playbooks/maintain.yml", "LICENSE"} <= set(names)
    assert {"docs_templates/clauses.yml", "docs_templates/labels/document_register.yml"} <= set(names), "data files that are no code"
    foreign = ("tests/", "demo/", "itops_cli/", "benchmarks/", "collections/", "inventory/", ".venv/", ".git/", "records/")
    assert [name for name in names if name.startswith(foreign) or name.endswith(".pyc")] == []


def test_runner_as_awx_starts_it(archive: Path, tmp_path: Path) -> None:
    """A throw-away copy as project, the inventory as data, records and patches in folders that outlive the copy."""
    space = small.write(tmp_path / "space")
    project = tmp_path / "private" / "project"
    shutil.copytree(archive, project, symlinks=True)
    (project / "policy.yml").unlink()  # a department's own project carries its own rules and services
    for name in ("inventory", "changes", "runbooks", "itops.yml"):
        shutil.rmtree(project / name) if (project / name).is_dir() else (project / name).unlink(missing_ok=True)
        (shutil.copytree if (space / name).is_dir() else shutil.copy)(space / name, project / name)
    small.dump(project / "itops.yml", {"timezone": "Asia/Shanghai", "staging": str(space / "staging")})
    env = small.bare_environment(tmp_path / "home", ITOPS_RECORDS=tmp_path / "kept", **NOT_FROM_PYTHON)
    assert small.plugin_file(project, env).is_relative_to(project)
    small.decide(space, env)
    inventory = tmp_path / "private/inventory/hosts"
    inventory.parent.mkdir()
    data = small.call("ansible-inventory", "-i", "inventory", "--list", "--export", cwd=project, env=env)
    inventory.write_text(f"#!{sys.executable}\nprint({data!r})\n", "utf-8")
    inventory.chmod(0o755)
    (tmp_path / "private/env").mkdir()
    (tmp_path / "private/env/extravars").write_text(json.dumps({"change": small.CHANGE}), "utf-8")
    shutil.rmtree(space / "inventory")
    small.call("ansible-runner", "run", tmp_path / "private", "-p", "playbooks/maintain.yml", "--ident", "awx_1", cwd=tmp_path, env=env)
    small.assert_achieved(space, tmp_path / "kept")
    assert not (project / "records").exists()
