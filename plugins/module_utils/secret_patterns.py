# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like a secret, whoever wrote it: the same eyes on the controller and on the host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Callable

MARK = "«redacted»"
PATTERNS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
    re.compile(r"\$ANSIBLE_VAULT;[0-9.]+;[A-Z0-9]+(;\S+)?(\s+[0-9a-f]{8,})*"),
    re.compile(r"(?i)(?<=authorization: )(basic|bearer|token|digest) +[^\s\"']+"),
    re.compile(r"(?<=://)[^/\s:@\"']+:[^/\s@\"']+(?=@)"),
    re.compile(
        r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bglpat-[A-Za-z0-9_\-]{20,}|\bxox[abprs]-[A-Za-z0-9\-]{10,}|\beyJ[\w\-]{10,}\.eyJ[\w\-]{10,}\.[\w\-]+"
    ),
)
ASSIGNMENT = re.compile(
    r"(?i)((?:[\w\-]*(?:password|passwd|passphrase|secret|api[_\-]?key|access[_\-]?key|private[_\-]?key|token)[\w\-]*|\bpwd)[\"']?\s*[=:]\s*)"
    r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&\"']+)"
)
OPTION_NAME = r"--?(?:password|passwd|pass|passphrase|secret|token|api-key|access-key)"
OPTION = re.compile(rf"(?i)((?:^|\s){OPTION_NAME}[ =])(\"[^\"\n]*\"|'[^'\n]*'|\S+)")
MYSQL = re.compile(r"(\bmysql\w*\b[^|;\n]*?\s-p)(\S+)")
GIVEN = re.compile(  # what other well-known commands take on their command line
    r"(\b(?:sshpass\s+-p ?|redis-cli\b[^|;\n]*?\s-a ?|ldap\w+\b[^|;\n]*?\s-w ?"
    r"|curl\b[^|;\n]*?\s(?:-u|-U|--user|--proxy-user)[ =]?[\"']?[^\s:\"']+:))(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"']+)"
)
HINTS = re.compile(r"(?i)pass|pwd|secret|token|key|authorization|://|vault|akia|asia|gh[pousr]_|glpat|xox|eyj|mysql|curl|redis|ldap")
ALONE = re.compile(OPTION_NAME, re.I)


def blanked(text: str) -> str:
    """The text without what looks like a secret; a placeholder `%{name}` is none."""
    if not HINTS.search(text):
        return text
    for pattern in PATTERNS:
        text = pattern.sub(MARK, text)
    for pattern in (ASSIGNMENT, OPTION, MYSQL, GIVEN):
        text = pattern.sub(lambda match: match[1] + MARK if not match[2].startswith(("%{", MARK)) else match[0], text)
    return text


def blanked_items(items: Sequence[Any], redact: Callable[[Any], Any]) -> list[Any]:
    """Every item redacted; in an argument list also what follows an option that takes a secret."""
    said: list[Any] = []
    for place, item in enumerate(items):
        before = items[place - 1] if place else None
        follows = isinstance(before, str) and isinstance(item, str) and ALONE.fullmatch(before) is not None
        said.append(MARK if follows and not str(item).startswith("%{") else redact(item))
    return said
