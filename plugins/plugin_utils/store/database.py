# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One PostgreSQL database that keeps records, as this process uses it: connection, transactions, locks. Whatever fails, fails closed."""

from __future__ import annotations

import hashlib
import os
import select
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import address, schema

if TYPE_CHECKING:
    from psycopg import Connection

DEFAULTS = {"connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "application_name": "itops"}
# A controller that vanished must not keep its locks for the two hours of the system's default; and a commit is on the disk.
SESSION = """
SELECT set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false), set_config('tcp_keepalives_count', '3', false),
       CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END, current_setting('server_encoding')
"""
HELD = """
SELECT classid::bigint, objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
PREPARE = "itops record prepare"


class StoreError(LedgerError):
    """The store cannot be reached, or refuses. No record, no maintenance."""


@cache
def at(url: str) -> Database:
    """The one of this process: its workers inherit it, and with it which run holds the locks."""
    return Database(url)


def key(name: str) -> int:
    """The number of an advisory lock."""
    return int.from_bytes(hashlib.sha256(f"itops\n{name}".encode()).digest()[:8], "big", signed=True)


class Database:
    """Connects when first used; a process that was forked connects anew."""

    def __init__(self, url: str):
        self.name = address.shown(url)
        self.url = url
        self._inherited: list[Any] = []  # connections of the process this one was forked from: neither used nor closed
        self._connection: Connection[Any] | None = None
        self._mutex = threading.RLock()
        self._holder: tuple[int, int, Any] | None = None  # process here, process and start of the session there, which hold the locks
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._inherited.append(self._connection)
        self._connection, self._mutex = None, threading.RLock()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a single statement gives. Raises StoreError."""
        with self._said() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def adding(self, name: str) -> Iterator[Connection[Any]]:
        """A transaction that alone may add to `name`, on the server's disk when it ends, else nothing of it. Raises StoreError."""
        with self._said() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (key(name),))
            self._must_still_hold(connection)
            yield connection

    def take(self, name: str, note: str) -> str | None:
        """Take a lock for as long as this process is connected; None where that succeeds, else what its holder says. Raises StoreError."""
        with self._said() as connection:
            taken = connection.execute("SELECT pg_try_advisory_lock(%s)", (key(name),)).fetchone()
            if not taken or not taken[0]:
                return next((said for (said,) in self.rows("SELECT note FROM itops.lock WHERE name = %s", name)), "")
            connection.execute("INSERT INTO itops.lock VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET note = excluded.note", (name, note))
            ((pid, began),) = self.rows("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
            self._holder = (os.getpid(), pid, began)
            return None

    def held(self, prefix: str) -> list[str]:
        """Locks whose name begins so, which some live process has now. Raises StoreError."""
        names = [name for (name,) in self.rows("SELECT name FROM itops.lock WHERE starts_with(name, %s) ORDER BY name", prefix)]
        found = set(self.rows(HELD))
        return [name for name in names if (key(name) >> 32 & 0xFFFFFFFF, key(name) & 0xFFFFFFFF) in found]

    def owner(self) -> tuple[str, bool]:
        """As whom we are connected, and whether that role may do more to the ledger's lines than add some. Raises StoreError."""
        ((role, more),) = self.rows("SELECT current_user, has_table_privilege('itops.line', 'UPDATE, DELETE, TRUNCATE, TRIGGER')")
        return role, more

    def prepare(self, writers: Sequence[str], readers: Sequence[str]) -> None:
        """Make the tables where they are missing, and let these roles use them. Raises StoreError."""
        with self._said() as connection, connection.transaction():
            from psycopg import sql

            connection.execute(schema.TABLES)
            for rights, what, role in schema.grants(writers, readers):
                connection.execute(sql.SQL(f"GRANT {rights} ON {what} TO {{}}").format(sql.Identifier(role)))

    @contextmanager
    def _said(self) -> Iterator[Connection[Any]]:
        """The connection; whatever goes wrong with it is one error that says where and what to do."""
        psycopg = _library()
        try:
            with self._mutex:
                yield self._connected(psycopg)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            raise StoreError(f"{self.name}: {_first_line(error)} → {PREPARE}") from None
        except psycopg.Error as error:
            raise StoreError(f"{self.name}: {_first_line(error)}") from None

    def _connected(self, psycopg: Any) -> Connection[Any]:
        if self._connection is not None and _alive(self._connection):
            return self._connection
        if self._holder and self._holder[0] == os.getpid():
            raise StoreError(f"{self.name}: the connection that held the locks of this run is gone")
        given = {**DEFAULTS, **psycopg.conninfo.conninfo_to_dict(self.url), "client_encoding": "UTF8"}
        connection: Connection[Any] = psycopg.connect(**given, autocommit=True)
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        told = connection.execute(SESSION).fetchone()
        if not told or told[-1] != "UTF8":
            connection.close()
            raise StoreError(f"{self.name}: the encoding of the database is not UTF8 → createdb --encoding UTF8 --template template0")
        self._connection = connection
        return connection

    def _must_still_hold(self, connection: Connection[Any]) -> None:
        """A worker writes nothing more once the server has let go of its run's locks: another run may have them by now."""
        if self._holder and self._holder[0] != os.getpid():
            query = "SELECT FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
            if connection.execute(query, self._holder[1:]).fetchone() is None:
                raise StoreError(f"{self.name}: the server has let go of the locks of this run")


def _alive(connection: Connection[Any]) -> bool:
    """Whether a connection on which nothing is under way is still there: a server that has gone leaves something to read."""
    with suppress(connection.OperationalError):
        while not connection.closed and select.select([connection], [], [], 0)[0]:
            connection.pgconn.consume_input()
        return not connection.closed
    return False


def _library() -> Any:
    """psycopg, which only those need who keep records in PostgreSQL. Raises StoreError."""
    try:
        import psycopg
    except ImportError as error:
        raise StoreError(f"records in PostgreSQL need psycopg ({error}) → pip install 'itops[postgres]', or pip install 'psycopg[binary]>=3.2,<4'") from None
    return psycopg


def _first_line(error: Exception) -> str:
    """The server's words without their context."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
