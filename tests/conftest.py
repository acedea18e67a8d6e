# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection is loaded as Ansible loads it, before anything imports from it."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

REPO = Path(__file__).resolve().parent.parent
os.environ.setdefault("LC_ALL", "C.UTF-8")
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(REPO / "collections")
os.environ["PATH"] = f"{REPO / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
for name in [name for name in os.environ if name.startswith("ITOPS_")]:
    del os.environ[name]
init_plugin_loader([str(REPO / "collections")])
