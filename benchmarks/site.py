# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The static site of many services and records, against MkDocs and Pelican on the very Markdown that lies beside the ledgers.

The peers turn the two reports of each record into pages, and nothing else: no status table, no services, no pictures. MkDocs lists every
page in every page, so it takes part at the smallest size only. Aim at 1,000 services and 10,000 records: seconds, under 500 MB.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import catalogue, measure
from benchmarks.measure import Entrant

SIZES = {(10, 100): 3, (100, 1_000): 3, (1_000, 10_000): 1}  # services, records -> runs
STEPS = 12
BASELINE = "Pelican"
MKDOCS_MOST = 100  # records; a thousand take it many minutes
PELICAN = "PATH = 'pelican'\nSITENAME = 'records'\nTIMEZONE = 'UTC'\nDEFAULT_DATE = 'fs'\nTHEME = 'simple'\nFEED_ALL_ATOM = None\nCATEGORY_FEED_ATOM = None\n"


def run(quick: bool) -> None:
    """10 services with 100 records, ten and a hundred times as many (quick: the first once)."""
    with tempfile.TemporaryDirectory() as name:
        peers = Path(name) / "peers"
        missing = measure.installed(peers, "mkdocs")
        missing = missing or measure.installed(peers, "pelican[markdown]")
        for (services, records), runs in {(10, 100): 1}.items() if quick else SIZES.items():
            root = Path(name) / str(records)
            measure.apart(lay_out, root, services, records)
            entrants = list(contenders(root, peers, missing, records))
            measure.alternate(entrants, runs, root)
            measure.table(f"{services:,} services, {records:,} records, both languages", entrants, BASELINE)
            shutil.rmtree(root)


def contenders(root: Path, peers: Path, missing: str, records: int) -> Iterator[Entrant]:
    """Each builds into a folder of its own that is not there."""

    def gone(folder: str) -> None:
        shutil.rmtree(root / folder, ignore_errors=True)

    def made(folder: str, least: int) -> None:
        found = sum(1 for _page in (root / folder).rglob("*.html"))
        assert found >= least, f"made {found} pages"

    yield Entrant("itops docs site", measure.itops("docs", "site", "site"), before=lambda: gone("site"), after=lambda: made("site", 2 * records))
    python = peers / "bin/python"
    pelican = [python, "-m", "pelican", "-q", "-s", "settings.py", "-o", "pelican-out"]
    yield Entrant(BASELINE, pelican, {"PYTHONPATH": ""}, before=lambda: gone("pelican-out"), after=lambda: made("pelican-out", 2 * records), absent=missing)
    late = missing or (f"more than {MKDOCS_MOST:,} records" if records > MKDOCS_MOST else "")
    mkdocs = [python, "-m", "mkdocs", "build", "-q", "-d", "mkdocs-out"]
    yield Entrant("MkDocs", mkdocs, {"PYTHONPATH": ""}, before=lambda: gone("mkdocs-out"), after=lambda: made("mkdocs-out", 2 * records), absent=late)


def lay_out(root: Path, services: int, records: int) -> None:
    """A workspace, and the same reports as the peers want them."""
    catalogue.lay_out(root, services)
    files = record()
    (root / "mkdocs").mkdir()
    (root / "pelican").mkdir()
    (root / "mkdocs.yml").write_text("site_name: records\ndocs_dir: mkdocs\ntheme: readthedocs\nplugins: []\n")
    (root / "mkdocs/index.md").write_text("# records\n")
    (root / "settings.py").write_text(PELICAN)
    for number in range(records):
        change = f"CHG-2026{number % 12 + 1:02}{number // 12 % 28 + 1:02}-{number:05}"
        place = root / "records/2026" / change
        place.mkdir(parents=True)
        for name, text in files.items():
            own = text.replace("CHG-20261123-01", change).replace("svc-00000", f"svc-{number % services:05}")
            (place / name).write_text(own, "utf-8")
            if name.endswith(".md"):
                (root / "mkdocs" / f"{change}.{name}").write_text(own, "utf-8")
                (root / "pelican" / f"{change}.{name}").write_text(f"Title: {change} {name}\nSlug: {change}-{name}\n\n{own}", "utf-8")


def record() -> dict[str, str]:
    """The stream and the views of one record: two hosts, a dozen steps each."""
    from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, views

    from tests.unit.story import Story

    service = {"id": "svc-00000", "name": "服务 0", "owner": "zhang.wei", "redundancy": "standalone"}
    change = {"id": "CHG-20261123-01", "title": "门户网站升级", "kind": "patch", "category": "normal", "notice": {"id": "SUP-1"}, "plan": {}}
    story = Story().begun("run", "a", "b", change=change, services={"svc-00000": service}, timezone="Asia/Shanghai", organisation="示例公司")
    for host in ("a", "b"):
        story.backed_up(host).started(host, "patch-1", "patch")
        for seq in range(1, STEPS + 1):
            story.step(host, f"p{seq}", "patch", seq=seq)
        story.finished(host, "patch-1", "patch")
    story.closed(result="achieved", backout="not_needed")
    stream = "".join(ledger.canonical(event.as_dict()).decode() + "\n" for event in story.events)
    made = {name: content.decode() for name, content in views.render(story.events).items()}
    assert len(json.loads(made["record.json"])["steps"]) == 2 * STEPS
    return {**made, "events.jsonl": stream}
