# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes that are known by now, put into the text of a change file where they were still to be filled in; nothing else in it is touched."""

from __future__ import annotations

from collections.abc import Mapping

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import source
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import TO_FILL


def fill_in(text: str, sizes: Mapping[str, int]) -> str:
    """The text with the size (bytes) of these files of the notice, by name."""
    places = []
    files = _at(_at(source.parse(text, "").node, "notice"), "files")
    for item in files.value if isinstance(files, yaml.SequenceNode) else ():
        name, size = _at(item, "name"), _at(item, "size")
        if name is not None and size is not None and name.value in sizes and str(size.value).startswith(TO_FILL):
            places.append((size.start_mark.index, size.end_mark.index, str(sizes[name.value])))
    for start, end, number in sorted(places, reverse=True):
        text = text[:start] + number + text[end:]
    return text


def _at(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)
