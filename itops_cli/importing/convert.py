# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file to Markdown: what it is, its reader, the writer. Done in a process of its own that may use only so much memory and time."""

from __future__ import annotations

import importlib
import multiprocessing
import resource
import signal
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from itops_cli.importing import Unreadable, need, office, shaping, sniff
from itops_cli.importing.keeping import Keeper, Loss
from itops_cli.importing.markdown import Writer

MEMORY = 4 << 30  # bytes of addresses
SECONDS = 300  # of processor time, and of waiting
DEPTH = 6_000  # of calls: XML and HTML may be nested 256 deep
FILE_BYTES = 512 << 20
TEXTS = {"html": "html:read", "csv": "text:read_csv", "txt": "text:read_text"}  # format -> module:function; these take an encoding
READERS = {**TEXTS, "docx": "docx:read", "xlsx": "xlsx:read", "pptx": "pptx:read", "odt": "odt:read", "pdf": "pdf:read"}
MODULES = {"html": ("lxml.html",), "pdf": ("pypdfium2",), "xlsx": ("lxml.etree", "openpyxl.styles.numbers"), "csv": (), "txt": ()}  # of the extra
ANEW = "save it anew in the program it was made with, or split it"


@dataclass(frozen=True)
class Order:
    """What to convert. `found` is the format; `images`: where they go; `link`: what the document calls that folder; `title`: "" for its own."""

    path: Path
    found: str
    images: Path
    link: str
    title: str = ""
    encoding: str = ""


@dataclass(frozen=True)
class Converted:
    """What became of one file: its title, its Markdown, and what was not carried over."""

    title: str
    markdown: str
    losses: tuple[Loss, ...]


def convert(order: Order) -> Converted:
    """Within bounds. Raises Unreadable, BadInput where the extra is not installed, OSError."""
    if order.path.stat().st_size > FILE_BYTES:
        raise Unreadable(f"larger than {FILE_BYTES >> 20} MB", "make its images smaller, or split it")
    kind = sniff.OFFICE.get(order.found, order.found)
    for module in MODULES.get(kind, ("lxml.etree",)):
        need(module)
    with tempfile.TemporaryDirectory() as folder:
        path = office.converted(order.path, kind, Path(folder)) if kind != order.found else order.path
        return _apart(order, path, kind)


def _apart(order: Order, path: Path, kind: str) -> Converted:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, order, path, kind), daemon=True)
    process.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(SECONDS) else Unreadable(f"takes more than {SECONDS} s", "split it")
    except EOFError:
        process.join()
        found = Unreadable(_died(process.exitcode or 0), ANEW)
    finally:
        process.kill()
        process.join()
    if isinstance(found, Converted):
        return found
    raise found


def _died(code: int) -> str:
    if code == -signal.SIGXCPU:
        return f"takes more than {SECONDS} s of processor time"
    return f"its reader ended with {signal.Signals(-code).name if code < 0 else code}"


def _child(pipe: Connection, order: Order, path: Path, kind: str) -> None:
    made: Converted | Exception
    try:
        _bound()
        made = _read(order, path, kind)
    except MemoryError:
        made = Unreadable(f"needs more than {MEMORY >> 30} GB of memory", "split it")
    except RecursionError:
        made = Unreadable("nested too deeply", ANEW)
    except (Unreadable, OSError) as error:
        made = error
    except Exception as error:  # a reader met what nobody thought of: this file is refused, the others go on
        made = Unreadable(f"cannot be read: {type(error).__name__}: {error}", ANEW)
    pipe.send(made)


def _bound() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(DEPTH)


def _read(order: Order, path: Path, kind: str) -> Converted:
    keeper = Keeper(order.images)
    module, _, name = READERS[kind].partition(":")
    reader = getattr(importlib.import_module(f"itops_cli.importing.{module}"), name)
    found = reader(path, keeper, order.encoding) if kind in TEXTS else reader(path, keeper)
    if kind != order.found:
        keeper.lost("by_libreoffice", order.found)
    title, blocks = shaping.titled(found.blocks, order.title or found.title or order.path.stem)
    text = Writer(keeper, order.link).document(blocks)
    if not found.blocks:
        raise Unreadable("; ".join(["nothing in it that could be carried over", *(loss.line("en") for loss in keeper.losses()[:3])]))
    return Converted(order.title or title, text, tuple(keeper.losses()))
