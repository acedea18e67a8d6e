# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the shell gets: completion by a real bash, manual pages read by a real man."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itops_cli import man
from itops_cli.main import cli
from tests.servers import need
from tests.unit import make

BIN = Path(sys.executable).parent
ENV = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "MANPAGER": "cat", "MANWIDTH": "120"}
PAGES = [man.page_name(ctx) for ctx in man.contexts(click.Context(cli, info_name="itops"))]


def run(*words: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, env={**ENV, **env}, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make.workspace(tmp_path_factory.mktemp("shell"))
    make.change(root, "CHG-20261123-01")
    make.change(root, "CHG-20261123-02")
    (root / "records/2026/CHG-20261123-02").mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("itops wat", ["watch"]),
        ("itops run CHG-", ["CHG-20261123-01", "CHG-20261123-02"]),
        ("itops record show CHG-", ["CHG-20261123-02"]),
        ("itops status --service w", ["web"]),
        ("itops schedule show w", ["web"]),
        ("itops docs build --service w", ["web"]),
        ("itops record verify CHG-20261123-02 CHG", ["CHG-20261123-02"]),
        ("itops status --la", ["--lang"]),
        ("itops status --lang z", ["zh_CN"]),
    ],
)
def test_a_real_bash_completes(root: Path, typed: str, offered: list[str]) -> None:
    """The script is sourced as an operator does it, and the Tab key asked through bash's own variables."""
    words = typed.split(" ")
    array = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _itops_completion itops; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    script = f"source <(itops completion bash); {asked}"
    found = run("bash", "-c", script, cwd=root)
    assert found.stdout.split() == offered, found.stderr


def test_completion_is_silent_where_there_is_no_workspace(tmp_path: Path) -> None:
    found = run(BIN / "itops", cwd=tmp_path, _ITOPS_COMPLETE="bash_complete", COMP_WORDS="itops run CHG-", COMP_CWORD="2")
    assert (found.stdout.strip(), found.stderr) == ("", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_have_their_script(root: Path, shell: str) -> None:
    found = run(BIN / "itops", "completion", shell, cwd=root)
    assert found.returncode == 0 and f"_ITOPS_COMPLETE={shell}_complete" in found.stdout


@pytest.fixture(scope="module")
def pages(root: Path) -> Path:
    folder = root / "man/man1"
    assert run(BIN / "itops", "man", folder, cwd=root).returncode == 0
    return folder


def test_there_is_a_page_for_every_command(pages: Path) -> None:
    assert sorted(path.name for path in pages.iterdir()) == sorted(PAGES)
    assert {"itops.1", "itops-run.1", "itops-record-verify.1"} <= set(PAGES)


def test_man_reads_every_page_without_a_warning(pages: Path) -> None:
    need("man")
    found = run("man", "--warnings=w", "--local-file", *sorted(pages.iterdir()), cwd=pages)
    assert (found.returncode, found.stderr) == (0, "")
    for text in ("Example: itops run CHG-20261123-01", "--limit HOST[,HOST]", "the gate refused; nothing was changed on any host", "维护记录表"):
        assert text in " ".join(found.stdout.split()), text


@given(st.text(alphabet=st.sampled_from(".'\\-ab 中\n"), min_size=1, max_size=30))
def test_no_text_becomes_a_macro_or_an_escape(said: str) -> None:
    made = man.escaped(said)
    assert made[0] not in ".'" and "\n" not in made
    assert made.removeprefix("\\&").replace("\\-", "-").replace("\\e", "\\") == said.replace("\n", " ")
