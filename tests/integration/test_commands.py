# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops change …` and `itops record …` as an operator and an auditor type them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import register
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import canonical

from tests.integration.conftest import LocalHouse


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalHouse, str]:
    """A change that was carried out, to look at."""
    house = LocalHouse(tmp_path_factory.mktemp("done"))
    cid = house.change()
    assert house.itops("run", cid).returncode == 0
    return house, cid


@pytest.fixture
def stream(done: tuple[LocalHouse, str]) -> Path:
    """The ledger of that change, put back as it was after the test."""
    house, cid = done
    path = house.folder(cid) / "events.jsonl"
    return path


def edited(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[4].replace('"phase":"', '"phase":"x', 1), *lines[5:]]


def deleted(lines: list[str]) -> list[str]:
    return [*lines[:4], *lines[5:]]


def inserted(lines: list[str]) -> list[str]:
    return [*lines[:5], lines[4], *lines[5:]]


def swapped(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[5], lines[4], *lines[6:]]


def cut(lines: list[str]) -> list[str]:
    return lines[:-2]


@pytest.mark.parametrize(
    ("damage", "word"),
    [(edited, "event 5"), (deleted, "event 5"), (inserted, "event 5"), (swapped, "event 6"), (cut, "cut")],
    ids=["edited", "deleted", "inserted", "swapped", "cut"],
)
def test_verify_says_what_was_done_to_which_event(done: tuple[LocalHouse, str], stream: Path, damage: Callable[[list[str]], list[str]], word: str) -> None:
    house, cid = done
    whole = stream.read_text("utf-8")
    try:
        stream.write_text("".join(damage(whole.splitlines(keepends=True))), "utf-8")
        found = house.itops("record", "verify", cid)
        assert found.returncode == 4, found.stdout
        assert damage.__name__ in found.stdout and word in found.stdout, found.stdout
        told = json.loads(house.itops("record", "verify", cid, "--format", "json").stdout)
        assert told["faults"]
    finally:
        stream.write_text(whole, "utf-8")
    assert house.itops("record", "verify").returncode == 0


def test_a_line_cut_off_the_register_is_missed(done: tuple[LocalHouse, str]) -> None:
    house, cid = done
    path = house.root / "records/register.jsonl"
    whole = path.read_text("utf-8")
    path.write_text("".join(whole.splitlines(keepends=True)[:-1]), "utf-8")
    try:
        found = house.itops("record", "verify")
        assert found.returncode == 4 and f"register: cut: the line of {cid}" in found.stdout
        assert house.itops("record", "render", cid).returncode == 0
        assert house.itops("record", "verify").returncode == 0, "an explicit command puts it back"
    finally:
        path.write_text(whole, "utf-8")


@pytest.mark.parametrize("lie", [{"result": "not_achieved"}, {"exit": 11}, {"executor": "nobody"}, {}], ids=["result", "exit", "executor", "twice"])
def test_a_register_that_was_made_anew_is_held_against_the_ledgers(done: tuple[LocalHouse, str], lie: dict[str, Any]) -> None:
    house, _cid = done
    path = house.root / "records/register.jsonl"
    whole = path.read_bytes()
    line = {**json.loads(whole), **lie}
    forged = {**line, "hash": register._digest(line)}
    again = {**forged, "number": 2, "prev": forged["hash"]}
    extra = b"" if lie else canonical({**again, "hash": register._digest(again)}) + b"\n"
    path.write_bytes(canonical(forged) + b"\n" + extra)
    try:
        found = house.itops("record", "verify")
        assert found.returncode == 4 and "register: " in found.stdout and next(iter(lie), "2 times") in found.stdout, found.stdout
    finally:
        path.write_bytes(whole)


def test_a_ledger_that_is_gone_is_missed(done: tuple[LocalHouse, str]) -> None:
    house, cid = done
    folder = house.folder(cid)
    folder.rename(folder.with_name("elsewhere"))
    try:
        found = house.itops("record", "verify")
        assert found.returncode == 4 and cid in found.stdout
    finally:
        folder.with_name("elsewhere").rename(folder)


@pytest.mark.parametrize("name", ["record.json", "record.zh_CN.md", "record.en.md", "transcript.txt", "change.yml"])
def test_views_are_rebuilt_byte_for_byte(done: tuple[LocalHouse, str], name: str) -> None:
    house, cid = done
    view = house.folder(cid) / name
    whole = view.read_bytes()
    view.write_bytes(whole.replace("商城".encode(), "商店".encode()) + b"more\n")
    checked = house.itops("record", "render", "--check", cid)
    assert checked.returncode == 4 and name in checked.stdout
    assert house.itops("record", "render", cid).returncode == 0
    assert view.read_bytes() == whole


def test_show_and_list(done: tuple[LocalHouse, str]) -> None:
    house, cid = done
    shown = house.itops("record", "show", cid)
    assert shown.stdout.strip() == (house.folder(cid) / "record.zh_CN.md").read_text("utf-8").strip()
    assert "Patch files" in house.itops("record", "show", cid, "--lang", "en").stdout
    assert json.loads(house.itops("record", "show", cid, "--format", "json").stdout)["change"] == cid
    assert json.loads(house.itops("record", "list", "--format", "json").stdout)[0]["result"] == "achieved"
    missing = house.itops("record", "show", "CHG-20000101-01")
    assert missing.returncode == 2 and "itops record list" in missing.stderr


HEADS = {
    "zh_CN": ("基本信息", "补丁核对", "备份", "步骤", "验证", "异常与处理", "回滚", "结论", "签字栏", "附件清单"),
    "en": ("Patch files", "Backup", "Steps", "Verification", "Exceptions", "Rollback", "Conclusion", "Signatures", "Attachments"),
}


@pytest.mark.parametrize("lang", HEADS)
def test_reports_have_their_parts_in_order(done: tuple[LocalHouse, str], lang: str) -> None:
    house, cid = done
    text = (house.folder(cid) / f"record.{lang}.md").read_text("utf-8")
    places = [text.index(f"## {head}") for head in HEADS[lang]]
    assert places == sorted(places)


def test_a_new_change_names_what_is_still_to_be_filled_in(tmp_path: Path) -> None:
    house = LocalHouse(tmp_path)
    made = house.itops("change", "new", "--service", "shop", "--title", "升级到 3.0", "--format", "json")
    assert made.returncode == 0, made.stderr
    cid = json.loads(made.stdout)["change"]
    linted = house.itops("change", "lint", cid)
    assert linted.returncode == 2 and "待填" in linted.stdout, linted.stdout
    assert house.itops("change", "list").stdout.count(cid) == 1
    wrong = house.itops("change", "new", "--service", "shpo", "--title", "x")
    assert wrong.returncode == 2 and "shop" in wrong.stderr


def test_change_lint_gives_every_error_with_its_place(tmp_path: Path) -> None:
    house = LocalHouse(tmp_path)
    cid = house.change()
    house.edit_change(cid, lambda data: data["plan"]["steps"].append({"kind": "updte", "command": "true"}))
    house.edit_change(cid, lambda data: data.update(executor="nobody", titel="x"))
    linted = house.itops("change", "lint", "--format", "json")
    assert linted.returncode == 2
    problems = json.loads(linted.stdout)
    assert {p["path"].split(".")[0] for p in problems} >= {"plan", "executor", "titel"}
    assert all(p["line"] > 0 for p in problems)
    assert any("title" in p["allowed"] + p["message"] for p in problems if p["path"] == "titel")


def test_change_show_resolves_labels(tmp_path: Path) -> None:
    house = LocalHouse(tmp_path)
    cid = house.change()
    house.edit_change(cid, lambda data: data.update(kind="补丁更新"))
    shown = house.itops("change", "show", cid, "--format", "json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["kind"] == "patch"


@pytest.mark.parametrize(
    "content", [b"", b"a:\n\tb: 1\n", b"- a\n", "标题: 升级".encode("utf-16"), b"# \xff\n"], ids=["empty", "tab", "list", "utf16", "bytes"]
)
def test_a_file_that_is_no_change_is_bad_input_with_its_place(tmp_path: Path, content: bytes) -> None:
    house = LocalHouse(tmp_path)
    cid = house.change()
    (house.root / f"changes/{cid}.yml").write_bytes(content)
    done = house.itops("run", cid)
    assert done.returncode == 2 and f"{cid}.yml:1: error:" in done.stderr.replace(f"{cid}.yml:2:", f"{cid}.yml:1:"), done.stderr
    assert not house.folder(cid).exists()


@pytest.mark.parametrize("limit", ["", " ", "b,", "a b", "b --forks 1", "{{ 1 }}"])
def test_a_limit_is_names_of_hosts_and_never_silently_all(tmp_path: Path, limit: str) -> None:
    house = LocalHouse(tmp_path)
    house.governed = False
    cid = house.change()
    done = house.itops("run", cid, "--limit", limit)
    assert done.returncode == 2 and "not the name of a host" in done.stderr, done.stderr
    assert not house.folder(cid).exists()


@pytest.mark.parametrize("answers", [b"[continue", b"\xff", b"- !!python/object/apply:os.system [id]", b"a: b"])
def test_answers_that_are_none_are_bad_input(tmp_path: Path, answers: bytes) -> None:
    house = LocalHouse(tmp_path)
    cid = house.change()
    (house.root / "answers.yml").write_bytes(answers)
    done = house.itops("run", cid, "--answers", "answers.yml")
    assert done.returncode == 2 and done.stderr.startswith("answers.yml: ") and "Traceback" not in done.stderr, done.stderr


def test_staged_files_are_those_of_a_change(done: tuple[LocalHouse, str]) -> None:
    house, cid = done
    assert "shop-2.0.tar.gz" in house.itops("change", "files", cid).stdout
    assert house.itops("change", "files", "../inventory").returncode == 2


def test_evidence_and_checkpoints_are_verified_as_well(tmp_path: Path) -> None:
    house = LocalHouse(tmp_path)
    cid = house.change(after=[{"kind": "update", "title": "长", "command": "seq 20000"}])
    key = tmp_path / "key.pem"
    house.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key))
    with_key = {"ITOPS_CHECKPOINT_KEY": str(key)}
    assert house.itops("run", cid, env=with_key).returncode == 0
    signed = house.itops("record", "verify", env=with_key)
    assert signed.returncode == 0 and "no checkpoint" not in signed.stdout
    (house.folder(cid) / "checkpoint.txt").unlink()
    assert f"{cid}: no checkpoint" in house.itops("record", "verify", env=with_key).stdout
    key.write_text("no key")
    unusable = house.itops("record", "verify", env=with_key)
    assert unusable.returncode == 2 and "not an Ed25519 key" in unusable.stderr
    evidence = next((house.folder(cid) / "evidence").iterdir())
    evidence.write_bytes(evidence.read_bytes().replace(b"77\n", b"78\n"))
    assert "edited: its evidence" in house.itops("record", "verify").stdout
    evidence.unlink()
    found = house.itops("record", "verify")
    assert found.returncode == 4 and "deleted: its evidence" in found.stdout
