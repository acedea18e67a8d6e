# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch files against the notice, as an exact set."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import staging


def item(content: bytes, name: str = "a", **digests: str) -> dict[str, Any]:
    return {"name": name, "size": len(content), **(digests or {"sha256": hashlib.sha256(content).hexdigest()})}


def verdicts(folder: Path, *items: dict[str, Any]) -> dict[str, str]:
    return {line["name"]: line["verdict"] for line in staging.compare(folder, items)}


def test_the_same_set_is_ok(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / ".gitkeep").touch()
    assert verdicts(tmp_path, item(b"x")) == {"a": "ok"}


def test_missing_extra_size_and_digest(tmp_path: Path) -> None:
    (tmp_path / "size").write_bytes(b"xx")
    (tmp_path / "digest").write_bytes(b"y")
    (tmp_path / "extra").write_bytes(b"z")
    found = verdicts(tmp_path, item(b"x", "missing"), item(b"x", "size"), item(b"x", "digest"))
    assert found == {"missing": "missing", "size": "size", "digest": "digest", "extra": "extra"}
    assert len(staging.refused(staging.compare(tmp_path, []))) == 3


def test_a_link_is_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "a").symlink_to("real")
    assert verdicts(tmp_path, item(b"x"))["a"] == "missing"


def test_a_weak_digest_is_flagged_and_still_compared(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert verdicts(tmp_path, item(b"x", md5=hashlib.md5(b"x").hexdigest())) == {"a": "weak"}
    assert verdicts(tmp_path, item(b"x", md5="0" * 32)) == {"a": "digest"}


def test_what_is_read_is_what_is_judged(tmp_path: Path) -> None:
    file, wanted = tmp_path / "a", item(b"xy")
    file.write_bytes(b"xy")
    content, line = staging.read(tmp_path, wanted)
    assert (content, line["verdict"], line["actual"]) == (b"xy", "ok", hashlib.sha256(b"xy").hexdigest())
    file.write_bytes(b"zz")
    assert staging.read(tmp_path, wanted)[1]["verdict"] == "digest"
    file.unlink()
    assert staging.read(tmp_path, wanted) == (b"", staging.compare(tmp_path, [wanted])[0])


def test_the_strongest_digest_decides(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    both = item(b"x", md5="0" * 32, sha512=hashlib.sha512(b"x").hexdigest())
    assert verdicts(tmp_path, both) == {"a": "ok"}
