# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the protocol."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import host_protocol


def test_the_command_is_one_line_for_a_shell_and_small() -> None:
    words = shlex.split(host_protocol.bootstrap("/usr/bin/python3", "/var/lib/it ops", "read"))
    assert words[0] == "/usr/bin/python3" and words[-3:] == ["/var/lib/it ops", host_protocol.engine().digest, "read"]
    assert "'" not in host_protocol.LOADER
    assert len(host_protocol.small_request({"offset": 0})) < 200


def test_unknown_ops_and_relative_places_are_refused_here() -> None:
    with pytest.raises(ValueError, match="known are start, read"):
        host_protocol.bootstrap("python3", "/x", "explode")
    with pytest.raises(ValueError, match="absolute"):
        host_protocol.bootstrap("python3", "x", "read")


def test_a_reply_is_found_among_other_words() -> None:
    said = 'Welcome!\nITOPS-REPLY {"ok": true, "lines": ["«»"]}\nbye\n'
    assert host_protocol.reply(said) == {"ok": True, "lines": ["«»"]}


@pytest.mark.parametrize("said", ["", "bash: python3: command not found", 'ITOPS-REPLY {"ok": tr', "ITOPS-REPLY 7"])
def test_anything_else_is_quoted(said: str) -> None:
    with pytest.raises(host_protocol.ProtocolError, match=said[-1:] or "nothing"):
        host_protocol.reply(said)


def test_a_damaged_engine_is_not_installed(tmp_path: Path) -> None:
    shell = host_protocol.poll_command(sys.executable, str(tmp_path / "s"), "0" * 12, "state")
    done = subprocess.run(["sh", "-c", shell], input=host_protocol.request({"change": "c"}), capture_output=True, check=True)
    assert host_protocol.reply(done.stdout.decode())["error"] == "the engine was damaged on its way"


def test_a_file_planted_in_the_current_directory_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('planted')")
    shell = host_protocol.bootstrap(sys.executable, str(tmp_path / "s"), "state")
    done = subprocess.run(
        ["sh", "-c", shell], input=host_protocol.request({"change": "c"}), capture_output=True, check=True, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}
    )  # fmt: skip
    assert host_protocol.reply(done.stdout.decode())["ok"]
