# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops errors`: from a failure nobody knew to an entry that names it the next time."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, error_drafts, known_errors, ledger, policy, workspace, yaml_append
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, errors
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from itops_cli.catalogue.known_errors import command
from itops_cli.errors import Exit
from tests.unit import make
from tests.unit.story import CHANGE, Story

SAID = "2026-11-23 02:05:01 [error] 123#45: *67 connect() to 10.0.0.1:8080 failed (111: Connection refused), file /var/log/x/y.log\nbye\n"
DRAFT = f"{CHANGE}-1.yml"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make.workspace(tmp_path)
    monkeypatch.setenv("ITOPS_WORKSPACE", str(tmp_path))
    return tmp_path


def noted(root: Path, *said: str) -> None:
    """A record in which a step said each of these, and no known error named it."""
    story = Story().begun("run", "a").started("a", "patch-1", "patch")
    for text in said:
        story.step("a", "s2", "patch", "abnormal", feedback=text, reason="exit status 1, expected 0", match=None)
    book = Ledger(workspace.load(root).record_dir(CHANGE), CHANGE)
    book.path.parent.mkdir(parents=True)
    book.path.write_bytes(b"".join(ledger.canonical(e.as_dict()) + b"\n" for e in story.events))


def itops(*words: str) -> Result:
    return CliRunner().invoke(command, words)


def code(result: Result) -> int:
    if isinstance(result.exception, Exit):
        return result.exception.code
    return 2 if isinstance(result.exception, BadInput) else result.exit_code


def completed(root: Path, **entry: Any) -> None:
    """What a person does with a draft."""
    path = root / "errors/drafts" / DRAFT
    data = yaml.safe_load(path.read_text("utf-8"))
    data["entry"] |= {"type": "上游不可达", "steps": ["检查上游", "重启上游"], **entry}
    make.dump(path, data)


# ------------------------------------------------------------------ the pattern of a draft


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("cannot open /srv/app/v2.1/x.conf: No such file", r"cannot open /[^\s:'\",;)\]]+: No such file"),
        ("E: exit status 100 at 02:05:01", r"E: exit status \d+ at \d+:\d+:[\d.,]+"),
        ("failed to get deadbeef0123 from 0xFFFE", "failed to get [0-9a-fA-F]+ from 0x[0-9a-fA-F]+"),
        ("bad token «redacted» refused", r"bad token \S+ refused"),
        ("端口 8080 已被占用 (失败)", r"端口 \d+ 已被占用 \(失败\)"),
    ],
)
def test_what_differs_each_time_becomes_a_class(line: str, pattern: str) -> None:
    made = error_drafts.generalised(line)
    assert re.search(made, line) and known_errors.pattern_fault(made) == ""
    assert made == pattern


def test_the_line_that_tells_the_error_is_taken() -> None:
    assert error_drafts.telling_line("starting\nConnection refused\nbye") == "Connection refused"
    assert error_drafts.telling_line("a\n\nb\n") == "b" and error_drafts.telling_line("") == ""


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("/:.0123456789abcdef xERR()*+?[]«redacted»中\n\t\\'\"-"), min_size=1, max_size=300))
def test_every_draft_is_safe_and_finds_the_failure_it_comes_from(said: str) -> None:
    data = {"feedback": said, "reason": "exit status 1, expected 0"}
    pattern = error_drafts.pattern_of(data)
    assert known_errors.pattern_fault(pattern) == ""
    assert re.search(pattern, known_errors.text_of(data), re.MULTILINE)


# ------------------------------------------------------------------ adding an entry to a file of people


ENTRY = {"type": "新", "pattern": r"a \d+: 'x'", "steps": ["一", "二"], "action": "pause"}
FILES = {
    "none": "# top\nid: web  # the id\n\n# end\n",
    "no newline at the end": "id: web",
    "empty list": "id: web\nknown_errors: []  # none yet\nremark: x\n",
    "nothing": "id: web\nknown_errors:\n# what follows\nremark: x\n",
    "one": "known_errors:  # ours\n  - type: old\n    pattern: b  # why\n\n# about the remark\nremark: x\n",
    "not indented": "known_errors:\n- type: old\n  pattern: b\n  steps: [a, b]\nremark: x\n",
    "text block": "known_errors:\n    - type: old\n      pattern: b\n      remark: |\n        two\n        lines\n\nremark: x\n",
    "windows": "id: web\r\nknown_errors:\r\n  - type: old\r\n    pattern: b\r\nremark: x\r\n",
    "last": "id: web\nknown_errors:\n  - {type: old, pattern: b}\n",
    "quoted": 'known_errors:\n  - type: old\n    pattern: "b\n      c"\n',
}


@pytest.mark.parametrize("name", FILES)
def test_an_entry_is_added_and_nothing_else_of_the_file_is_touched(name: str) -> None:
    old = FILES[name]
    new = yaml_append.append(old, "known_errors", ENTRY, "x.yml")
    before, after = yaml.safe_load(old), yaml.safe_load(new)
    assert after == {**before, "known_errors": [*(before.get("known_errors") or []), ENTRY]}
    left = new.splitlines()
    assert all(line in left for line in old.replace("known_errors: []", "known_errors:").splitlines())
    assert ("\r\n" in new) == ("\r\n" in old) and new.count("\r\n") in (0, new.count("\n"))


def test_a_list_in_brackets_is_refused_with_its_line() -> None:
    with pytest.raises(BadInput) as refused:
        yaml_append.append("id: web\nknown_errors: [{type: a, pattern: b}]\n", "known_errors", ENTRY, "x.yml")
    assert refused.value.problems[0].line == 2


# ------------------------------------------------------------------ the commands


def test_a_failure_becomes_a_draft_once_and_stays_as_a_person_left_it(root: Path) -> None:
    noted(root, SAID, SAID.replace("67", "99"), "quite different: disk failure\n")
    done = itops("draft", CHANGE)
    assert code(done) == 0, done.output
    drafts = sorted(path.name for path in (root / "errors/drafts").iterdir())
    assert drafts == [DRAFT, f"{CHANGE}-2.yml"], "the same failure with other numbers is the same"
    data = yaml.safe_load((root / "errors/drafts" / DRAFT).read_text("utf-8"))
    assert data["service"] == "web" and data["host"] == "a" and "Connection refused" in data["said"] and data["entry"]["type"] == "待填"
    assert "111" not in data["entry"]["pattern"] and re.search(data["entry"]["pattern"], SAID)
    (root / "errors/drafts" / DRAFT).write_text("mine\n", "utf-8")
    assert code(itops("draft", CHANGE)) == 0 and (root / "errors/drafts" / DRAFT).read_text("utf-8") == "mine\n"


def test_an_uncompleted_draft_is_refused_with_all_that_is_missing(root: Path) -> None:
    noted(root, SAID)
    itops("draft", CHANGE)
    done = itops("accept", DRAFT, "--service", "web")
    assert code(done) == 2 and isinstance(done.exception, BadInput)
    assert {p.path for p in done.exception.problems} == {"entry.type", "entry.steps"}


@pytest.mark.parametrize("where", ["service", "policy"])
def test_accepted_it_names_the_failure_from_then_on(root: Path, where: str) -> None:
    noted(root, SAID)
    itops("draft", CHANGE)
    completed(root, event="EVT-9", action="重试", retries=2)
    record_file = root / "inventory/services/web.yml"
    record_file.write_text("# by hand\n" + record_file.read_text("utf-8"), "utf-8")
    before = record_file.read_text("utf-8")
    words = ["--service", "web"] if where == "service" else ["--global"]
    done = itops("accept", DRAFT, *words)
    assert code(done) == 0, (done.output, done.exception)
    assert record_file.read_text("utf-8").startswith(before) and (record_file.read_text("utf-8") == before) == (where == "policy")
    ws = workspace.load(root)
    assert not errors(catalogue.load(ws).problems) and not (root / "errors/drafts" / DRAFT).exists()
    known = known_errors.entries("web", catalogue.load(ws).services, policy.load(ws))
    assert [(e["type"], e["event"], e["action"], e["retries"]) for e in known] == [("上游不可达", "EVT-9", "retry", 2)]
    assert code(itops("draft", CHANGE)) == 0 and not list((root / "errors/drafts").iterdir()), "it is known now"
    told = itops("test", "--text", SAID.replace("8080", "9090"), "--format", "json")
    assert code(told) == 0 and json.loads(told.output)["match"]["type"] == "上游不可达"
    assert json.loads(told.output)["where"] == ("web" if where == "service" else "policy.yml")
    listed = itops("list", "--service", "web")
    assert code(listed) == 0 and "上游不可达" in listed.output and "检查上游; 重启上游" in listed.output


@pytest.mark.parametrize(
    ("entry", "message"),
    [({"pattern": "never said"}, "does not match"), ({"pattern": "(a+)+$"}, "can explode"), ({"action": "dance"}, "not"), ({"colour": "red"}, "")],
)
def test_a_wrong_entry_is_refused_and_nothing_is_written(root: Path, entry: dict[str, Any], message: str) -> None:
    noted(root, SAID)
    itops("draft", CHANGE)
    completed(root, **entry)
    before = (root / "inventory/services/web.yml").read_bytes()
    done = itops("accept", DRAFT, "--service", "web")
    assert code(done) == 2 and message in str(done.exception), done.exception
    assert (root / "inventory/services/web.yml").read_bytes() == before and (root / "errors/drafts" / DRAFT).exists()


def test_the_same_pattern_is_not_taken_twice(root: Path) -> None:
    noted(root, SAID)
    for expected in (0, 2):
        itops("draft", CHANGE)
        (root / "errors/drafts" / DRAFT).write_text(error_drafts.as_yaml(drafted(root)), "utf-8")
        completed(root)
        assert code(itops("accept", DRAFT, "--service", "web")) == expected


def drafted(root: Path) -> error_drafts.Draft:
    events = Ledger(workspace.load(root).record_dir(CHANGE), CHANGE).events()
    return error_drafts.of_record(CHANGE, events, lambda service: [])[0]


def test_what_nobody_knows_ends_with_5_and_wrong_words_with_2(root: Path) -> None:
    done = itops("test", "--text", "no idea")
    assert code(done) == 5 and "未知异常" in done.output
    assert code(itops("test")) == code(itops("accept", "x")) == code(itops("accept", "x", "--global")) == code(itops("draft", "CHG-1")) == 2
    assert code(itops("list", "--service", "nobody")) == 2
    said = root / "said.txt"
    said.write_bytes(b"\xff no idea")
    assert code(itops("test", "--file", str(said))) == 5


def test_a_line_with_a_secret_is_no_pattern() -> None:
    """Such a pattern would be refused as a secret itself."""
    said = f"FATAL: password={error_drafts.MARK} was refused\nFATAL: authentication failed for user deploy"
    assert "password" not in error_drafts.telling_line(said) and "authentication failed" in error_drafts.telling_line(said)
