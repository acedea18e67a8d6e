# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real journal: the error rate of a unit sends a host back by itself, and what the journal said is kept as evidence."""

from __future__ import annotations

from tests.lab.conftest import CHECKS, PRIMARY, STANDBY, LabHouse, on

COMPLAINS = '[Service]\\nExecStartPre=/bin/sh -c "test ! -e /srv/shop/srv/current/broken || for n in 1 2 3; do echo ERROR no such column; done"\\n'
DROP_IN = "/etc/systemd/system/shop.service.d"


def test_the_journal_of_the_unit_decides_and_is_kept(house: LabHouse) -> None:
    rate = {"type": "error_rate", "title": "日志错误率", "unit": "shop", "pattern": "ERROR", "factor": 1, "max_per_minute": 2, "window": 60, "observe": 3}
    house.checks = [*CHECKS[:1], rate]
    try:
        for host in (PRIMARY, STANDBY):
            on(host, f"mkdir -p {DROP_IN}; printf '{COMPLAINS}' > {DROP_IN}/complains.conf; systemctl daemon-reload; systemctl restart shop")
        cid = house.change(broken=True)
        done = house.itops("run", cid)
    finally:
        for host in (PRIMARY, STANDBY):
            on(host, f"rm -rf {DROP_IN}; systemctl daemon-reload")
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.hosts(cid) == {STANDBY: "rolled_back", PRIMARY: "not_started"}
    told = {row["kind"]: row for row in house.record(cid)["checks"] if row.get("rates") and row["host"] == STANDBY}
    assert told["before"]["rates"] == {"before": "0"} and told["rollback"]["rates"]["after"] == "0"
    assert told["after"]["rates"] == {"before": "0", "after": "60", "allowed": "2"} and "'ERROR no such column'" in told["after"]["reason"]
    kept = [item["sha256"] for item in house.record(cid)["attachments"] if item["name"] == f"{STANDBY} 日志摘录"]
    text = (house.folder(cid) / "evidence" / kept[0]).read_text("utf-8")
    assert len(kept) == 1 and text.splitlines()[0].endswith("-u shop --no-pager -o short-iso") and text.count("ERROR no such column") == 3
    house.sound(cid)
