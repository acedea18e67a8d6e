# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: a small fleet of local hosts, a good patch, a broken one, and the papers. No root, no network.

Each host is a folder with processes of its own under its own supervisord; Ansible reaches it with `connection: local`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent / ".demo"
BIN = Path(sys.executable).parent
HOSTS = {"web1": "web", "web2": "web", "wiki1": "wiki"}
CHANGES = [  # service, version, title, broken, expected exit status, category
    ("web", "2.0", "门户网站升级到 2.0", False, 0, "normal"),
    ("web", "2.1", "门户网站升级到 2.1（坏补丁）", True, 11, "standard"),
    ("wiki", "2.0", "知识库升级到 2.0", False, 0, "normal"),
]
PEOPLE = {"zhang.san": "ZHANG", "li.si": "LI", "wang.wu": "WANG"}  # one account here, so each of them signs


def main() -> int:
    shutil.rmtree(DEMO, ignore_errors=True)
    ports = dict(zip(HOSTS, free_ports(len(HOSTS)), strict=True))
    lay_out(ports)
    with fleet(ports):
        failed = tell(ports)
    say("The fleet is stopped." if not failed else f"Not as expected: {', '.join(failed)}")
    print(f"""
What to try next, from {DEMO.relative_to(Path.cwd()) if DEMO.is_relative_to(Path.cwd()) else DEMO}/workspace:
  itops record list                 every change and how it ended
  itops record show CHANGE --lang en
  itops init DIR                    a workspace of your own; then: itops lint
""")
    return 1 if failed else 0


def tell(ports: dict[str, int]) -> list[str]:
    """The story; the names of what did not go as it must."""
    failed = []
    for number, (service, version, title, _broken, expected, category) in enumerate(CHANGES, 1):
        change = change_id(number)
        say(f"{title}: what people decide, then the run (expected exit status {expected})")
        if number == 1:
            itops("lint")
            itops("change", "next", change)
        if decide(change, category):
            failed.append(f"the decisions on {change}")
        if number == 1:
            itops("plan", change)
        if itops("run", change) != expected:
            failed.append(f"{change} ({service} {version})")
        if end(change):
            failed.append(f"the end of {change}")
        print("now serving: " + ", ".join(f"{host} {serving(port)}" for host, port in ports.items()))
    for verb in (["status"], ["record", "verify"], ["record", "list"]):
        say(f"itops {' '.join(verb)}")
        if itops(*verb):
            failed.append(" ".join(verb))
    return failed


def decide(change: str, category: str) -> int:
    """Assessment, the supplier's word, report, approval by somebody else, announcement, list of steps; a simple change needs two of them."""
    done = [person("li.si", "assess", change)]
    if category == "normal":
        mail = DEMO / "supplier.eml"
        mail.write_text("Subject: Re: 升级\n\n内容与回滚方案已确认。\n", "utf-8")
        done += [
            person("li.si", "supplier", change, "--contact", "示例供应商", "--content-ok", "--rollback-ok", "--evidence", "../supplier.eml"),
            person("li.si", "report", change, "--by-hand", "运维例会"),
            person("wang.wu", "approve", change, "--remark", "同意"),
            person("li.si", "announce", change, "--by-hand", "公告栏"),
        ]
    return sum([*done, person("li.si", "checklist", change, "--yes")])


def end(change: str) -> int:
    """Watched, as no monitor does it here; reviewed and closed by somebody else than the executor; the incident stays open with its reason."""
    watched = person("li.si", "observe", change, "--remark", "观察15分钟，页面与日志正常")
    reviewed = person("wang.wu", "review", change, "--remark", "记录完整")
    return watched + reviewed + person("zhang.san", "close", change, "--leave-open", "INC-1024=观察一周")


def person(who: str, verb: str, change: str, *more: str) -> int:
    """One decision, signed with that person's key."""
    return itops("change", verb, change, "--as", who, *more, ITOPS_KEY=str(DEMO / f"keys/{who}.pem"))


def lay_out(ports: dict[str, int]) -> None:
    """Workspace, hosts and patches under .demo, everything made here."""
    words = {
        "DEMO": str(DEMO),
        "PYTHON": sys.executable,
        "TODAY": datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat(),
        "ACCOUNT": pwd.getpwuid(os.getuid()).pw_name,
        **{f"PORT{n}": str(p) for n, p in enumerate(ports.values(), 1)},
        **{f"KEY_{name}": new_key(who) for who, name in PEOPLE.items()},
    }
    space = DEMO / "workspace"
    for source in sorted((HERE / "workspace").rglob("*.yml")):
        if source.parent.name != "changes":
            fill(source, space / source.relative_to(HERE / "workspace"), words)
    shutil.copy(HERE.parent / "ansible.cfg", space / "ansible.cfg")
    for number, (service, version, title, broken, _expected, category) in enumerate(CHANGES, 1):
        patch = space / "staging" / change_id(number) / f"app-{version}.tar.gz"
        release(version, broken, patch)
        own = {"ID": change_id(number), "TITLE": title, "SERVICE": service, "CATEGORY": category, "VERSION": version, "SIZE": str(patch.stat().st_size)}
        digest = hashlib.sha256(patch.read_bytes()).hexdigest()
        fill(HERE / "workspace/changes/change.yml", space / "changes" / f"{change_id(number)}.yml", {**words, **own, "SHA256": digest})
    for host, port in ports.items():
        lay_out_host(host, port)


def new_key(who: str) -> str:
    """A signing key for this person; its public half."""
    made = subprocess.run([BIN / "itops", "people", "key", DEMO / f"keys/{who}.pem", "--new", "--format", "json"], check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["public_key"])


def lay_out_host(host: str, port: int) -> None:
    """One folder: release 1.0, its link, and a supervisord of its own."""
    root = DEMO / "hosts" / host
    first = DEMO / "app-1.0.tar.gz"
    release("1.0", False, first)
    with tarfile.open(first) as archive:
        archive.extractall(root / "srv/releases")  # made here a moment ago; Python 3.11.2 knows no filter
    (root / "srv/current").symlink_to("releases/app-1.0")
    (root / "supervisord.conf").write_text(
        f"[supervisord]\nlogfile={root}/supervisord.log\npidfile={root}/supervisord.pid\ndirectory={root}\n"
        f"[unix_http_server]\nfile={socket_path(host)}\n[supervisorctl]\nserverurl=unix://{socket_path(host)}\n"
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[program:{HOSTS[host]}]\ncommand={sys.executable} {root}/srv/current/app.py {port}\nstdout_logfile={root}/app.log\n"
        "redirect_stderr=true\nstartsecs=0\nstopwaitsecs=5\n",
        "utf-8",
    )


def socket_path(host: str) -> str:
    """A unix socket's path has at most 107 bytes, a checkout's may have more."""
    return f"/tmp/itops-demo-{os.getuid()}-{hashlib.sha256(str(DEMO).encode()).hexdigest()[:8]}-{host}.sock"


def release(version: str, broken: bool, path: Path) -> None:
    """A tar.gz with the app, its version, and for a bad patch the mark that makes it answer 500."""
    path.parent.mkdir(parents=True, exist_ok=True)
    members = {"app.py": (HERE / "app.py").read_bytes(), "VERSION": version.encode(), **({"broken": b""} if broken else {})}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"app-{version}/{name}")
            info.size, info.mtime = len(content), int(time.time())
            archive.addfile(info, io.BytesIO(content))


@contextmanager
def fleet(ports: dict[str, int]) -> Iterator[None]:
    """Start every host's supervisord, stop all of them by their own pid files at the end, whatever happened."""
    try:
        for host in ports:
            subprocess.run([BIN / "supervisord", "-c", DEMO / "hosts" / host / "supervisord.conf"], check=True)
        for port in ports.values():
            wait(port)
        yield
    finally:
        for host in ports:
            config = DEMO / "hosts" / host / "supervisord.conf"
            subprocess.run([BIN / "supervisorctl", "-c", config, "shutdown"], check=False, stdout=subprocess.DEVNULL)


def wait(port: int, seconds: float = 20) -> None:
    """Until the app answers. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while serving(port) == "nothing":
        if time.monotonic() > end:
            raise TimeoutError(f"nothing answers on port {port}")
        time.sleep(0.1)


def serving(port: int) -> str:
    """What the app on this port says of itself."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except OSError:
        return "nothing"


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return found


def fill(source: Path, target: Path, words: dict[str, str]) -> None:
    text = source.read_text("utf-8")
    for name, value in words.items():
        text = text.replace(f"@{name}@", value)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def change_id(number: int) -> str:
    return f"CHG-{date.today():%Y%m%d}-{number:02d}"


def itops(*words: str, **env: str) -> int:
    """One command of the product, as a person types it."""
    print(f"\n$ itops {' '.join(words)}", flush=True)
    return subprocess.run([BIN / "itops", *words], cwd=DEMO / "workspace", env={**os.environ, **env}, check=False).returncode


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
