# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every command has that hands a PDF out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
FOLDER = click.Path(file_okay=False, exists=True, writable=True, path_type=Path)


class Line(click.ParamType):  # type: ignore[type-arg] # generic only in newer versions of click
    """One line of text that can be printed."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Without blanks around it."""
        text = str(value).strip()
        if not text or not text.isprintable():
            self.fail(f"{text!r} is not one line of text that can be printed", param, ctx)
        return text


def handing_out(command: Command) -> Command:
    """--to, --output, --protect and --flatten."""
    for option in reversed(
        [
            click.option("--to", "recipient", required=True, type=Line(), metavar="RECIPIENT", help="Who gets it; stands on every page."),
            click.option("--output", "folder", type=FOLDER, default=Path(), show_default=".", help="Folder to put the file into."),
            click.option("--protect", is_flag=True, help="Encrypt against copying and changing (AES-256): it deters, it does not prevent."),
            click.option("--flatten", is_flag=True, help="Pages as pictures: the watermark cannot be taken off, text not be copied."),
        ]
    ):
        command = option(command)
    return command
