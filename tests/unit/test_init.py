# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops init`: a workspace that is right, or nothing at all."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from itops_cli.init import CONTENT


def itops(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([Path(sys.executable).parent / "itops", *words], cwd=cwd, text=True, capture_output=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("init") / "new" / "workspace"
    assert itops("init", str(target), cwd=target.parent.parent).returncode == 0
    return target


def test_a_new_workspace_is_clean_for_lint(made: Path) -> None:
    done = itops("lint", "--format", "json", cwd=made)
    found = json.loads(done.stdout)
    assert (done.returncode, found["errors"], found["warnings"]) == (0, 0, 0), done.stdout
    assert found["services"] >= 2


def test_its_documents_are_made_and_clean(made: Path) -> None:
    assert itops("docs", "build", cwd=made).returncode == 0
    done = itops("docs", "lint", cwd=made)
    assert (done.returncode, done.stdout) == (0, "14 documents: 0 errors, 0 warnings\n")
    assert itops("docs", "build", "--check", cwd=made).returncode == 0


def test_every_service_has_an_example_change(made: Path) -> None:
    services = {path.stem for path in (made / "inventory/services").glob("*.yml")}
    changed = {sid for path in (made / "changes").glob("*.yml") for sid in yaml.safe_load(path.read_text("utf-8"))["service"]}
    assert changed == services


def test_examples_are_obviously_examples(made: Path) -> None:
    """RFC 5737 addresses and RFC 2606 names only."""
    documentation = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "127.0.0.0/8")]
    text = "\n".join(path.read_text("utf-8") for path in (made / "inventory").rglob("*.yml"))
    text += "\n".join(path.read_text("utf-8") for path in (made / "changes").rglob("*.yml"))
    addresses = [ipaddress.ip_address(word) for word in re.findall(r"\b(?:\d{1,3}\.){3}\d{1,3}\b", text)]
    assert addresses and all(any(a in net for net in documentation) for a in addresses)
    assert all(name.endswith((".example", "example.com", "example.org")) for name in re.findall(r"@([a-z][a-z.-]+\.[a-z]+)", text))


def test_the_staged_example_is_what_its_notice_says(made: Path) -> None:
    """The command in the example's own comment makes the file that the notice describes."""
    change = made / "changes/CHG-20261123-01.yml"
    line = next(line for line in change.read_text("utf-8").splitlines() if "printf" in line)
    (made / "staging/CHG-20261123-01").mkdir()
    subprocess.run(line.partition("printf")[1] + line.partition("printf")[2], shell=True, cwd=made, check=True)
    findings = json.loads(itops("plan", "CHG-20261123-01", "--format", "json", cwd=made).stdout)["gate"]["findings"]
    assert [f for f in findings if f["id"].startswith("files") and not f["ok"]] == []


def test_secrets_and_what_runs_leave_stay_out_of_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path / "w"], check=True)
    assert itops("init", "w", cwd=tmp_path).returncode == 0
    for name in (".vault-password", "facts/web1.json", ".itops-cache/catalogue.json", "staging/CHG-20261123-01/app.tar.gz", "tls.key"):
        path = tmp_path / "w" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", "utf-8")
    listed = subprocess.run(["git", "status", "--porcelain", "-uall"], cwd=tmp_path / "w", text=True, capture_output=True, check=True).stdout
    names = {line[3:] for line in listed.splitlines()}
    assert "itops.yml" in names and "staging/README.md" in names and "inventory/people.yml" in names
    assert not {n for n in names if n.startswith((".vault", "facts", ".itops-cache", "tls", "staging/CHG"))}


def test_an_empty_folder_will_do_also_the_one_we_stand_in(tmp_path: Path) -> None:
    done = itops("init", ".", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["workspace"] == str(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(CONTENT)


@pytest.mark.parametrize("content", ["notes.txt", ".hidden"])
def test_refuses_a_folder_with_anything_in_it(tmp_path: Path, content: str) -> None:
    (tmp_path / content).write_text("mine", "utf-8")
    done = itops("init", ".", cwd=tmp_path)
    assert done.returncode == 2 and content in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [content]
    assert (tmp_path / content).read_text("utf-8") == "mine"


def test_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine", "utf-8")
    done = itops("init", "taken", cwd=tmp_path)
    assert done.returncode == 2 and "not a folder" in done.stderr
    assert (tmp_path / "taken").read_text("utf-8") == "mine"


def test_an_error_midway_leaves_nothing(tmp_path: Path) -> None:
    """No room for all of it: a limit on the size of files is met by the third or so."""
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 1; exec "$0" init here', Path(sys.executable).parent / "itops"],
        cwd=tmp_path, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []
