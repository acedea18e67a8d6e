# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command prints: text for a person, JSON for a program; files replaced whole."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

T = TypeVar("T")
format_option = click.option("--format", "fmt", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For a person, or for a program.")
lang_option = click.option("--lang", type=click.Choice(["zh_CN", "en"]), default="zh_CN", show_default=True, help="Language of the document.")


def emit(data: Any, fmt: str, text: str | Callable[[], str]) -> None:
    """Print `data` as JSON or the text made for it (a callable is only asked when needed)."""
    if fmt == "json":
        click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))
        return
    click.echo(text() if callable(text) else text)


def bar(items: Iterable[T] | None, label: str, hidden: bool = False, **more: Any) -> Any:
    """click's progress bar on standard error; where that is no terminal, nothing at all: click would still write the label."""
    return click.progressbar(items, label=label, file=sys.stderr, hidden=hidden or not sys.stderr.isatty(), **more)


def counted(items: Sequence[T], label: str) -> Iterator[T]:
    """The items one by one, with a progress bar that counts them."""
    with bar(items, label, show_pos=True) as shown:
        yield from shown


@contextmanager
def unheard() -> Iterator[None]:
    """Around printing that may fail without changing anything: the reader of a pipe or the terminal may be gone, the disk full."""
    try:
        yield
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_file(path: Path, content: str) -> None:
    """Replace `path` whole: a reader sees the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
