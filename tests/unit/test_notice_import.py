# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops notice`: from a supplier's notice to a change file that passes lint once what it names as unknown is filled in."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice import sizes

from tests.unit import make
from tests.unit.fileserver import Shop, shop
from tests.unit.listeners import authority
from tests.unit.signers import Minisigner, gpg

BIN = Path(sys.executable).parent
ADVISORY = Path(__file__).parent / "data/csaf-advisory.json"
CONTENT = b"portal 2.4.1\n"  # what the advisory's digest is of
SHA = hashlib.sha256(CONTENT).hexdigest()
SECRET = "hunter2-Zx9"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path / "ws")


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    trusted = authority(tmp_path / "ca")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted.ca))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with shop(trusted.context, **{"portal-2.4.1.tar.gz": CONTENT}) as found:
        yield found


def cid(root: Path) -> str:
    """The first change there; midnight may have been since this file was collected."""
    return min(path.stem for path in (root / "changes").glob("CHG-*-01.yml"))


def itops(root: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(BIN / "itops"), *words], cwd=root, capture_output=True, text=True, check=False, timeout=120, env={**os.environ})
    assert done.returncode == code, done.stdout + done.stderr
    return done


def imported(root: Path, *words: str, code: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the command says as JSON, and the change file it wrote."""
    said = json.loads(itops(root, "notice", "import", *words, "--service", "web", "--format", "json", code=code).stdout)
    return said, yaml.safe_load(Path(said["file"]).read_text("utf-8"))


def lint(root: Path) -> list[dict[str, Any]]:
    words = [str(BIN / "itops"), "change", "lint", cid(root), "--format", "json"]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def complete(root: Path, said: dict[str, Any]) -> None:
    """Fill in exactly what was named as unknown, and nothing else."""
    path = root / "changes" / f"{cid(root)}.yml"
    data = yaml.safe_load(path.read_text("utf-8"))
    values = {"start": "2026-11-28T02:00:00+08:00", "end": "2026-11-28T04:00:00+08:00", "size": len(CONTENT), "sha256": SHA}
    for place in said["fill_in"]:
        *way, last = place.split(": ")[0].replace("]", "").replace("[", ".").split(".")
        found = data
        for part in way:
            found = found[int(part) if part.isdigit() else part]
        found[last] = values.get(last, "/srv/web")
    make.dump(path, data)


# ------------------------------------------------------------------ import


def test_a_csaf_notice_becomes_a_change_with_all_it_says(root: Path) -> None:
    said, change = imported(root, str(ADVISORY))
    assert said["type"] == "csaf" and said["change"] == change["id"] == cid(root) and Path(said["staging"]).is_dir()
    notice = change["notice"]
    assert (notice["id"], notice["supplier"], change["title"]) == ("SUP-2026-118", "示例门户软件公司", "门户软件 2.4.0 身份验证绕过")
    assert notice["received_at"].startswith(f"{date.today():%Y-}") and notice["received_at"].endswith("+08:00")
    url = "https://supplier.example/download/portal-2.4.1.tar.gz"
    assert notice["files"] == [{"name": "portal-2.4.1.tar.gz", "size": "待填", "sha256": SHA, "url": url}]
    plan = change["plan"]
    assert plan["impact"] == ["reboot"] and [step["kind"] for step in plan["steps"]] == [
        "stop",
        "update",
        "update",
        "start",
        "rollback",
        "rollback",
        "rollback",
    ]
    assert plan["steps"][1]["release"]["file"] == "portal-2.4.1.tar.gz" and "重启" in plan["steps"][2]["title"]
    assert {"item": "厂商修复说明", "value": "升级到 2.4.1，然后重启主机。"} in change["extra"]
    assert any("portal-2.4.0" in remark for remark in said["remarks"])


def test_every_unknown_is_named_and_lint_lets_none_pass(root: Path) -> None:
    said, _change = imported(root, str(ADVISORY))
    places = {place.split(":")[0] for place in said["fill_in"]}
    expected = {"notice.files[0].size", "plan.window.start", "plan.window.end", "plan.steps[1].release.dest", "plan.steps[2].command"}
    assert places == expected
    assert "notice.files[0].size" in {problem["path"] for problem in lint(root)}
    complete(root, said)
    assert lint(root) == []


@pytest.mark.parametrize("missing", ["notice.files[0].size", "plan.window.start", "plan.window.end", "plan.steps[1].release.dest", "plan.steps[2].command"])
def test_one_unknown_left_is_one_error(root: Path, missing: str) -> None:
    said, _change = imported(root, str(ADVISORY))
    complete(root, {"fill_in": [place for place in said["fill_in"] if place.split(":")[0] != missing]})
    assert [problem["path"] for problem in lint(root)] == [missing]


def test_a_list_of_digests_says_nothing_but_its_files(root: Path, tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{SHA}  a.tar.gz\n{SHA} *fix.sh\n", "utf-8")
    said, change = imported(root, str(tmp_path / "SHA256SUMS"), "--title", "升级", "--supplier", "示例公司", "--base-url", "https://supplier.example/2.4.1/")
    places = {place.split(":")[0] for place in said["fill_in"]}
    assert {"notice.id", "notice.files[0].size", "notice.files[1].size"} <= places and "notice.supplier" not in places
    assert change["notice"]["source"] == "SHA256SUMS" and change["notice"]["files"][1]["url"] == "https://supplier.example/2.4.1/fix.sh"
    assert change["plan"]["steps"][2]["files"][0]["file"] == "fix.sh"
    complete(root, said)
    assert lint(root) == []


def test_our_yaml_and_what_the_operator_adds(root: Path, tmp_path: Path) -> None:
    files = [{"name": "a.zip", "size": 13, "sha512": "0" * 128}, {"name": "b.bin"}]
    make.dump(tmp_path / "n.yml", {"id": "SUP-1", "title": "升级", "restart_required": "connected", "files": files})
    said, change = imported(root, str(tmp_path / "n.yml"), "--id", "SUP-2", "--source", "邮件")
    assert (change["notice"]["id"], change["notice"]["source"]) == ("SUP-2", "邮件") and change["plan"]["impact"] == ["outage"]
    assert change["notice"]["files"][1] == {"name": "b.bin", "size": "待填", "sha256": "待填"}
    assert {"notice.supplier", "notice.files[1].size", "notice.files[1].sha256"} <= {place.split(":")[0] for place in said["fill_in"]}


def test_by_hand(root: Path) -> None:
    words = ["--id", "SUP-3", "--source", "电话", "--supplier", "示例公司", "--title", "升级", "--file", f"a.tar.gz:13:{SHA}:https://h.example/a.tar.gz"]
    said, change = imported(root, "--type", "hand", *words)
    assert said["type"] == "hand" and change["notice"]["files"] == [{"name": "a.tar.gz", "size": 13, "sha256": SHA, "url": "https://h.example/a.tar.gz"}]
    assert not [place for place in said["fill_in"] if place.startswith("notice")]


def test_two_notices_get_two_changes_and_the_next_command_is_said(root: Path) -> None:
    imported(root, str(ADVISORY))
    text = itops(root, "notice", "import", str(ADVISORY), "--service", "web").stdout
    second = cid(root)[:-1] + "2"
    assert f"{second}.yml" in text and f"itops change lint {second}" in text and f"itops notice fetch {second}" in text
    assert "fill in notice.files[0].size" in text


@pytest.mark.parametrize(
    "words", [["import", "--service", "web"], ["import", "x.yml", "--service", "web", "--file", "a::b"], ["import", "x.yml", "--service", "gone"],
              ["import", "--service", "web", "--file", "a"], ["check", "x.yml", "--type", "csaf"], ["import", "x.yml", "--service", "web", "--proxy", "x"],
              ["import", "x.yml", "--service", "web", "--minisign-key", "x"], ["import", "x.yml", "--service", "web", "--size-limit", "big"],
              ["import", "x.yml", "--service", "web", "--base-url", "ftp://h/"]]
)  # fmt: skip
def test_wrong_words_end_with_2_and_leave_nothing(root: Path, words: list[str]) -> None:
    make.dump(root / "x.yml", {"id": "SUP-1", "files": [{"name": "a"}]})
    assert itops(root, "notice", *words, code=2).stderr.strip()
    assert list((root / "changes").iterdir()) == []


def test_check_says_everything_and_writes_nothing(root: Path) -> None:
    assert "csaf, 1 files, no problem" in itops(root, "notice", "check", str(ADVISORY)).stdout
    make.dump(root / "x.yml", {"supplier": "x", "files": [{"size": 1}], "vendor": "y"})
    said = itops(root, "notice", "check", "x.yml", code=2).stderr
    assert all(word in said for word in ("id: missing", "files[0].name: missing", "vendor: unknown key")) and "Traceback" not in said
    assert list((root / "changes").iterdir()) == []


# ------------------------------------------------------------------ download


def sums(root: Path, web: Shop) -> list[str]:
    (root / "SHA256SUMS").write_text("".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in web.files.items()), "utf-8")
    return ["SHA256SUMS", "--title", "升级", "--id", "SUP-1", "--supplier", "示例公司", "--base-url", web.url]


def test_download_fetches_and_then_the_size_is_known(root: Path, web: Shop) -> None:
    said, change = imported(root, *sums(root, web), "--download")
    assert [one["ok"] for one in said["download"]] == [True]
    assert change["notice"]["files"][0]["size"] == len(CONTENT)
    assert (root / "staging" / cid(root) / "portal-2.4.1.tar.gz").read_bytes() == CONTENT
    complete(root, said)
    assert lint(root) == []
    assert "size: 13" in itops(root, "change", "files", cid(root)).stdout


def test_a_file_that_is_not_as_the_notice_says_ends_with_3_and_stays_out(root: Path, web: Shop) -> None:
    web.files["other.bin"] = b"other"
    words = sums(root, web)
    web.files["portal-2.4.1.tar.gz"] = b"tampered"
    done = itops(root, "notice", "import", *words, "--service", "web", "--download", code=3)
    assert "portal-2.4.1.tar.gz: sha256 is not that of the notice; removed" in done.stderr and f"itops notice fetch {cid(root)}" in done.stderr
    assert "1 of 2 files are not there" in done.stderr
    assert [path.name for path in (root / "staging" / cid(root)).iterdir()] == ["other.bin"]
    change = yaml.safe_load((root / "changes" / f"{cid(root)}.yml").read_text("utf-8"))
    assert [file["size"] for file in change["notice"]["files"]] == ["待填", 5]


def test_fetch_goes_on_where_import_was_cut_off_and_touches_nothing_else(root: Path, web: Shop) -> None:
    web.files = {"big.bin": bytes(200_000)}
    web.cut_after = [70_000, 0, 0, 0]
    imported(root, *sums(root, web), "--download", code=3)
    path = root / "changes" / f"{cid(root)}.yml"
    path.write_text(path.read_text("utf-8").replace("size: 待填", "size: '待填'  # 供应商未给出"), "utf-8")
    before = path.read_text("utf-8")
    done = itops(root, "notice", "fetch", cid(root))
    assert "big.bin: fetched, 200000 bytes" in done.stdout and web.asked[-1] == "bytes=65536-"
    assert path.read_text("utf-8") == before.replace("size: '待填'", "size: 200000")
    assert "was there already" in itops(root, "notice", "fetch", cid(root)).stdout


def test_fetch_without_files_or_change_says_so(root: Path) -> None:
    assert "no such change" in itops(root, "notice", "fetch", "CHG-20261123-77", code=2).stderr
    make.change(root, notice={"id": "SUP-1"})
    assert "no file is listed" in itops(root, "notice", "fetch", make.CHANGE, code=2).stderr


def test_a_signed_file_needs_the_key_and_its_id_is_kept_in_the_result(root: Path, web: Shop) -> None:
    signer = Minisigner()
    file = {"name": "portal-2.4.1.tar.gz", "sha256": SHA, "url": f"{web.url}/portal-2.4.1.tar.gz", "signature": "p.minisig"}
    make.dump(root / "n.yml", {"id": "SUP-1", "title": "升级", "supplier": "x", "source": "y", "files": [file]})
    (root / "p.minisig").write_bytes(signer.sign(CONTENT))
    (root / "key.pub").write_text(signer.file, "utf-8")
    assert "--minisign-key" in itops(root, "notice", "import", "n.yml", "--service", "web", "--download", code=3).stderr
    said = json.loads(itops(root, "notice", "fetch", cid(root), "--signatures", ".", "--minisign-key", "key.pub", "--format", "json").stdout)
    assert said[0]["signature"]["key"] == "0807060504030201"
    assert [path.name for path in (root / "staging" / cid(root)).iterdir()] == ["portal-2.4.1.tar.gz"]


def test_a_signed_list_is_proved_before_anything_is_written(root: Path, web: Shop) -> None:
    with tempfile.TemporaryDirectory(prefix="itops-gpg-") as folder, gpg(Path(folder, "home")) as supplier:
        words = sums(root, web)
        (root / "SHA256SUMS.asc").write_bytes(supplier.sign((root / "SHA256SUMS").read_bytes(), "--armor"))
        supplier.ring(root / "keys.asc", "--armor")
        said, _change = imported(root, *words, "--signature", "SHA256SUMS.asc", "--keyring", "keys.asc")
        assert said["signature"]["key"] == supplier.fingerprint
        shutil.rmtree(root / "changes")
        (root / "SHA256SUMS").write_text(f"{SHA}  evil.sh\n", "utf-8")
        done = itops(root, "notice", "import", *words, "--service", "web", "--signature", "SHA256SUMS.asc", "--keyring", "keys.asc", code=3)
        assert "nothing was written" in done.stderr and not (root / "changes").exists()


def test_a_login_of_the_proxy_is_nowhere(root: Path, web: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    words = [*sums(root, web), "--service", "web", "--download", "--proxy", f"http://u:{SECRET}@127.0.0.1:9"]
    done = itops(root, "notice", "import", *words, code=3)
    assert "ProxyError" in done.stderr and SECRET not in done.stdout + done.stderr
    assert not [path for path in root.rglob("*") if path.is_file() and SECRET in path.read_text("utf-8", "replace")]


# ------------------------------------------------------------------ sizes


FLOW = "# 补丁\nnotice: {files: [{name: 补丁, size: %s}, {name: b, size: %s}]}\n"
BLOCK = "notice:\n  files:\n    - size: %s  # ?\n      name: b\n    - {name: c, size: 待填}\n"
KNOWN = "notice: {files: [{name: b, size: 5}]}\n"


@pytest.mark.parametrize(
    "before, after",
    [(FLOW % ("待填", "待填 ?"), FLOW % (1, 22)), (BLOCK % "'待填'", BLOCK % 22), (KNOWN, KNOWN), ("notice: []\n", "notice: []\n"), ("[", "[")],
)
def test_only_unknown_sizes_are_filled_in(before: str, after: str) -> None:
    assert sizes.fill_in(before, {"补丁": 1, "b": 22}) == after
