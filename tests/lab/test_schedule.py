# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real cron and real systemd timers on a host of the lab: what is due is started with nobody watching, told when it fails, and never twice.

The host is the controller here: the project and the packages it needs are carried there into an environment of its own, without a network.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.house import REPO, until
from tests.integration.test_due import Street
from tests.lab.conftest import ENV, LAB_SCRIPT, OFFSITE, lab, on

CONTROLLER = OFFSITE
HOME = "/opt/itops"
ITOPS = f"{HOME}/bin/itops"
MINUTE = 300  # seconds to wait for what comes every minute and then takes its time
SENDMAIL = '#!/bin/sh\necho "to: $*" >> /var/tmp/mail\ncat >> /var/tmp/mail\n'  # cron needs one; there is no mail server in the lab
DESK = """import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open("/var/tmp/heard", "ab").write(body + b"\\n")
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", 18080), Handler).serve_forever()
"""


def needed(name: str, found: dict[str, importlib.metadata.Distribution]) -> dict[str, importlib.metadata.Distribution]:
    """A package and all it depends on, extras left out."""
    if (key := re.sub(r"[-_.]+", "-", name).lower()) not in found:
        found[key] = importlib.metadata.distribution(name)
        for requirement in map(Requirement, found[key].requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(requirement.name, found)
    return found


def carried(archive: tarfile.TarFile) -> None:
    """The packages and their commands as they are here, and the project's own tracked files."""
    site = Path(sysconfig.get_path("purelib"))
    for distribution in needed("itops", {}).values():
        for path in {Path(str(file.locate())).resolve() for file in distribution.files or ()}:
            if path.is_relative_to(site) and path.suffix != ".pth" and "__pycache__" not in path.parts and path.is_file():
                archive.add(path, f"{HOME[1:]}/lib/python3.11/site-packages/{path.relative_to(site)}")
            elif path.parent == Path(sys.executable).parent and path.read_bytes()[:2] == b"#!":
                add(archive, f"{HOME}/bin/{path.name}", re.sub(r"\A#!.*", f"#!{HOME}/bin/python3", path.read_text("utf-8")), 0o755)
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPO, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPO / name).exists() and not name.startswith(("tests/", "docs/", "benchmarks/")):
            archive.add(REPO / name, f"{HOME[1:]}/tree/{name}")
    add(archive, f"{HOME}/lib/python3.11/site-packages/tree.pth", f"{HOME}/tree\n{HOME}/tree/collections\n")


def add(archive: tarfile.TarFile, name: str, text: str, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name.lstrip("/"))
    member.size, member.mode = len(text.encode()), mode
    archive.addfile(member, io.BytesIO(text.encode()))


def unpack(archive: Path) -> None:
    with archive.open("rb") as stream:
        subprocess.run([str(LAB_SCRIPT), "enter", CONTROLLER, "/bin/tar", "-xzf", "-", "-C", "/"], env=ENV, stdin=stream, check=True)


@pytest.fixture(scope="module")
def controller(fleet: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`/opt/itops` on the host, an environment like one that pip makes."""
    version = on(CONTROLLER, "python3 -c 'import sys; print(*sys.version_info[:2])'").split()
    assert version == ["3", "11"] and sys.version_info[:2] == (3, 11), "compiled packages are carried there: both need the same Python"
    packed = tmp_path_factory.mktemp("carried") / "itops.tar.gz"
    with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
        carried(archive)
    on(CONTROLLER, f"python3 -m venv --without-pip {HOME}")
    unpack(packed)
    on(CONTROLLER, f"cat > /usr/sbin/sendmail <<'EOF'\n{SENDMAIL}EOF\nchmod 755 /usr/sbin/sendmail; cat > /var/tmp/desk.py <<'EOF'\n{DESK}EOF")
    assert "itops" in on(CONTROLLER, f"{ITOPS} --version")


class Remote:
    """A street of services on the controller of the lab, at the same path as it was laid out here."""

    def __init__(self, street: Street):
        self.street, self.root = street, street.root
        street.write("policy.yml", {"channels": [{"id": "desk", "type": "webhook", "url": "http://127.0.0.1:18080/hook"}]})
        packed = street.root.parent / "street.tar.gz"
        with tarfile.open(packed, "w:gz") as archive:
            archive.add(street.root.parent, str(street.root.parent)[1:], filter=lambda member: None if member.name.endswith("street.tar.gz") else member)
        unpack(packed)

    def itops(self, words: str, check: bool = True) -> str:
        return on(CONTROLLER, f"cd {self.root} && {ITOPS} {words}", check=check)

    def lines(self) -> list[dict[str, Any]]:
        said = on(CONTROLLER, f"cat {self.root}/records/register.jsonl 2>/dev/null || true")
        return [json.loads(line) for line in said.splitlines()]

    def ended(self, service: str) -> dict[str, Any] | None:
        return next((line for line in self.lines() if line["services"] == [service]), None)

    def log(self) -> str:
        return on(CONTROLLER, f"cat {self.root}/.itops-cache/due.log 2>/dev/null || true")


@pytest.fixture
def remote(controller: None) -> Iterator[Remote]:
    """Below /var/tmp: a host that is switched off forgets its /tmp."""
    root = Path(tempfile.mkdtemp(prefix="itops-street-", dir="/var/tmp"))
    try:
        built = Remote(Street(root, till={"broken": True}))
        on(CONTROLLER, "rm -f /var/tmp/mail /var/tmp/heard; crontab -r 2>/dev/null; rm -f /etc/cron.d/itops-due")
        yield built
        built.itops("schedule install --as systemd --system --uninstall", check=False)
        on(CONTROLLER, f"crontab -r 2>/dev/null; rm -rf /etc/cron.d/itops-due {root}", check=False)
    finally:
        shutil.rmtree(root)


def test_two_crons_start_what_is_due_once_and_mail_what_failed(remote: Remote) -> None:
    """The same minute comes to the crontab of root and to /etc/cron.d: one of them finds the lock."""
    on(CONTROLLER, "printf '# mine\\n@yearly true\\n' | crontab -")
    until(lambda: int(on(CONTROLLER, "date +%S")) < 45, "a minute in which both can be installed")
    remote.itops("schedule install --every 1 --jitter 0 --max 2")
    remote.itops("schedule install --system --every 1 --jitter 0 --max 2 --mailto root")
    until(lambda: len(remote.lines()) == 2, "cron to maintain both", MINUTE)
    assert {line["services"][0]: line["exit"] for line in remote.lines()} == {"shop": 0, "till": 11}
    mail = until(lambda: "log: /" in (said := mailed()) and said, "the mail of the failure")
    till = remote.street.ids["till"]
    assert "(exit 11)" in mail and f"itops record show {till}" in mail
    until(lambda: remote.log().count("was carried out already (exit 11)") > 0, "cron to look again", MINUTE)
    assert len(remote.lines()) == 2 and remote.log().count(f"{till}: started") == 1 and mailed() == mail, "once each, and one mail"
    assert "another itops run --due is at work" in remote.log()
    for where in ("", "--system"):
        remote.itops(f"schedule install {where} --uninstall")
    assert on(CONTROLLER, "crontab -l; ls /etc/cron.d | grep itops || true") == "# mine\n@yearly true\n"


def test_a_timer_starts_what_is_due_and_its_failure_is_told(remote: Remote) -> None:
    on(CONTROLLER, "systemctl stop desk 2>/dev/null; systemd-run --quiet --unit=desk python3 /var/tmp/desk.py")
    remote.itops("schedule install --as systemd --system --every 1 --jitter 0 --max 2")
    assert on(CONTROLLER, "systemctl is-active itops-due.timer").strip() == "active"
    until(lambda: len(remote.lines()) == 2, "the timer to maintain both", MINUTE)
    heard = until(lambda: on(CONTROLLER, "cat /var/tmp/heard 2>/dev/null || true"), "the failure to be told")
    said = json.dumps(json.loads(heard.splitlines()[0]), ensure_ascii=False)
    assert remote.street.ids["till"] in said and "itops-due.service" in said
    assert {line["services"][0]: line["exit"] for line in remote.lines()} == {"shop": 0, "till": 11}
    on(CONTROLLER, "systemctl start itops-due.service")
    assert len(remote.lines()) == 2 and len(on(CONTROLLER, "cat /var/tmp/heard").splitlines()) == 1
    assert remote.itops("schedule install --as systemd --system --every 1 --jitter 0 --max 2 --check") == ""
    remote.itops("schedule install --as systemd --system --uninstall")
    assert on(CONTROLLER, "ls /etc/systemd/system | grep itops-due || true") == ""
    assert on(CONTROLLER, "systemctl is-active itops-due.timer || true").strip() == "inactive"


def test_what_was_missed_while_the_machine_was_off_is_caught_up_once(remote: Remote) -> None:
    """Every hour, so that within the test only the start of the machine can be what starts it."""
    remote.itops("schedule install --as systemd --system --every 60 --jitter 0 --max 2")
    for _time in range(2):
        on(CONTROLLER, "touch -d '2 days ago' /var/lib/systemd/timers/stamp-itops-due.timer; sync")
        lab("kill", CONTROLLER)
        lab("boot", CONTROLLER)
        until(looked, "what was missed", MINUTE)
        assert sorted(line["services"][0] for line in remote.lines()) == ["shop", "till"]


def test_the_unit_for_metrics_serves_a_workspace_it_cannot_write(remote: Remote) -> None:
    """As docs/howto/metrics.md says, with the unit's own user, workspace and path of itops."""
    unit = "/etc/systemd/system/itops-metrics.service"
    on(CONTROLLER, f"cp -a {remote.root} /srv/maintenance; useradd --system itops; chown -R itops: /srv/maintenance")
    try:
        on(CONTROLLER, f"{ITOPS} metrics files unit --output {unit}")
        assert on(CONTROLLER, f"systemd-analyze verify --man=no {unit} 2>&1") == ""
        on(CONTROLLER, "systemctl daemon-reload && systemctl start itops-metrics.service")
        scraped = until(lambda: on(CONTROLLER, "curl -s http://127.0.0.1:9754/metrics || true"), "the metrics to be served")
        assert "itops_collector_success 1.0" in scraped and 'itops_maintenance_state{service="shop",state="overdue"} 1.0' in scraped
        assert on(CONTROLLER, "systemctl stop itops-metrics.service; systemctl show itops-metrics.service --property=Result --value").strip() == "success"
    finally:
        on(CONTROLLER, f"systemctl stop itops-metrics.service; rm -rf {unit} /srv/maintenance; systemctl daemon-reload; userdel itops", check=False)


def mailed() -> str:
    return on(CONTROLLER, "cat /var/tmp/mail 2>/dev/null || true")


def looked() -> bool:
    """Whether the service has done its work since the machine was started."""
    said = on(CONTROLLER, "systemctl show itops-due.service --property=ActiveState,ExecMainExitTimestampMonotonic", check=False)
    return "ExecMainExitTimestampMonotonic=" in said and "ExecMainExitTimestampMonotonic=0" not in said and "ActiveState=activating" not in said
