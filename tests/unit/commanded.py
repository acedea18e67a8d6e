# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command carried out in this process: the same parsing, errors and exit status as the program's, without the time a new one takes to start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from click.testing import CliRunner

from itops_cli.errors import Exit
from itops_cli.main import cli


def itops(root: Path, *words: str, expect: int = 0, env: Mapping[str, str] | None = None) -> str:
    """What `itops WORDS` prints in the workspace `root`; the message where it is expected to fail."""
    done = CliRunner().invoke(cli, list(words), env={**(env or {}), "ITOPS_WORKSPACE": str(root)})
    code, message = done.exit_code, done.output
    if isinstance(done.exception, (Exit, BadInput)):
        code, message = getattr(done.exception, "code", 2), f"{done.output}{done.exception}"
    assert code == expect and (done.exception is None or isinstance(done.exception, (Exit, BadInput, SystemExit))), (message, done.exception)
    return message if expect else done.stdout + (done.stderr if "--format" not in words else "")
