# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents: up to date, linked, clean, and every command and name in them exists."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from itops_cli.main import cli

REPO = Path(__file__).resolve().parents[2]
GENERATOR = REPO / "docs/generate.py"
REFERENCE = REPO / "docs/reference"
DOCUMENTS = [REPO / "README.md", REPO / "CONTRIBUTING.md", REPO / "itops_cli/workspace/README.md", *sorted((REPO / "docs").rglob("*.md"))]
WRITERS = ("append", "_append", "_event", "_line", "_try_line")  # methods whose first argument is the kind of an event
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")
ENDS_A_COMMAND = re.compile(r"\s(?:&&|\|\|?|>|<|#|→)(?:\s|$)|;")


def name(path: Path) -> str:
    return str(path.relative_to(REPO))


def prose(path: Path) -> str:
    """The text without its code blocks."""
    return FENCE.sub("", path.read_text("utf-8"))


def generator(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, GENERATOR, *words], cwd=REPO, capture_output=True, text=True, check=False)


def test_the_reference_is_what_the_program_says() -> None:
    done = generator("--check")
    assert done.returncode == 0, f"run: make docs\n{done.stdout}{done.stderr}"


def test_an_outdated_page_is_shown_and_nothing_is_written(tmp_path: Path) -> None:
    copy = tmp_path / "docs"
    (copy / "reference").mkdir(parents=True)
    for source in GENERATOR.parent.glob("*.py"):
        (copy / source.name).write_bytes(source.read_bytes())
    assert subprocess.run([sys.executable, copy / "generate.py"], cwd=REPO, check=False).returncode == 0
    made = {path.name: path.read_text("utf-8") for path in (copy / "reference").iterdir()}
    assert made == {path.name: path.read_text("utf-8") for path in REFERENCE.iterdir()}
    page = copy / "reference/events.md"
    page.write_text(page.read_text("utf-8").replace("run_closed", "run_shut"), "utf-8")
    done = subprocess.run([sys.executable, copy / "generate.py", "--check"], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "-| `run_shut`" in done.stdout and "+| `run_closed`" in done.stdout
    assert "run_shut" in page.read_text("utf-8")


def test_every_kind_of_event_that_is_written_is_described() -> None:
    sources = [path for folder in ("plugins", "itops_cli") for path in (REPO / folder).rglob("*.py")]
    written = {kind for path in sources for kind in kinds_written(path)} | {"torn_line"}  # that one is put in behind the last line
    described = set(re.findall(r"^\| `(\w+)` ", (REFERENCE / "events.md").read_text("utf-8").partition("## Kinds")[2], re.MULTILINE))
    assert described == written


def kinds_written(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS and node.args:
            first = node.args[0]
            written_by = ast.unparse(node.func.value)
            is_event = written_by == "self" or "ledger" in written_by or "journal" in written_by
            if is_event and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    missing = []
    for target in LINK.findall(prose(document)):
        file, _, anchor = target.partition("#")
        place = (document.parent / file).resolve() if file else document
        if not target.startswith(("http://", "https://")) and not (place.exists() and (not anchor or anchor in anchors(place))):
            missing.append(target)
    assert missing == []


def anchors(path: Path) -> set[str]:
    """Headings as the usual readers name them."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(REPO / target).resolve() for target in LINK.findall(prose(REPO / "README.md"))}
    decisions = {(REPO / "docs/decisions" / target).resolve() for target in LINK.findall(prose(REPO / "docs/decisions/README.md"))}
    assert [name(path) for path in sorted((REPO / "docs").rglob("*.md")) if path not in linked | decisions] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_exists_with_its_options(document: Path) -> None:
    wrong = [f"{line}: {fault}" for line in commands(document) if (fault := fault_of(line))]
    assert wrong == []


def commands(document: Path) -> Iterator[str]:
    """What stands after `itops ` in code spans, and on command lines of code blocks."""
    text = document.read_text("utf-8")
    blocks = [block for language, block in FENCE.findall(text) if language in ("bash", "text")]
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    for line in [*spans, *(line for block in blocks for line in block.splitlines() if "[OPTIONS]" not in line)]:
        for found in re.finditer(r"(?:^|&& |; |\$ |\w=\S+ )itops (?=[a-z-])", line.strip()):
            yield ENDS_A_COMMAND.split(line.strip()[found.end() :])[0].strip()


def fault_of(line: str) -> str:
    """Why this is no command line of ours; nothing where it is one. Only the words are looked at, no file has to be there."""
    command: click.Command = cli
    words, context = shlex.split(line), click.Context(cli, info_name="itops")
    try:
        while isinstance(command, click.Group):
            _options, words, _order = command.make_parser(context).parse_args(words)
            if not words:
                return ""
            found = command.get_command(context, words[0])
            if found is None:
                return f"no command {words[0]}"
            command, words = found, words[1:]
            context = click.Context(command, parent=context, info_name=words[0] if words else "")
        command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        return error.format_message()
    return ""


@pytest.mark.parametrize("line", ["rum CHG-1", "run --dry CHG-1", "record verfy", "--work . lint", "status --lang"])
def test_a_wrong_command_would_be_found(line: str) -> None:
    assert fault_of(line)


def test_playbooks_and_make_targets_in_the_documents_exist() -> None:
    text = "\n".join(path.read_text("utf-8") for path in DOCUMENTS)
    targets = set(re.findall(r"^([a-z-]+):.*## ", (REPO / "Makefile").read_text("utf-8"), re.MULTILINE))
    playbooks = {path.stem for path in (REPO / "playbooks").glob("*.yml")}
    named = set(re.findall(r"`make ([a-z-]+)|^make ([a-z-]+) +#", text, re.MULTILINE))
    assert {target for pair in named for target in pair if target} <= targets
    assert set(re.findall(r"ansible-playbook itops\.maintenance\.(\w+)", text)) <= playbooks


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_yaml_in_the_documents_is_yaml(document: Path) -> None:
    for language, block in FENCE.findall(document.read_text("utf-8")):
        if language == "yaml":
            assert yaml.safe_load(block) is not None, block


def test_markdown_is_clean() -> None:
    program = Path(sys.executable).with_name("pymarkdown")
    done = subprocess.run([program, "--config", ".pymarkdown.json", "scan", *map(str, DOCUMENTS)], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_is_short_and_is_what_the_packages_show() -> None:
    assert len((REPO / "README.md").read_text("utf-8").splitlines()) <= 150
    assert tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]["readme"] == "README.md"
    assert yaml.safe_load((REPO / "galaxy.yml").read_text("utf-8"))["readme"] == "README.md"


def test_decisions_are_short() -> None:
    pages = sorted((REPO / "docs/decisions").glob("0*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text("utf-8")
        assert len(text.splitlines()) <= 40, page.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], page.name
