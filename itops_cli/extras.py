# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of an extra: imported when they are used, and asked for by name where they are not there."""

from __future__ import annotations

import importlib
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem


def need(module: str, extra: str) -> Any:
    """A module that the extra of this name brings. Raises BadInput saying how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BadInput([Problem("itops docs", 0, "", f"{error.name or module} is not installed", remedy=f"pip install 'itops[{extra}]'")]) from None
