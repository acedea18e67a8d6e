# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A notice in our own YAML: the keys of `notice` in a change file at the top, and what a change file has no place for."""

from __future__ import annotations

from functools import cache
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import schema, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import RESTARTS, File, Notice, faults
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, errors


@cache
def form() -> dict[str, Any]:
    """The options of a notice: those of roles/change; the size of a file may be unknown. Made once, as the schema keeps what it has compiled."""
    given = schema.options("change")["notice"]["options"]
    files = {name: dict(option) for name, option in given["files"]["options"].items()}
    files["size"]["required"] = False
    texts = {"type": "list", "elements": "str", "default": []}
    return {
        "title": {"type": "str"},
        **{name: {**option, "required": name == "id"} for name, option in given.items()},
        "files": {**given["files"], "options": files},
        "restart_required": {"type": "str", "choices": list(RESTARTS)},
        "remediations": texts,
        "references": texts,
    }


def parse(text: str, file: str) -> tuple[Notice, list[Problem]]:
    """The notice and every problem of the file; the notice is only fit for use where no problem is an error."""
    raw = source.parse(text, file)
    data, problems = schema.validate(form(), raw, "notice")
    problems = [*raw.problems, *problems]
    if errors(problems):
        return Notice(), problems
    files = tuple(File(**{**item, **_lower(item)}) for item in data.pop("files"))
    remediations, references = (tuple(data.pop(name)) for name in ("remediations", "references"))
    notice = Notice(**data, files=files, remediations=remediations, references=references)
    problems += [raw.problem(path, message, found, allowed) for path, message, found, allowed in faults(notice)]
    return notice, problems


def _lower(item: dict[str, Any]) -> dict[str, str]:
    return {name: item[name].lower() for name in ("sha512", "sha256", "sha1", "md5") if item.get(name)}
