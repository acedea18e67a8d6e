# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is delivered is what is committed: every delivery is made from HEAD, never from the working tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.packaging.small import REPO


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed tree, unpacked."""
    folder = tmp_path_factory.mktemp("archive")
    packed = folder / "head.tar"
    subprocess.run(["git", "archive", "--output", packed, "HEAD"], cwd=REPO, check=True)
    (folder / "tree").mkdir()
    subprocess.run(["tar", "-xf", packed, "-C", folder / "tree"], check=True)
    return folder / "tree"


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout."""
    target = tmp_path_factory.mktemp("clone") / "itops"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", REPO, target], check=True)
    return target
