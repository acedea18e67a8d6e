# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops run --due`: what is due is started once, whoever asks how often; the worst outcome is the exit status."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome

from tests.house import BIN, shop, until
from tests.integration.conftest import CONTROL, LocalHouse
from tests.integration.test_interrupted import HOLD

ITOPS = str(BIN / "itops")


class Street(LocalHouse):
    """Two services, shop and till, both due since January and never maintained; a change for each that everybody has agreed to."""

    def __init__(self, root: Path, **changes: dict[str, Any]):
        super().__init__(root, ("a", "b", "c", "d"))
        for sid, names in (("shop", ("a", "b")), ("till", ("c", "d"))):
            hosts = [{"name": name, "role": role, "vars": {"root": str(self.at(name)), "active": str(root / sid)}}
                     for name, role in zip(names, ("primary", "standby"), strict=True)]  # fmt: skip
            self.service({**shop(hosts, control=CONTROL), "id": sid})
        self.ids = {sid: self.change(number, service=sid, **changes.get(sid, {})) for number, sid in enumerate(("shop", "till"), 1)}
        for cid in self.ids.values():
            self.govern(cid)

    def due(self, *words: str, expect: int = 0) -> dict[str, Any]:
        done = self.run(ITOPS, "run", "--due", *words, "--format", "json")
        assert done.returncode == expect, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def lines(self) -> list[dict[str, Any]]:
        path = self.root / "records/register.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def why(found: dict[str, Any], service: str) -> dict[str, list[str]]:
    turn = next(turn for turn in found["due"] if turn["service"] == service)
    return {change["change"]: change["hindrances"] for change in turn["changes"]}


def test_what_was_missed_is_caught_up_once_and_the_worst_outcome_counts(tmp_path: Path) -> None:
    street = Street(tmp_path, till={"broken": True})
    seen = street.due("--check")
    assert {sid: why(seen, sid) for sid in street.ids} == {sid: {cid: []} for sid, cid in street.ids.items()}
    assert street.lines() == [] and "run_opened" not in street.kinds(street.ids["shop"]), "a look starts nothing"
    found = street.due("--max", "2", expect=11)
    assert {run["change"]: run["exit"] for run in found["runs"]} == {street.ids["shop"]: 0, street.ids["till"]: 11}
    assert all(run["run"] == street.record(run["change"])["runs"][0]["run"] for run in found["runs"])
    assert {street.record(run["change"])["runs"][0]["entry"] for run in found["runs"]} == {"schedule"}
    assert [street.version(host) for host in "abcd"] == ["2.0", "2.0", "1.0", "1.0"]
    again = street.due()
    assert again["runs"] == [] and [turn["service"] for turn in again["due"]] == ["till"], "the periods missed since January count once"
    assert "decided by a person" in why(again, "till")[street.ids["till"]][0]
    third = street.change(3)
    street.govern(third)
    assert street.due()["runs"] == [] and len(street.lines()) == 2, "what was achieved is not due again"
    (street.root / "records/register.jsonl").unlink()
    lost = street.due("--check")
    assert "was begun already" in why(lost, "shop")[street.ids["shop"]][0], "the ledger remembers what the register has lost"


def test_two_at_once_start_nothing_twice_and_one_change_of_a_service_at_a_time(tmp_path: Path) -> None:
    street = Street(tmp_path, shop={"before": [HOLD]})
    second = street.change(3)
    street.govern(second)
    words = (ITOPS, "run", "--due", "--max", "3", "--log", "due.log")
    racing = [subprocess.Popen(words, cwd=street.root, env=street.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(3)]
    until((street.at("b") / "mid.reached").exists, "the step that waits")
    until(lambda: sum(process.poll() is not None for process in racing) == 2, "those that came too late")
    assert "is being maintained now" in " ".join(why(street.due("--check"), "shop")[second]), "one change of a service at a time"
    for host in "ab":
        (street.at(host) / "mid.go").touch()
    assert [process.wait(100) for process in racing] == [0, 0, 0]
    assert [process.communicate()[0] for process in racing] == ["", "", ""], "cron mails nothing of what went well"
    assert sorted(line["change"] for line in street.lines()) == sorted(street.ids.values())
    log = (street.root / "due.log").read_text("utf-8")
    assert log.count("another itops run --due is at work") == 2 and log.count(f"{street.ids['shop']}: started") == 1


def test_what_keeps_a_change_back_is_said_and_does_not_keep_the_others(tmp_path: Path) -> None:
    street = Street(tmp_path)
    till = street.read_service("till")
    till["maintenance"]["mode"] = "semi"
    street.service(till)
    bare = street.change(3, service="till")
    (street.root / "changes/CHG-20260101-01.yml").write_text("service: [till]\n", "utf-8")
    found = street.due("--check")
    said = {cid: " ".join(hindrances) for cid, hindrances in why(found, "till").items()}
    assert "mode semi asks a person" in said[bare] and "checklist" in said[bare] and "is not complete" in said["CHG-20260101-01"]
    assert why(found, "shop") == {street.ids["shop"]: []} and found["unreadable"] == []
    for path in (street.root / "changes").glob("*.yml"):
        if path.stem != street.ids["shop"]:
            path.unlink()
    done = street.run(ITOPS, "run", "--due")
    assert done.returncode == 0 and f"{street.ids['shop']}: started" in done.stdout
    assert "till: overdue, 2026-01-15: no change → itops change new --service till --title …" in done.stdout


def test_a_wish_to_stop_reaches_the_run_and_nothing_more_is_started(tmp_path: Path) -> None:
    street = Street(tmp_path, shop={"before": [HOLD]})
    process = subprocess.Popen((ITOPS, "run", "--due"), cwd=street.root, env=street.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until((street.at("b") / "mid.reached").exists, "the step that waits")
    process.send_signal(signal.SIGTERM)
    until(lambda: list(street.at("b").rglob("state/CHG-*/R*/patch-1/cancel*")), "the wish to stop to reach the host")
    (street.root / "inventory/services/till.yml").write_text("id: till\n", "utf-8")
    (street.at("b") / "mid.go").touch()
    said, _ = process.communicate(timeout=100)
    code = street.record(street.ids["shop"])["runs"][0]["exit"]
    assert process.returncode == outcome.worst([code, 1]) != 0 and f"{street.ids['shop']}: {outcome.describe(code)}" in said, said
    assert "nothing more is started: " in said and "till.yml" in said, "what cannot be read any more hides no outcome"
    assert [line["change"] for line in street.lines()] == [street.ids["shop"]] and street.version("c") == "1.0"


def test_a_file_that_could_be_a_change_of_anything_is_named_and_keeps_no_other_back(tmp_path: Path) -> None:
    street = Street(tmp_path)
    (street.root / "changes/CHG-20260101-01.yml").write_text("service: [till\n", "utf-8")
    done = street.run(ITOPS, "run", "--due", "--log", "due.log")
    assert done.returncode == outcome.CODES["bad_input"] and "CHG-20260101-01.yml:" in done.stdout, done.stdout + done.stderr
    assert sorted(line["change"] for line in street.lines()) == sorted(street.ids.values()), "what can be read is carried out"
    assert len(street.due("--check", expect=2)["unreadable"]) == 1


def test_a_starter_that_is_killed_lets_its_run_go_on_and_the_next_one_begins_nothing_twice(tmp_path: Path) -> None:
    street = Street(tmp_path, shop={"before": [HOLD]})
    process = subprocess.Popen((ITOPS, "run", "--due"), cwd=street.root, env=street.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until((street.at("b") / "mid.reached").exists, "the step that waits")
    process.kill()
    process.communicate(timeout=100)
    next_one = street.due("--max", "2")
    assert [run["change"] for run in next_one["runs"]] == [street.ids["till"]] and "was begun already" in why(next_one, "shop")[street.ids["shop"]][0]
    for host in "ab":
        (street.at(host) / "mid.go").touch()
    until(lambda: len(street.lines()) == 2, "the run that nobody waits for to be closed")
    assert {line["change"]: line["exit"] for line in street.lines()} == dict.fromkeys(street.ids.values(), 0)
    assert street.due()["runs"] == [] and [street.version(host) for host in "abcd"] == ["2.0"] * 4


@pytest.mark.parametrize("words", [[], ["CHG-20260101-01", "--due"], ["--due", "--limit", "a"]])
def test_either_a_change_or_what_is_due(house: LocalHouse, words: list[str]) -> None:
    done = house.run(ITOPS, "run", *words)
    assert done.returncode == 2 and "either a change or --due" in done.stderr
