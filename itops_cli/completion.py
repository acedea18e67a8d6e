# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops completion`: the shell's own completion script, made by click."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_ITOPS_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL: commands, options, and the ids of changes, records and services.

    bash: itops completion bash > ~/.local/share/bash-completion/completions/itops

    zsh: itops completion zsh > ~/.zfunc/_itops

    fish: itops completion fish > ~/.config/fish/completions/itops.fish

    Example: itops completion bash
    """
    maker = get_completion_class(shell)
    assert maker is not None  # click knows all of SHELLS
    click.echo(maker(ctx.find_root().command, {}, "itops", VARIABLE).source())
