# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign files are looked at in a process of its own, which may use only so much memory and time, and may even crash."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from itops_cli.importing import Unreadable

MEMORY = 4 << 30  # bytes of addresses
SECONDS = 300  # of processor time, and of waiting
DEPTH = 6_000  # of calls: XML and HTML may be nested 256 deep
ANEW = "save it anew in the program it was made with, or split it"

P = ParamSpec("P")
T = TypeVar("T")


def apart(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What `work` returns. Raises Unreadable for whatever goes wrong with the file in there, OSError where it cannot be opened."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, work, args, named), daemon=True)
    process.start()
    theirs.close()
    made: Any
    fault: Exception | None
    try:
        made, fault = ours.recv() if ours.poll(SECONDS) else (None, Unreadable(f"takes more than {SECONDS} s", ANEW))
    except EOFError:
        process.join()
        made, fault = None, Unreadable(_died(process.exitcode or 0), ANEW)
    finally:
        process.kill()
        process.join()
    if fault:
        raise fault
    return made  # type: ignore[no-any-return] # what the other process sent


def _died(code: int) -> str:
    if code == -signal.SIGXCPU:
        return f"takes more than {SECONDS} s of processor time"
    return f"its reader ended with {signal.Signals(-code).name if code < 0 else code}"


def _child(pipe: Connection, work: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> None:
    made: Any = None
    fault: Exception | None = None
    try:
        _bound()
        made = work(*args, **named)
    except MemoryError:
        fault = Unreadable(f"needs more than {MEMORY >> 30} GB of memory", ANEW)
    except RecursionError:
        fault = Unreadable("nested too deeply", ANEW)
    except (Unreadable, OSError) as error:
        fault = error
    except BadInput as error:  # does not travel between processes
        fault = Unreadable(error.problems[0].message, error.problems[0].remedy)
    except Exception as error:  # a reader met what nobody thought of: this file is refused, the others go on
        fault = Unreadable(f"cannot be read: {type(error).__name__}: {error}", ANEW)
    pipe.send((made, fault))


def _bound() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(DEPTH)
