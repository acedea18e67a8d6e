# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one edge where errors become exit codes and one readable message."""

from __future__ import annotations

import click


class Exit(Exception):
    """End the program with this documented status; the message goes to standard error."""

    def __init__(self, code: int, message: str = ""):
        self.code = code
        self.message = message
        super().__init__(message)


def say(message: str) -> None:
    """One message to the operator on standard error."""
    if message:
        click.echo(message, err=True)
