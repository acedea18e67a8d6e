# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cron and systemd are given: between markers or in files of our own, the same again, and nothing of anybody else's."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from hypothesis import given
from hypothesis import strategies as st

from itops_cli.checkup import timers
from itops_cli.schedule import cron, systemd
from itops_cli.schedule.timer import Timer
from tests.unit import commanded, make

CRONTAB = """#!/bin/sh
case "$1" in
  -l) [ -e "$TABLE" ] || { echo "no crontab for tester" >&2; exit 1; }; cat "$TABLE";;
  -) cat > "$TABLE.new"; grep -q refuse "$TABLE.new" && { echo "bad minute" >&2; exit 1; }; mv "$TABLE.new" "$TABLE";;
esac
"""
SYSTEMCTL = '#!/bin/sh\necho "$@" >> "$TABLE.systemctl"\n[ ! -e "$TABLE.broken" ] || { echo "Failed to connect to bus" >&2; exit 1; }\n'
MINE = "MAILTO=me@example.com\n# my own\n*/5 * * * * /usr/local/bin/mine  # 100\\%\n"


class Desk:
    """A workspace, and commands in front of the PATH that stand for cron's and systemd's: there is neither for a test's account."""

    def __init__(self, root: Path):
        self.root = make.workspace(root / "work space")
        self.table, self.units = root / "table", root / "config/systemd/user"
        (root / "bin").mkdir()
        for name, text in (("crontab", CRONTAB), ("systemctl", SYSTEMCTL)):
            (root / "bin" / name).write_text(text)
            (root / "bin" / name).chmod(0o755)
        path = f"{root / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.env = {**os.environ, "PATH": path, "TABLE": str(self.table), "XDG_CONFIG_HOME": str(root / "config")}

    def install(self, *words: str, expect: int = 0) -> str:
        return commanded.itops(self.root, "schedule", "install", *words, expect=expect, env=self.env)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_block_is_put_below_what_is_there_replaced_and_taken_out_again(desk: Desk) -> None:
    desk.table.write_text(MINE)
    assert "+*/15 * * * *" in desk.install("--check", expect=6) and desk.table.read_text() == MINE
    desk.install()
    first = desk.table.read_text()
    assert first.startswith(MINE) and first.count("run --due") == 1 and first.splitlines()[-1].endswith(" end")
    assert "unchanged" in desk.install() and desk.table.read_text() == first
    assert desk.install("--check") == ""
    desk.table.write_text(first + "@daily /usr/local/bin/later\n")
    desk.install("--every", "5", "--max", "3")
    second = desk.table.read_text()
    assert second.startswith(MINE) and second.endswith("end\n@daily /usr/local/bin/later\n") and "\n*/5 * * * * /" in second and "--max 3" in second
    desk.install("--uninstall")
    assert desk.table.read_text() == MINE + "@daily /usr/local/bin/later\n"
    assert "unchanged" in desk.install("--uninstall")


def test_without_a_crontab_one_is_made_and_what_crontab_refuses_changes_nothing(desk: Desk) -> None:
    desk.install()
    assert desk.table.read_text().startswith("# itops:schedule")
    desk.table.write_text("refuse\n")
    assert "bad minute" in desk.install(expect=1) and desk.table.read_text() == "refuse\n"


@pytest.mark.parametrize("damage", ["no end", "twice", "end first"])
def test_damaged_markers_are_refused(desk: Desk, damage: str) -> None:
    desk.install()
    lines = desk.table.read_text().splitlines(keepends=True)
    broken = {"no end": lines[:-1], "twice": [*lines, lines[0]], "end first": lines[::-1]}[damage]
    desk.table.write_text(MINE + "".join(broken))
    for words in ((), ("--uninstall",), ("--check",)):
        assert "crontab:" in desk.install(*words, expect=2)
        assert desk.table.read_text() == MINE + "".join(broken)


def timer(tmp: str = "/srv/100% mine", every: int = 15, system: bool = False) -> Timer:
    return Timer("/opt/itops/bin/itops", Path(tmp), Path(tmp) / "due.log", every, 2, 60, system, "ops", mailto="ops@example.com" if system else "")


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line and b"\r" not in line and b"itops:schedule" not in line)), st.booleans())
def test_lines_of_others_stay_byte_for_byte(foreign: list[bytes], ended: bool) -> None:
    old = b"\n".join(foreign) + (b"\n" if ended and foreign else b"")
    once = cron.put(old, timer(), cron.block(timer()), "crontab")
    assert once.startswith(old) and cron.put(once, timer(), cron.block(timer()), "crontab") == once
    assert cron.put(once, timer(), None, "crontab").removesuffix(b"\n") == old.removesuffix(b"\n")
    other = cron.put(once, timer("/srv/other"), cron.block(timer("/srv/other")), "crontab")
    assert cron.put(other, timer(), None, "crontab").endswith(cron.put(b"", timer("/srv/other"), cron.block(timer("/srv/other")), ""))


def test_the_line_is_read_by_cron_and_by_the_shell_as_it_was_meant() -> None:
    (line,) = cron.block(timer(every=1))
    assert line.startswith("* * * * * ") and r"\%" in line
    words = shlex.split(line.removeprefix("* * * * * ").replace(r"\%", "%"))
    assert words == [*timer().command, "--jitter", "60", "--log", "/srv/100% mine/due.log"]
    assert cron.block(timer(every=60, system=True))[:2] == ["MAILTO=ops@example.com", cron.block(timer(every=60, system=True))[1]]
    assert cron.block(timer(every=60, system=True))[1].startswith("0 * * * * ops /opt")


def test_units_are_written_enabled_and_taken_away(desk: Desk) -> None:
    assert "loginctl enable-linger" in desk.install("--as", "systemd", "--every", "5")
    names = ["itops-due-failed.service", "itops-due.service", "itops-due.timer"]
    assert sorted(path.name for path in desk.units.iterdir()) == names
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in desk.units.iterdir())
    said = Path(f"{desk.table}.systemctl")
    assert said.read_text().splitlines() == ["--user daemon-reload", "--user enable --now itops-due.timer"]
    assert "unchanged" in desk.install("--as", "systemd", "--every", "5") and desk.install("--as", "systemd", "--every", "5", "--check") == ""
    assert "-OnCalendar=*:0/5\n+OnCalendar=*:0/15" in desk.install("--as", "systemd", "--check", expect=6)
    desk.install("--as", "systemd", "--uninstall")
    assert list(desk.units.iterdir()) == [] and "--user disable --now itops-due.timer" in said.read_text()


@pytest.mark.parametrize(("kind", "by"), [("cron", "the crontab"), ("systemd", "itops-due.timer")])
def test_the_doctor_says_what_starts_it(desk: Desk, monkeypatch: pytest.MonkeyPatch, kind: str, by: str) -> None:
    for name in ("PATH", "TABLE", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, desk.env[name])
    (nothing,) = timers.starts(workspace.load(desk.root))
    assert nothing.severity == "info" and nothing.remedy.startswith("itops schedule install")
    desk.install("--as", kind)
    (found,) = timers.starts(workspace.load(desk.root))
    assert found.severity == "ok" and by in found.message


def test_a_unit_of_somebody_else_is_left_alone_and_systemd_that_does_not_answer_is_said(desk: Desk) -> None:
    desk.units.mkdir(parents=True)
    (desk.units / "itops-due.timer").write_text("[Timer]\n")
    for words in ((), ("--uninstall",)):
        assert "is not of this workspace" in desk.install("--as", "systemd", *words, expect=2)
    assert [path.name for path in desk.units.iterdir()] == ["itops-due.timer"]
    Path(f"{desk.table}.broken").touch()
    assert "Failed to connect to bus" in desk.install("--as", "systemd", "--name", "itops-web", expect=1)


def test_a_unit_says_words_as_they_are() -> None:
    text = systemd.units(timer("/srv/100% $HOME", system=True))["itops-due.service"]
    assert '"--workspace" "/srv/100%% $$HOME"' in text and "User=ops" in text and "OnFailure=itops-due-failed.service" in text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--every", "1", "--jitter", "61"], "longer than"),
        (["--user", "ops"], "--user needs --system"),
        (["--mailto", "a@b.c"], "MAILTO=…"),
        (["--name", "itops.due"], "cron passes over"),
        (["--system", "--check", "--mailto", "a@b.c\nMAILTO="], "no blanks"),
    ],
)
def test_what_cannot_be_kept_is_refused(desk: Desk, words: list[str], why: str) -> None:
    assert why in desk.install(*words, expect=2) and not desk.table.exists()


def test_records_elsewhere_by_a_variable_are_refused(desk: Desk) -> None:
    desk.env["ITOPS_RECORDS"] = "/srv/records"
    assert "set records: in itops.yml" in desk.install(expect=2)


def test_a_marker_with_other_text_on_its_line_is_none() -> None:
    with pytest.raises(BadInput):
        cron.put(f"{timer().mark} begin\n* * * * * x {timer().mark} end\n".encode(), timer(), None, "crontab")
