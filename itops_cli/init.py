# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops init DIR`: a workspace with example services, people, hosts and changes. All of it, or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from itops_cli.errors import Exit
from itops_cli.output import emit, format_option

NOT_USABLE = 2
SHIPPED = Path(__file__).resolve().parent / "workspace"
CHECKOUT = SHIPPED.parent.parent  # there the example workspace is the project's own top level
CONTENT = {  # name in the workspace -> name in the source; a file that starts with a dot would act where it is stored
    "itops.yml": "itops.yml",
    "policy.yml": "policy.yml",
    "ansible.cfg": "ansible.cfg",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "inventory": "inventory",
    "changes": "changes",
    "documents": "documents",
    "staging": "staging",
}
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc", "*~", ".*.sw?")
NEXT = (
    ("itops lint", "is everything in here right?"),
    ("itops change list", "the example changes"),
    ("itops plan CHG-20261123-01", "a run-sheet; it asks for the patch file, as it must"),
)


@click.command("init")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@format_option
def command(directory: Path, fmt: str) -> None:
    """Lay out a workspace in DIR: settings, example services, people, hosts and changes.

    DIR is new or empty (a .git may be in it). All or nothing is written. Exit 2 where DIR cannot be used.

    Example: itops init maintenance && cd maintenance && itops lint
    """
    target = directory.absolute()
    _usable(target)
    with _drawing_board(target) as board:
        for name, stored in CONTENT.items():
            _copy(_source(stored), board / name)
        _move_in(board, target)
    emit({"workspace": str(target), "content": list(CONTENT), "next": [line for line, _why in NEXT]}, fmt, lambda: _text(directory))


def _usable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise Exit(NOT_USABLE, f"{target}: not a folder → itops init with a new or empty folder")
    inside = sorted(entry.name for entry in target.iterdir() if entry.name != ".git")
    if inside:
        shown = ", ".join([*inside[:5], *(["…"] if len(inside) > 5 else [])])
        raise Exit(NOT_USABLE, f"{target}: not empty: {shown} → itops init with a new or empty folder")


def _source(stored: str) -> Path:
    """In a wheel everything lies in one folder, in a checkout what is also the example stands at the top."""
    shipped = SHIPPED / stored
    return shipped if shipped.exists() else CHECKOUT / stored


def _copy(source: Path, target: Path) -> None:
    """Content only: permissions are those of whoever calls."""
    if source.is_dir():
        target.mkdir()
        for entry in sorted(source.iterdir()):
            if entry.name not in UNWANTED(str(source), [entry.name]):
                _copy(entry, target / entry.name)
    else:
        shutil.copyfile(source, target)


@contextmanager
def _drawing_board(target: Path) -> Iterator[Path]:
    """A folder on the target's own file system, gone afterwards."""
    near = target if target.exists() else target.parent
    near.mkdir(parents=True, exist_ok=True)
    board = Path(tempfile.mkdtemp(dir=near, prefix=".itops-init-"))
    try:
        yield board
    finally:
        shutil.rmtree(board)


def _move_in(board: Path, target: Path) -> None:
    """Rename what is finished into place; an error takes back what was moved."""
    created = not target.exists()
    moved: list[Path] = []
    try:
        if created:
            target.mkdir()
        for entry in sorted(board.iterdir()):
            os.rename(entry, target / entry.name)
            moved.append(target / entry.name)
    except BaseException:
        for path in moved:
            os.rename(path, board / path.name)
        if created and target.is_dir():
            target.rmdir()
        raise


def _text(directory: Path) -> str:
    here = [] if directory.absolute() == Path.cwd() else [(f"cd {directory}", "")]
    width = max(len(line) for line, _why in NEXT)
    steps = "\n".join(f"  {line:{width}}  {why}".rstrip() for line, why in [*here, *NEXT])
    return f"The workspace is in {directory.absolute()}. Its hosts are examples; replace them with yours.\nnext:\n{steps}"
