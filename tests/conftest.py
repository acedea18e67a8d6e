# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection is loaded as Ansible loads it, before anything imports from it."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader
from hypothesis import settings

REPO = Path(__file__).resolve().parent.parent
os.environ.setdefault("LC_ALL", "C.UTF-8")
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(REPO / "collections")
os.environ["PATH"] = f"{REPO / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
for name in [name for name in os.environ if name.startswith("ITOPS_")]:
    del os.environ[name]
# The suite gives the same answer every time; HYPOTHESIS_PROFILE=explore looks for what it has not seen yet.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
init_plugin_loader([str(REPO / "collections")])


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered: an archive made at collection differs from second to second, and every worker must find the same names."""
    return argname if isinstance(val, bytes) else None


from tests.postgres import kept, own_server, server  # noqa: E402, F401 (fixtures; they import from the collection)
