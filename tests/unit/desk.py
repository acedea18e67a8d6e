# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole command line within the test's own process: the same edge, the same exit status, without the start of a program each time."""

from __future__ import annotations

import io
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from itops_cli.main import main


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def itops(root: Path, *words: str) -> Done:
    """`itops WORDS` in the folder `root`."""
    out, err, mine = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["itops", *words]
    try:
        with chdir(root), redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        return Done(int(end.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = mine
    raise AssertionError("itops always ends with a status")
