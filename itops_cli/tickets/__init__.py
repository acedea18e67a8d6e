# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing related incidents and tickets where they live, as policy.yml lists the systems (M9)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from itops_cli.errors import Exit, say
from itops_cli.tickets.base import Closing, Http, Provider, System, TicketError

__all__ = ["Closing", "TicketError", "close_all"]
WHOLE = ("generic", "jira", "itop")  # these know the whole reference; the others the number after the prefix


def close_all(references: Iterable[Mapping[str, Any]], systems: Sequence[System], text: str, secret: Callable[[str], str]) -> list[Closing]:
    """Try every reference, one after the other; a failure never hides another. The longest prefix decides whose it is."""
    return [_close(str(reference["id"]), systems, text, secret) for reference in references]


def _close(reference: str, systems: Sequence[System], text: str, secret: Callable[[str], str]) -> Closing:
    fitting = sorted((s for s in systems if reference.startswith(s["prefix"])), key=lambda s: len(s["prefix"]), reverse=True)
    if not fitting:
        return Closing(reference, "", False, "no ticket system in policy.yml has its prefix")
    system = fitting[0]
    say(f"closing {reference} in {system['id']} …")
    try:
        opened = {**system, "token": secret(system["token"]) if system.get("token") else ""}
        number = reference if system["type"] in WHOLE else reference.removeprefix(system["prefix"])
        return Closing(reference, system["id"], True, _provider(system["type"]).close(Http(opened), number, text))
    except (TicketError, Exit, BadInput) as error:
        return Closing(reference, system["id"], False, str(error) or "failed")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:  # it answered with something else than its documentation says
        return Closing(reference, system["id"], False, f"answered what nobody expects ({type(error).__name__}), or {reference} is no reference of it")


def _provider(kind: str) -> Provider:
    found: Provider = importlib.import_module(f"itops_cli.tickets.{kind}")
    return found
