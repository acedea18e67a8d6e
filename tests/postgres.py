# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL server of its own for each test process: Debian's package, a folder that goes again, a socket nobody else knows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import database
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry

BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
OWNER, WRITER, READER = "itops_owner", "itops_writer", "itops_reader"
LIMIT = 60  # seconds a server may take to start


class Server:
    """One server. It runs as `nobody` where the tests run as root: PostgreSQL refuses to be root."""

    def __init__(self) -> None:
        if not BIN:
            pytest.skip("not on this machine: postgresql")  # .ci/run installs it
        self.home = Path(tempfile.mkdtemp(prefix="itops-pg-"))
        self._as: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self.home, "nobody", "nogroup")
        self._call("initdb", "-D", "data", "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.process: subprocess.Popen[bytes] | None = None
        self.number = 0
        self.start()
        for role in (WRITER, READER):
            self.sql("postgres", f"CREATE ROLE {role} LOGIN")

    def _call(self, program: str, *words: str) -> None:
        subprocess.run([BIN[0] / program, *words], cwd=self.home, check=True, capture_output=True, **self._as)

    def start(self) -> None:
        """Until it answers."""
        with (self.home / "log").open("ab") as log:
            quick = ("listen_addresses=", "shared_buffers=16MB", "fsync=off")  # processes are killed here, no machine loses its power
            command = [BIN[0] / "postgres", "-D", "data", "-k", str(self.home), *(word for setting in quick for word in ("-c", setting))]
            self.process = subprocess.Popen(command, cwd=self.home, stdout=log, stderr=log, start_new_session=True, **self._as)
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                return self.sql("postgres", "SELECT")
            except psycopg.OperationalError:
                assert time.monotonic() < deadline and self.process.poll() is None, (self.home / "log").read_text()
                time.sleep(0.05)

    def kill(self) -> None:
        """As a machine dies: nothing is written any more, nobody is told."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        for child in map(int, children):
            os.kill(child, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # what is thrown away need not be tidied up
            self.process.wait(LIMIT)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.home)

    def url(self, name: str, role: str = WRITER) -> str:
        return f"postgresql://{role}@/{name}?host={self.home}"

    def sql(self, name: str, *statements: str, role: str = OWNER) -> None:
        with psycopg.connect(self.url(name, role), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type] # a test's own text

    def new(self) -> str:
        """A database that is ready; its name."""
        self.number += 1
        name = f"records{self.number}"
        self.sql("postgres", f"CREATE DATABASE {name}")
        database.Database(self.url(name, OWNER)).prepare([WRITER], [READER])
        return name


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Shared by the tests of one process; none may stop it."""
    made = Server()
    yield made
    made.remove()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """One that a test may kill."""
    made = Server()
    yield made
    made.remove()


@pytest.fixture
def kept(server: Server) -> Entry:
    """The root of an empty store, as a controller is connected to it."""
    return Entry(database.at(server.url(server.new())))
