# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step asks of the person who does it by hand: the command to type, else a sentence in the person's language, and the feedback to expect."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import error_rate, labels, steps

SAYS, FEEDBACK = "instruction", "feedback"
TYPED = ("command", "service", "packages")  # what a shell knows; a check of type command, version or service, too
TYPED_CHECKS = ("command", "version")
ASKS = "status"  # what a service control calls asking for the state
JUDGED = ("status", "body", "json", "tls_verify", "ca_file", "state", "equals", "matches", "sha256", "exists", "min", "max")
BY_DEFAULT: dict[str, dict[str, Any]] = {"http": {"status": 200}, "port": {"state": "open"}, "service": {"state": "running"}, "process": {"min": 1}}
PIECES = ("mode", "owner", "group")

Data = Mapping[str, Any]


def named(value: Any, secret: Mapping[str, str]) -> Any:
    """Every secret value is its `%{name}` again: before anything is quoted or escaped, and the longest first, as one may hold another."""
    return _named(value, sorted(((text, name) for name, text in secret.items() if text), key=lambda pair: -len(pair[0])))


def typed(step: Data, secret: Mapping[str, str]) -> str:
    """The command line of this step; "" where it is none that a shell would know."""
    if step["type"] in TYPED:
        return str(step["display"])
    args = named(step.get("args") or {}, secret)
    if step["type"] == "check" and args.get("type") in TYPED_CHECKS:
        return " ".join([str(args["command"]), *map(shlex.quote, map(str, args.get("args") or []))])
    if step["type"] == "check" and args.get("type") == "service":
        asked = steps.control_command(args, ASKS)
        return "" if asked == ASKS else asked
    return ""


def sentence(step: Data, secret: Mapping[str, str], lang: str) -> str:
    """What is done, where no command line says it."""
    args = named(step.get("args") or {}, secret)
    name = f"check_{args['type']}" if step["type"] == "check" else "packed" if step["type"] == "archive" and "name" in args else str(step["type"])
    name += "_before" if name == "check_error_rate" and step["kind"] == "before" else ""
    make = _SENTENCES.get(name)
    return labels.label(SAYS, name, lang).format_map(make(args, lang) if make else {})


def contents(step: Data, secret: Mapping[str, str]) -> list[tuple[str, str]]:
    """(file, its text) of the files that the plan itself carries."""
    if step["type"] != "files":
        return []
    return [(str(item["dest"]), str(item["content"])) for item in named(step["args"]["items"], secret) if item.get("content") is not None]


def expectation(step: Data, secret: Mapping[str, str], lang: str) -> str:
    """执行反馈信息 in one line. "" where a return code of 0 is all."""
    args = step.get("args") or {}
    judged = {**BY_DEFAULT.get(str(args.get("type")), {}), **{key: args[key] for key in JUDGED if args.get(key) is not None}} if step["type"] == "check" else {}
    if args.get("type") == "log":
        judged = {"absent": [args["pattern"]]}
    shown = named({**judged, **{key: value for key, value in (step.get("expect") or {}).items() if value}}, secret)
    return "; ".join(f"{labels.label(FEEDBACK, key, lang)} {_value(value, lang)}" for key, value in shown.items())


def _value(value: Any, lang: str) -> str:
    """What is compared with, quoted as JSON so that nobody has to guess where it ends; of a JSON answer its place and value."""
    if isinstance(value, bool):
        return labels.label(FEEDBACK, "yes" if value else "no", lang)
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(item, lang) for item in value)
    if isinstance(value, Mapping):
        return f"{value['path']} = {json.dumps(value.get('equals'), ensure_ascii=False)}"
    return json.dumps(value, ensure_ascii=False)


def _named(value: Any, secrets: list[tuple[str, str]]) -> Any:
    if isinstance(value, Mapping):
        return {_named(key, secrets): _named(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(item, secrets) for item in value]
    if isinstance(value, str):
        for text, name in secrets:
            value = value.replace(text, f"%{{{name}}}")
    return value


def _file(item: Data, lang: str) -> str:
    """One item of a files step."""
    if item.get("state") == "absent":
        return labels.label(SAYS, "file_absent", lang).format(dest=item["dest"])
    source = item.get("file") or item.get("src") or labels.label(SAYS, "text_below", lang)
    pieces = [f"{labels.label(SAYS, piece, lang)} {item[piece]}" for piece in PIECES if item.get(piece)]
    return labels.label(SAYS, "file_present", lang).format(source=source, dest=item["dest"]) + "".join(f", {piece}" for piece in pieces)


def _spaces(args: Data, _lang: str) -> Data:
    return {"paths": ", ".join(str(item["path"]) for item in args.get("paths") or [])}


def _listed(args: Data, _lang: str) -> Data:
    return {"name": "", "dest": "", **args, "paths": ", ".join(map(str, args.get("paths") or [])), "exclude": ", ".join(args.get("exclude") or []) or "—"}


_SENTENCES: dict[str, Callable[[Data, str], Data]] = {
    "space": _spaces,
    "packed": _listed,
    "archive": _listed,
    "offsite": lambda args, _lang: args,
    "prune": lambda args, _lang: {**args, "keep_days": args.get("keep_days") or "—"},
    "release": lambda args, _lang: {"link": "current", **args},
    "files": lambda args, lang: {"items": "; ".join(_file(item, lang) for item in args["items"])},
    "tasks": lambda args, _lang: args,
    "check_http": lambda args, _lang: {"method": args.get("method") or "GET", "url": args["url"]},
    "check_port": lambda args, _lang: {"host": args.get("host") or "127.0.0.1", "port": args["port"]},
    "check_service": lambda args, _lang: {"unit": (args.get("control") or {}).get("unit") or ""},
    "check_process": lambda args, _lang: args,
    "check_file": lambda args, _lang: args,
    "check_log": lambda args, _lang: {"where": args.get("path") or args.get("unit")},
    "check_error_rate": error_rate.words,
    "check_error_rate_before": error_rate.words,
    "check_manual": lambda args, _lang: args,
}
