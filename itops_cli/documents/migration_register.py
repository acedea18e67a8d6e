# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of documents/register.yml, for what is not Markdown yet: one that has been imported is a document now, and no entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, yaml_append
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import register
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

KEY = "documents"


def entries(ws: Workspace) -> list[Mapping[str, Any]]:
    """In the order of the file, with ids for labels. Raises BadInput with everything that is wrong with any."""
    found, problems = register.listed(ws)
    if errors(problems):
        raise BadInput(errors(problems))
    return [entry.meta for entry in found]


def drop(ws: Workspace, numbers: Sequence[int]) -> None:
    """Take these entries out, and touch nothing else of the file: comments stay. Raises OSError."""
    if numbers:
        path = ws.documents / register.FILE
        text = path.read_text("utf-8")
        for number in sorted(set(numbers), reverse=True):
            text = _without(text, number)
        atomic.write(path, text.encode(), mode=path.stat().st_mode & 0o777)


def _without(text: str, number: int) -> str:
    """Line by line where the list is written so, else the data anew."""
    data = yaml.safe_load(text)
    wanted = {**data, KEY: [one for index, one in enumerate(data[KEY]) if index != number]}
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    listed = next(value for name, value in root.value if name.value == KEY)
    lines = text.splitlines(keepends=True)
    made = "".join([*lines[: listed.value[number].start_mark.line], *lines[yaml_append.end_of(listed.value[number]) :]])
    return made if _same(made, wanted) else yaml.safe_dump(wanted, allow_unicode=True, sort_keys=False, width=140)


def _same(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return isinstance(found, dict) and {**found, KEY: found.get(KEY) or []} == wanted
