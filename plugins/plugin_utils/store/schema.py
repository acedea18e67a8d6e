# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the store in PostgreSQL (14 or newer), and who may do what with them.

Lines are the ledger: only ever added, each continuing the one before, which the database itself asks of whoever adds one. It is
the owner of the tables who could take that off, so controllers write as another role. The hash chain shows what nobody could prevent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

TABLES = """
CREATE SCHEMA IF NOT EXISTS itops;

-- every line of every append-only file: <year>/<change>/events.jsonl, register.jsonl, exports/events.jsonl
CREATE TABLE IF NOT EXISTS itops.line (
  file text, number bigint CHECK (number > 0), prev text NOT NULL, hash text NOT NULL, line text NOT NULL,
  PRIMARY KEY (file, number), UNIQUE (file, prev)
);

-- which runs are open is asked often, and of all changes at once
CREATE INDEX IF NOT EXISTS of_runs ON itops.line (file, number) WHERE strpos(line, '"kind":"run_') > 0;

-- where each of them ends; kept by a trigger, so that nobody who may only add lines can make it forget one
CREATE TABLE IF NOT EXISTS itops.tail (file text PRIMARY KEY, number bigint NOT NULL, hash text NOT NULL);

-- files that are replaced whole: reports, checkpoints; and evidence, which is not replaced
CREATE TABLE IF NOT EXISTS itops.document (file text PRIMARY KEY, content bytea NOT NULL, changed timestamptz NOT NULL DEFAULT now());

-- what the holder of an advisory lock says of itself
CREATE TABLE IF NOT EXISTS itops.lock (name text PRIMARY KEY, note text NOT NULL);

CREATE OR REPLACE FUNCTION itops.continues() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  known itops.tail;
BEGIN
  SELECT * INTO known FROM itops.tail WHERE file = NEW.file FOR UPDATE;
  IF NOT FOUND AND NEW.number = 1 THEN
    INSERT INTO itops.tail VALUES (NEW.file, NEW.number, NEW.hash);
  ELSIF NEW.number = known.number + 1 AND NEW.prev = known.hash THEN
    UPDATE itops.tail SET number = NEW.number, hash = NEW.hash WHERE file = NEW.file;
  ELSE
    RAISE EXCEPTION 'line % of % does not continue the one before it', NEW.number, NEW.file;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER continues BEFORE INSERT ON itops.line FOR EACH ROW EXECUTE FUNCTION itops.continues();

CREATE OR REPLACE FUNCTION itops.stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'itops.% is only ever added to', TG_TABLE_NAME;
END $$;
CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OR DELETE OR TRUNCATE ON itops.line FOR EACH STATEMENT EXECUTE FUNCTION itops.stays();
CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OR DELETE ON itops.document FOR EACH ROW
  WHEN (OLD.file LIKE '%/evidence/%') EXECUTE FUNCTION itops.stays();
"""
WRITER = {"line": "SELECT, INSERT", "tail": "SELECT", "document": "SELECT, INSERT, UPDATE", "lock": "SELECT, INSERT, UPDATE"}
READER = dict.fromkeys(WRITER, "SELECT")


def grants(writers: Sequence[str], readers: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Privileges, table or schema, role: controllers add and read, auditors read."""
    for roles, rights in ((writers, WRITER), (readers, READER)):
        for role in roles:
            yield "USAGE", "SCHEMA itops", role
            yield from ((what, f"TABLE itops.{table}", role) for table, what in rights.items())
