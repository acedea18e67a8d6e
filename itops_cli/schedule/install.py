# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops schedule export` and `install`: what starts `itops run --due`, as text and put into place."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import click
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import recurrence, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import CODES

from itops_cli.errors import Exit, say
from itops_cli.output import emit, format_option
from itops_cli.schedule import cron, systemd, timer
from itops_cli.schedule.looking import look
from itops_cli.schedule.timer import Timer

OPTIONS = (
    click.option("--system", is_flag=True, help="For the machine: /etc/cron.d, /etc/systemd/system. Without: for this account."),
    click.option("--every", type=click.Choice(timer.EVERY), default="15", show_default=True, help="Minutes between two looks at what is due."),
    click.option("--max", "most", type=click.IntRange(1, 64), default=1, show_default=True, help="At most so many runs at a time."),
    click.option("--jitter", type=click.IntRange(0, 3600), default=60, show_default=True, help="Seconds of random delay, so that not all begin at once."),
    click.option("--user", default="", help="With --system: the account that runs it (default: the owner of the workspace)."),
    click.option("--name", default=timer.NAME, show_default=True, help="Of the units, or of the file in /etc/cron.d; one for each workspace."),
    click.option("--mailto", default="", help="With --system and cron: who gets the mail of a failure."),
)


class Place(Protocol):
    """A crontab, or a file."""

    @property
    def name(self) -> str: ...
    def read(self) -> bytes: ...
    def write(self, content: bytes) -> None: ...


@dataclass(frozen=True)
class Part:
    """What stands somewhere, and what shall stand there; nothing where it shall not be."""

    place: Place
    old: bytes
    new: bytes


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        function = option(function)
    return function


@click.command("export")
@click.option("--as", "kind", type=click.Choice(["cron", "systemd", "awx"]), required=True, help="For whom.")
@_options
@format_option
def export(kind: str, fmt: str, every: str, **wishes: Any) -> None:
    """Print what a scheduler needs: a crontab's block, units, or for AWX a recurrence rule (RRULE) for each service.

    Example: itops schedule export --as awx --format json
    """
    ws = workspace.find()
    if kind == "awx":
        _known, found, _lines = look(ws)
        rules = recurrence.schedules(found.rows, ws.timezone)
        emit(rules, fmt, lambda: yaml.safe_dump(rules, allow_unicode=True, sort_keys=False).rstrip())
        return
    wanted = timer.of(ws, int(every), **wishes)
    texts = {f"crontab of {wanted.user}": cron.put(b"", wanted, cron.block(wanted), "").decode()} if kind == "cron" else systemd.units(wanted)
    emit(texts, fmt, lambda: "\n".join(texts.values() if kind == "cron" else (f"# {name}\n{text}" for name, text in texts.items())).rstrip())


@click.command("install")
@click.option("--as", "kind", type=click.Choice(["cron", "systemd"]), default="cron", show_default=True, help="Who starts it.")
@click.option("--uninstall", is_flag=True, help="Take out what was installed, and nothing else.")
@click.option("--check", is_flag=True, help="Only show the difference; exit 6 where there is one.")
@_options
def install(kind: str, uninstall: bool, check: bool, every: str, **wishes: Any) -> None:
    """Let cron or systemd start itops run --due. Writes only between its own markers, or files of its own; again changes nothing.

    Example: itops schedule install --as systemd --system --every 15 --check
    """
    wanted = timer.of(workspace.find(), int(every), **wishes)
    if wanted.system and os.geteuid() != 0 and not check:
        raise Exit(2, "--system writes below /etc → run it as root, or leave out --system")
    parts = (_cron if kind == "cron" else _units)(wanted, uninstall)
    differing = [part for part in parts if part.old != part.new]
    if check:
        click.echo("".join(map(_diff, differing)), nl=False)
        raise Exit(CODES["warned"] if differing else 0)
    if kind == "systemd" and uninstall and any(part.place.name.endswith(".timer") for part in differing):
        systemd.control(wanted, "disable", "--now", f"{wanted.name}.timer")
    for part in differing:
        part.place.write(part.new)
        click.echo(f"{part.place.name}: {'written' if part.new else 'removed'}")
    if kind == "systemd" and (differing or not uninstall):
        _activate(wanted, uninstall)
    click.echo(
        ("not installed any more" if uninstall else f"installed: {' '.join(wanted.command)}, every {wanted.every} min") + ("" if differing else "; unchanged")
    )


def _cron(wanted: Timer, uninstall: bool) -> list[Part]:
    place: Place = cron.File(cron.FOLDER / wanted.name) if wanted.system else cron.Crontab()
    old = place.read()
    return [Part(place, old, cron.put(old, wanted, None if uninstall else cron.block(wanted), place.name))]


def _units(wanted: Timer, uninstall: bool) -> list[Part]:
    places = {cron.File(systemd.folder(wanted) / name): text for name, text in systemd.units(wanted).items()}
    parts = [Part(place, place.read(), b"" if uninstall else text.encode()) for place, text in places.items()]
    if foreign := [part.place.name for part in parts if part.old and part.old.splitlines()[0] != wanted.mark.encode()]:
        raise Exit(2, "\n".join(f"{name}: is not of this workspace → itops schedule install --as systemd --name itops-OTHER" for name in foreign))
    return parts


def _activate(wanted: Timer, uninstall: bool) -> None:
    systemd.control(wanted, "daemon-reload")
    if not uninstall:
        systemd.control(wanted, "enable", "--now", f"{wanted.name}.timer")
        if not wanted.system:
            say(f"units of an account stop when it logs out → loginctl enable-linger {wanted.user}")


def _diff(part: Part) -> str:
    before, after = ([line.decode("utf-8", "replace") for line in text.splitlines(keepends=True)] for text in (part.old, part.new))
    return "".join(difflib.unified_diff(before, after, f"{part.place.name} as it is", f"{part.place.name} as it would be", n=1))
