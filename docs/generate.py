# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes docs/reference/ from what the program itself reads: schemas, labels, commands, exit statuses, kinds of events.

`python docs/generate.py` writes the pages; `--check` writes nothing and ends with 1 and a diff where one is out of date.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, outcome, spec
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import lifecycle
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import Cell, cell, code
from reference_tables import ENVELOPE, EVENTS, GUARDS

from itops_cli.main import cli

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "reference"
MADE = "<!-- Made by docs/generate.py: do not edit. -->"
TYPES = {"str": "text", "int": "whole number", "bool": "true or false", "dict": "mapping", "raw": "any value", "float": "number"}
STEP_SECTIONS = {"step": "One step", "check": "One check", "control": "Control of a service", "error_rate": "Error rate of a service"}


def main(arguments: Sequence[str]) -> int:
    """Write, or compare. 1 where a page differs."""
    made = {REFERENCE / name: text for name, text in pages().items()}
    if "--check" in arguments:
        differing = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
        for path in differing:
            print("\n".join(_diff(path, made[path])))
        return 1 if differing else 0
    REFERENCE.mkdir(exist_ok=True)
    for path, text in made.items():
        path.write_text(text, "utf-8")
    return 0


def pages() -> dict[str, str]:
    """File name -> content."""
    made = {
        "service.md": _service(),
        "change.md": _change(),
        "policy.md": _policy(),
        "document.md": _document(),
        "life-cycle.md": _life_cycle(),
        "step.md": _step(),
        "commands.md": _commands(),
        "exit-status.md": _exit_status(),
        "events.md": _events(),
    }
    return {name: f"{MADE}\n\n{text.rstrip()}\n" for name, text in made.items()}


def _diff(path: Path, text: str) -> Iterator[str]:
    old = path.read_text("utf-8").splitlines() if path.exists() else []
    return difflib.unified_diff(old, text.splitlines(), f"{path.name} as it is", f"{path.name} as it must be", lineterm="")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, not padded: a changed word is a changed line, not a changed table."""
    lines = [[str(cell(text)) for text in line] for line in (head, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(head), *lines[1:]])


# ---------------------------------------------------------------- schemas


def _service() -> str:
    intro = (
        "# The service record (服务端点运维情况)\n\nOne file `inventory/services/<id>.yml` for each service. Keys are English; where a field has a list of"
        " allowed values the Chinese word is accepted as well. How to write one: [service records](../howto/service-records.md)."
    )
    people = _group("people", spec.options("service", "people")["people"], "service")
    return "\n\n".join([intro, *_schema(spec.options("service"), "service"), people.replace("## people", "## The file people.yml", 1)])


def _change() -> str:
    intro = (
        "# The change (维护通知 + 维护方案)\n\nOne file `changes/CHG-<yyyymmdd>-<nn>.yml` for each change."
        " How to write one: [write a change](../howto/write-a-change.md)."
    )
    return "\n\n".join([intro, *_schema(spec.options("change"), "change")])


def _policy() -> str:
    intro = (
        "# The policy (policy.yml)\n\nOne file `policy.yml` beside `itops.yml`: what counts for every service. Without it the defaults count, and nothing can"
        " be delivered anywhere. More: [windows](../howto/windows.md), [capacity](../howto/capacity.md), [notifications](../howto/notifications.md),"
        " [tickets](../howto/close-tickets.md), [known errors](../howto/known-errors.md)."
    )
    return "\n\n".join([intro, *_schema(spec.options("policy"), "policy")])


def _document() -> str:
    intro = (
        "# The document\n\nFront matter of every Markdown file under `documents/`, between two lines `---`; also the form of an entry of"
        " `documents/register.yml`, for what is not Markdown yet."
    )
    return "\n\n".join([intro, *_schema(spec.options("document"), "document")])


def _life_cycle() -> str:
    """From the table that the guards are asked by."""
    states = list(dict.fromkeys(state for arrow in lifecycle.ARROWS for state in (arrow.source, arrow.target)))
    named = {state: f"{state} {labels.label('state', state)}" for state in states}
    rows = [
        [code(arrow.source), code(arrow.target), Cell("all") if arrow.kinds == lifecycle.EVERY else Cell(", ".join(str(code(k)) for k in arrow.kinds)),
         Cell(", ".join(str(code(g)) for g in ([arrow.when] if arrow.when else []) + list(arrow.guards))) if arrow.when or arrow.guards else Cell("—"),
         arrow.event or Cell("—")]
        for arrow in lifecycle.ARROWS
    ]  # fmt: skip
    guard_rows = [[code(name), meaning] for name, meaning in GUARDS]
    return "\n\n".join(
        [
            "# The life cycle\n\nNo state is stored. A change stands where the guards hold up to, asked about the plan as it is now: an edit, a copied file"
            " or an extra variable cannot bring it further. `itops change next CHANGE` says what is missing. How to use it: [decide](../howto/decide.md).",
            f"```mermaid\n{lifecycle.mermaid(named)}\n```",
            "## Arrows\n\nAn arrow is taken when all its guards hold; `complex` and `simple` choose the way.",
            table(["From", "To", "Kinds of change", "Guards", "Taken by"], rows),
            "## Guards",
            table(["Guard", "Holds when"], guard_rows),
        ]
    )


def _step() -> str:
    parts = [
        "# Steps, checks and controls\n\nThe same form in changes and in service records. `%{host}`, `%{service}`, `%{change}`, `%{files}` (the folder of the"
        " patch files on the host) and the names in `hosts[].vars` of the service record, written `%{name}`, are replaced; no text is ever a template."
    ]
    for entry, title in STEP_SECTIONS.items():
        option = spec.options("step", entry)[entry]
        parts += [f"## {title}", _table(_rows(option["options"], "", "step"), "step"), *_rules(option, "")]
    return "\n\n".join(filter(None, parts))


def _schema(options: Mapping[str, Any], section: str) -> Iterator[str]:
    """One table of what stands at the top, one for each mapping below."""
    yield "## At the top"
    yield _table([_row(name, name, option, section) for name, option in options.items()], section)
    for name, option in options.items():
        if option.get("options") and not _shared(name, option):
            yield _group(name, option, section)


def _group(name: str, option: Mapping[str, Any], section: str) -> str:
    prefix = f"{name}[]." if option["type"] == "list" else f"{name}."
    rows = list(_rows(option["options"], prefix, section))
    return "\n\n".join([f"## {name}", _table(rows, section), *_rules(option, prefix)])


def _rows(options: Mapping[str, Any], prefix: str, section: str) -> Iterator[list[Any]]:
    for name, option in options.items():
        yield _row(prefix + name, name, option, section)
        if option.get("options") and not _shared(name, option):
            yield from _rows(option["options"], f"{prefix}{name}{'[]' if option['type'] == 'list' else ''}.", section)


def _row(path: str, name: str, option: Mapping[str, Any], section: str) -> list[Any]:
    label = labels.label(section, path.replace("[]", ""))
    shown = Cell("—") if label == path.replace("[]", "") else cell(label)
    return [code(path), *([shown] if section == "service" else []), _kind(name, option, section), _given(option), _said(option["description"])]


def _table(rows: Iterator[list[Any]] | list[list[Any]], section: str) -> str:
    return table(["Key", *(["中文"] if section == "service" else []), "Form", "Default", "Meaning"], rows)


def _shared(name: str, option: Mapping[str, Any]) -> bool:
    """Whether its form is the one of roles/step."""
    return name in spec.SHARED and "dict" in (option["type"], option.get("elements"))


def _kind(name: str, option: Mapping[str, Any], section: str) -> Cell:
    each = option.get("elements", "str") if option["type"] == "list" else option["type"]
    if _shared(name, option):
        shape = spec.SHARED[name]
        anchor = STEP_SECTIONS[shape].lower().replace(" ", "-")
        return Cell(f"{'list of ' if option['type'] == 'list' else ''}[{shape}](step.md#{anchor})")
    words = [f"{code(c)} ({label})" if (label := labels.value_label(section, c)) != c else str(code(c)) for c in option.get("choices") or ()]
    kind = ", ".join(words) or TYPES[each]
    return Cell(f"list of {kind}" if option["type"] == "list" else kind)


def _given(option: Mapping[str, Any]) -> Cell:
    default = option.get("default")
    if option.get("required"):
        return Cell("required")
    return Cell("—") if default in (None, {}, []) else code(", ".join(default) if isinstance(default, list) else str(default).lower())


def _said(description: str | Sequence[str]) -> Cell:
    """A description with its C(literals) as code."""
    text = description if isinstance(description, str) else " ".join(description)
    parts = re.split(r"C\(([^)]*)\)", text)
    return Cell("".join(str(code(part)) if odd % 2 else str(cell(part)) if not part else _spaced(part) for odd, part in enumerate(parts)))


def _spaced(part: str) -> str:
    """Escaped, with the blanks at its ends kept."""
    return f"{' ' * part.startswith(' ')}{cell(part)}{' ' * (part.endswith(' ') and len(part) > 1)}"


def _rules(option: Mapping[str, Any], prefix: str) -> list[str]:
    """What belongs together and what excludes each other, one list."""
    said = [f"- only one of {_codes(group)}" for group in option.get("mutually_exclusive", ())]
    said += [f"- one of {_codes(group)} is needed" for group in option.get("required_one_of", ())]
    for key, value, needed, *one in option.get("required_if", ()):
        said.append(f"- `{key}: {value}` needs {'one of ' if one and one[0] else ''}{_codes(needed)}")
    said += [f"- `{key}` only together with {_codes(needed)}" for key, needed in option.get("required_by", {}).items()]
    return ["\n".join([f"Rules{f' below `{prefix[:-1]}`' if prefix else ''}:", "", *said])] if said else []


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# ---------------------------------------------------------------- commands, statuses, events


def _commands() -> str:
    intro = "# Commands\n\nWhat each ends with: [exit status](exit-status.md). `--format json` is for programs; messages about errors go to standard error."
    return "\n\n".join([intro, *(_command(words, command, context) for words, command, context in walk())])


def walk(group: click.Command = cli, context: click.Context | None = None) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command with its full name, groups first."""
    context = context or click.Context(group, info_name="itops", max_content_width=120)
    yield context.command_path, group, context
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from walk(command, click.Context(command, parent=context, info_name=name))


def _command(words: str, command: click.Command, context: click.Context) -> str:
    text, _, example = (command.help or "").partition("Example:")
    usage = " ".join([words, *command.collect_usage_pieces(context)])
    options = [p for p in command.params if isinstance(p, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    parts = [f"## {words}", *(str(cell(paragraph)) for paragraph in text.strip().split("\n\n")), f"```text\n{usage}\n```"]
    parts += [table(["Option", "Meaning"], [[code(name), meaning] for name, meaning in records])] if records else []
    parts += [f"Example: `{' '.join(example.split())}`"] if example else []
    return "\n\n".join(parts)


def _exit_status() -> str:
    rows: list[list[Any]] = [[str(s.code), code(s.id), s.zh_CN, s.en] for s in outcome.EXIT_TABLE]
    rows.append(["130", Cell("—"), "已中断", "interrupted at the keyboard outside of a run"])
    return "\n\n".join(
        [
            "# Exit status\n\n0 only when the change was achieved. Of a run the worst host decides. `ansible-playbook` ends with the same number, because the"
            " record callback has the last word; where Ansible itself could not go on (1, 2, 4, 99, 250) no outcome was computed, and `itops doctor` tells."
            " What to do for each: [roll back and resume](../howto/roll-back-and-resume.md).",
            table(["Status", "Id", "中文", "Meaning"], rows),
            "`itops run --due` ends with the worst of its runs. From the worst: " + ", ".join(map(str, outcome.WORST_RUN_FIRST)) + ".",
        ]
    )


def _events() -> str:
    kinds = [[code(kind), who, _backticks(meaning), code(data) if data else Cell("—")] for kind, who, meaning, data in EVENTS]
    return "\n\n".join(
        [
            "# Events\n\n`records/<year>/<change>/events.jsonl` holds one event a line, in canonical JSON (RFC 8785), each with the hash of the one before."
            " Secrets are taken out before a line is written. Feedback of more than"
            " 4000 characters is cut in its middle; `output` then has up to 64 KiB of it. `evidence/` keeps, by digest, half lines that a crash left.",
            "## One line",
            table(["Field", "Meaning"], [[code(name), _backticks(meaning)] for name, meaning in ENVELOPE]),
            "## Kinds\n\n“host” means: a line of the host's own journal, with its number `n` there in `data`. Where Ansible's modules do a step, the controller"
            " writes these lines itself.",
            table(["Kind", "Told by", "Meaning", "Data"], kinds),
        ]
    )


def _backticks(text: str) -> Cell:
    return Cell("".join(str(code(part)) if odd % 2 else _spaced(part) if part else "" for odd, part in enumerate(text.split("`"))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
