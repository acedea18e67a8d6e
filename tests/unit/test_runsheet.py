# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run-sheet: everything a person needs to do it by hand, in both languages, and no secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import instruction, labels, lineup, placeholders, runsheet, runsheet_lines, runsheet_page, steps
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import make
from tests.unit.test_lineup import lined_up

REPO = Path(__file__).resolve().parents[2]
SECRET = "S3cr3t-token-4711"
RECORD: dict[str, Any] = {
    "credentials": {"custody": "software", "ref": "pass:ops/web", "account": "deploy"},
    "endpoints": [{"ip": "192.0.2.10", "port": 443, "protocol": "https", "probe": "none"}],
    "key_info": [{"item": "机柜", "value": "A|3", "remark": "钥匙在值班室"}],
    "preparation": {"items": [{"item": "通知值班", "name": "电话"}], "software": [{"name": "xshell", "side": "operator"}]},
    "known_errors": [
        {
            "type": "端口占用",
            "pattern": "Address already in use",
            "event": "INC-3",
            "steps": ["查占用进程", "停止它"],
            "action": "retry",
            "retries": 3,
            "remark": "只在夜间",
        }
    ],
}
FOUND = [Finding("notice", True, "notice SUP-1"), Finding("approved", False, "not approved", "itops change approve CHG-20261123-01")]


def sheet(root: Path, **parts: Any) -> dict[str, Any]:
    now, plans = lined_up(root, RECORD, None, executor="li", approver="wang", **parts)
    return runsheet.data(now, plans, FOUND)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh_CN", ["维护清单", "关键信息", "详情", "注意事项", "服务地址信息", "登录帐号口令", "deploy 见密码库:pass:ops/web", "数据目录地址", "前期准备工作",
                   "验证方式：执行反馈信息", "回滚", "维护异常处理步骤", "异常类型", "提示信息", "关联事件", "签字栏", "执行人", "审批人", "☐ 已执行"]),
        ("en", ["Run-sheet", "Key facts", "deploy see the password store: pass:ops/web", "Preparation", "Rollback", "Known errors", "Signatures", "☐ done"]),
    ],
)  # fmt: skip
def test_everything_a_person_needs_is_on_it(tmp_path: Path, lang: str, words: list[str]) -> None:
    text = runsheet_page.render(sheet(tmp_path), lang)
    for word in [*words, "192.0.2.10:443", "/srv/web", "钥匙在值班室", "xshell", "端口占用", "1. 查占用进程; 2. 停止它", "[root@web]# ", "李四", "王五"]:
        assert word in text, word
    assert "not approved → itops change approve CHG-20261123-01" in text and "SUP-1" in text
    assert ("重试 (最多 3 次)" if lang == "zh_CN" else "retry (at most 3 times)") in text and "只在夜间" in text
    signed = text[text.rindex("## ") :]
    assert signed.count("＿＿＿＿＿＿") == 7 and "—" not in signed, "room for every signature, and for the reviewer whom nobody has named"
    assert text.index("web2/1") < text.index("web1/1") < text.index("web2/R1"), "standby first, ways back on pages of their own"


def test_the_files_to_compare_stand_on_it_with_their_strongest_digest(tmp_path: Path) -> None:
    files = [{"name": "app.tar.gz", "size": 7, "sha256": "a" * 64, "md5": "b" * 32}]
    made = sheet(tmp_path, notice={"id": "SUP-1", "files": files})
    assert made["files"] == [{"name": "app.tar.gz", "size": 7, "algorithm": "sha256", "digest": "a" * 64}]
    assert next(line.split() for line in runsheet_page.render(made, "zh_CN").splitlines() if "app.tar.gz" in line and "sha256" in line) == [
        "|", "app.tar.gz", "|", "7", "|", "sha256", "a" * 64, "|", "☐", "|"
    ]  # fmt: skip


def test_it_is_clean_markdown(tmp_path: Path) -> None:
    steps = make.plan()["steps"]
    steps[1] = {"kind": "update", "title": "a|b `x` *y*", "command": "sh -c 'echo ``` | tee x'", "expect": {"contains": ["a|b", "<script>"]}}
    for lang in ("zh_CN", "en"):
        (tmp_path / f"{lang}.md").write_text(runsheet_page.render(sheet(tmp_path / lang, plan={"steps": steps}), lang) + "\n", "utf-8")
    tool = [str(Path(sys.executable).parent / "pymarkdown"), "--config", str(REPO / ".pymarkdown.json"), "scan"]
    done = subprocess.run([*tool, *map(str, tmp_path.glob("*.md"))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@given(st.text(min_size=1, max_size=40))
def test_no_command_ends_its_block(command: str) -> None:
    shown = runsheet_page.plain(f"[root@web]# {command}")
    assert "```" not in shown and all(line == line.rstrip() for line in shown.split("\n"))


def test_the_same_numbers_in_print_and_live_and_no_limit_changes_them(tmp_path: Path) -> None:
    now, plans = lined_up(tmp_path, RECORD)
    printed = {step["number"]: step for host in runsheet.data(now, plans, [])["hosts"] for s in [*host["segments"], *host["rollback"]] for step in s["steps"]}
    _alone, (only,) = lined_up(tmp_path / "alone", RECORD, ["web1"])
    assert set(runsheet_lines.numbers(only).values()) == {number for number in printed if number.startswith("web1/")}
    segment = plans[0].patch()[0]
    asked = runsheet_lines.question(plans[0], segment.id, list(segment.steps), "")
    for step in segment.steps:
        number = runsheet_lines.numbers(plans[0])[segment.id, str(step["id"])]
        said = printed[number]["prompt"] or " / ".join(dict.fromkeys(printed[number]["says"].values()))
        assert f"{number} {step['title']}: {said}" in asked


def test_a_secret_in_an_expectation_is_its_name_again() -> None:
    """Also one that JSON would escape, and one that holds another."""
    secrets = {"short": "abcd", "long_token": "abcd-4711-tail", "odd": 'qu"ote\\back\nline', "token": SECRET}
    step = {"type": "command", "expect": {"contains": [f"token {SECRET}", "abcd-4711-tail", "abcd"], "json": {"path": "a", "equals": secrets["odd"]}}}
    shown = instruction.expectation(step, placeholders.Values({}, secrets).secret, "en")
    assert shown == 'contains "token %{token}", "%{long_token}", "%{short}"; JSON a = "%{odd}"'


def test_the_paper_follows_the_run(tmp_path: Path) -> None:
    """Every host is asked and backed up before the first is changed; a primary fails over before it is changed; back in reverse."""
    failover = {
        "steps": [
            {"kind": "failover", "title": "切换", "command": "promote", "on": "standby"},
            {"kind": "failover", "title": "降级", "command": "demote", "on": "primary"},
        ]
    }
    now, plans = lined_up(tmp_path, {**RECORD, "failover": failover})
    data = runsheet.data(now, plans, [])
    assert [(act["act"], [part["host"] for part in act["parts"]]) for act in data["acts"]] == [
        ("gate", ["web2", "web1"]), ("backup", ["web2", "web1"]), ("standby", ["web2"]), ("failover", ["web2", "web1"]), ("primary", ["web1"])
    ]  # fmt: skip
    text = runsheet_page.render(data, "zh_CN")
    heads = [line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")]
    assert heads == [
        "逐台检查: web2",
        "逐台检查: web1",
        "逐台备份: web2",
        "逐台备份: web1",
        "备机更新与验证: web2",
        "主备切换: web2",
        "主备切换: web1",
        "主机更新与验证: web1",
    ]
    printed = [word[2:-2] for word in text.split() if word.startswith("**web1/") and "R" not in word]
    assert printed == [f"web1/{n}" for n in range(1, len(printed) + 1)], "numbers count up in the order in which they are done"
    assert text.index("回滚: web1") < text.index("回滚: web2"), "what was changed last goes back first"


def test_every_segment_of_the_run_stands_in_one_act(tmp_path: Path) -> None:
    now, plans = lined_up(tmp_path, RECORD)
    parts = [(part["host"], part["segment"]) for act in runsheet.data(now, plans, [])["acts"] for part in act["parts"]]
    wanted = [(plan.target.host, segment.id) for plan in plans for segment in [plan.preflight(), *lineup.forward(plan)]]
    assert sorted(parts) == sorted(wanted) and len(parts) == len(set(parts))


def test_who_types_stands_before_each_command(tmp_path: Path) -> None:
    now, plans = lined_up(tmp_path, RECORD)
    steps = [step for host in runsheet.data(now, plans, [], users={"web2": "deploy"})["hosts"] for part in host["segments"] for step in part["steps"]]
    assert {step["prompt"].split("@")[0] for step in steps if step["number"].startswith("web2/") and step["prompt"] and not step["run_as"]} == {"[deploy"}
    assert {step["prompt"].split("@")[0] for step in steps if step["number"].startswith("web1/") and step["prompt"] and not step["run_as"]} == {"[root"}


def test_what_proves_itself_needs_no_tick(tmp_path: Path) -> None:
    items = [{"item": "通知值班", "name": "电话"}, {"item": "目录可写", "check": {"type": "command", "command": "test -w /srv"}}]
    software = [{"name": "xshell", "side": "operator"}, {"name": "rsync"}]
    now, plans = lined_up(tmp_path, {**RECORD, "preparation": {"items": items, "software": software}})
    text = runsheet_page.render(runsheet.data(now, plans, []), "zh_CN")
    ready = text[text.index("## 前期准备工作") : text.index("## 补丁文件")]
    rows = {row.split("|")[2 if "软件" in row else 1].strip(): row for row in ready.splitlines()[4:] if row.startswith("| ")}
    assert {name: "人工" in row for name, row in rows.items()} == {"通知值班": True, "目录可写": False, "xshell": True, "rsync": False}
    assert all(("☐" in row) == ("人工" in row) for row in rows.values())
    assert ("目录可写", "check") in [(step["title"], step["type"]) for step in plans[0].preflight().steps], "the gate asks every host"


def test_only_what_a_shell_knows_is_a_command(tmp_path: Path) -> None:
    """The house's own steps and checks are sentences in the language of the paper, with what makes them normal."""
    planned = make.plan()["steps"]
    planned[1] = {
        "kind": "update", "title": "配置",
        "files": [{"content": "listen %{api_token}\n```\n", "dest": "/etc/web.conf", "mode": "0640", "owner": "web"}, {"dest": "/etc/old", "state": "absent"}],
    }  # fmt: skip
    checks = [
        {"type": "http", "title": "首页", "url": "http://127.0.0.1:8000/", "json": {"path": "a.b", "equals": 1}},
        {"type": "http", "title": "证书", "url": "https://127.0.0.1:8443/", "tls_verify": False},
        {"type": "port", "title": "端口", "port": 25, "state": "closed"},
        {"type": "log", "title": "日志", "path": "/var/log/web", "pattern": "panic"},
        {"type": "version", "title": "版本", "command": "web --version", "equals": "2"},
    ]
    now, plans = lined_up(tmp_path, RECORD, plan={"steps": planned, "checks": checks})
    for plan in plans:
        object.__setattr__(plan, "values", placeholders.Values(plan.values.plain, {**plan.values.secret, "api_token": SECRET}))
    data = runsheet.data(now, plans, [])
    assert SECRET not in str(data)
    zh, en = runsheet_page.render(data, "zh_CN"), runsheet_page.render(data, "en")
    for word in ("# runnable", "# lock_free", "# space", "# backup", "# http", "# fingerprint", "# install", "# revert"):
        assert word not in zh + en, word
    for word in ("▷ 确认主机上没有其他维护正在执行 (非命令行)", "▷ 访问 GET <http://127.0.0.1:8000/>",
                 "状态码 200; JSON a.b = 1", '状态 "closed"', '不含 "panic"', "验证证书 否",
                 "权限 0640, 属主 web", "移除 /etc/old", "listen %{api_token}",
                 "[root@web]# web --version", '等于 "2"'):  # fmt: skip
        assert word in zh, (word, zh)
    assert "▷ Ask GET <http://127.0.0.1:8000/> (no command line)" in en and "▷ No other maintenance is under way on the host. (no command line)" in en


@pytest.mark.parametrize(
    ("control", "typed"),
    [
        ({"provider": "systemd", "unit": "web.service"}, "systemctl status web.service"),
        ({"provider": "supervisor", "unit": "web", "config": "/etc/s.conf"}, "supervisorctl -c /etc/s.conf status web"),
        ({"provider": "command", "commands": {"status": "webctl ping"}}, "webctl ping"),
        ({"provider": "command", "commands": {"start": "webctl start"}}, ""),
    ],
)
def test_who_asks_for_the_state_of_a_service_has_a_command(control: dict[str, Any], typed: str) -> None:
    assert instruction.typed({"type": "check", "display": "service running", "args": {"type": "service", "control": control}}, {}) == typed


def test_data_folders_stand_there_as_they_are_on_each_host(tmp_path: Path) -> None:
    hosts = [{"name": "web1", "role": "primary", "vars": {"root": "/one"}}, {"name": "web2", "role": "standby", "vars": {"root": "/two"}}]
    now, plans = lined_up(tmp_path, {**RECORD, "hosts": hosts, "data_dirs": ["%{root}/data", "/etc/web"]})
    for plan in plans:
        object.__setattr__(plan, "values", placeholders.Values({**plan.values.plain, "root": {"web1": "/one", "web2": "/two"}[plan.target.host]}))
    shown = runsheet.data(now, plans, [])["services"][0]["data_dirs"]
    assert shown == ["web2:/two/data", "web2:/etc/web", "web1:/one/data", "web1:/etc/web"]


def test_every_type_of_step_has_its_sentence() -> None:
    known = labels.catalogue()["instruction"]
    for name in ("runnable", "lock_free", "space", "packed", "offsite", "prune", "fingerprint", *steps.TYPES):
        assert name in known or name in (*instruction.TYPED, "check"), name
    for kind in ("http", "port", "service", "process", "file", "log", "error_rate", "error_rate_before", "manual"):
        assert f"check_{kind}" in known


def test_the_document_is_written_to_a_file_and_programs_get_all_of_it(tmp_path: Path) -> None:
    root = make.workspace(tmp_path / "w", **{**RECORD})
    make.change(root)
    itops = [str(Path(sys.executable).parent / "itops"), "plan", make.CHANGE]
    done = subprocess.run([*itops, "--output", "sheet.md"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "维护清单" in (root / "sheet.md").read_text("utf-8"), done.stderr
    data = subprocess.run([*itops, "--format", "json"], cwd=root, capture_output=True, text=True, check=False).stdout
    assert '"number": "web2/1"' in data and '"known_errors"' in data
