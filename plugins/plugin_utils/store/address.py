# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `records:` may name besides a folder: the address of a PostgreSQL database, without a password."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

SCHEMES = ("postgresql", "postgres")
SECRETS = {"password", "sslpassword"}  # parameters of libpq that are secrets themselves
ALLOWED = "a folder, or postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full"
REMEDY = "take it out; give it by PGPASSFILE, PGPASSWORD or ?service=NAME"


def is_address(text: str) -> bool:
    """Whether this names a server, not a folder."""
    return "://" in text


def fault(text: str) -> str:
    """Why this address may not be used; "" where it may. Never quotes it: it may hold a password."""
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES:
        return "records are kept in a folder or in PostgreSQL"
    if ":" in parts.netloc.rpartition("@")[0] or SECRETS & {name.lower() for name, _value in parse_qsl(parts.query)}:
        return "a password in the address would be readable by everybody who reads the file"
    return ""


def shown(text: str) -> str:
    """The address without its parameters."""
    return text.partition("?")[0].rstrip("/")
