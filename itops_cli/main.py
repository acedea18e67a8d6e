# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `itops` command: finds the command's own file, and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import RECORD_LOST
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from itops_cli import __version__
from itops_cli.errors import Exit, say
from itops_cli.lazy import LazyGroup

COMMANDS = {  # name -> module[:attribute]; imported only when used, so that --help and completion stay quick
    "init": "itops_cli.init",
    "lint": "itops_cli.lint",
    "status": "itops_cli.catalogue.status",
    "capacity": "itops_cli.catalogue.capacity",
    "change": "itops_cli.changes.change",
    "notice": "itops_cli.notices.notice",
    "precedents": "itops_cli.changes.precedents",
    "plan": "itops_cli.runs.plan",
    "run": "itops_cli.runs.run",
    "rollback": "itops_cli.runs.run:rollback",
    "resume": "itops_cli.runs.run:resume",
    "watch": "itops_cli.runs.watch",
    "window": "itops_cli.schedule.window",
    "schedule": "itops_cli.schedule",
    "people": "itops_cli.catalogue.people",
    "doctor": "itops_cli.checkup.doctor",
    "record": "itops_cli.records.record",
    "awx": "itops_cli.awx",
    "errors": "itops_cli.catalogue.known_errors",
    "docs": "itops_cli.documents",
    "completion": "itops_cli.completion",
    "man": "itops_cli.man",
    "metrics": "itops_cli.metrics",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="itops")
@click.option("--workspace", type=click.Path(file_okay=False, exists=True), help="Folder with itops.yml (default: the nearest one above).")
def cli(workspace: str | None) -> None:
    """IT service and maintenance management on Ansible.

    Example: itops lint && itops plan CHG-20261123-01 && itops run CHG-20261123-01
    """
    if workspace:
        os.environ["ITOPS_WORKSPACE"] = str(Path(workspace).resolve())


def main() -> None:
    """Run the command; every error becomes one message and one documented exit status."""
    try:
        result = cli.main(standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except Exit as stop:
        say(stop.message)
        sys.exit(stop.code)
    except BadInput as bad:
        say(str(bad))
        sys.exit(2)
    except LedgerError as error:
        say(f"the record cannot be read or written, nothing was changed by this command: {error} → itops doctor")
        sys.exit(RECORD_LOST)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        sys.exit(130)
    except OSError as error:
        say(f"itops: {error.strerror}: {error.filename}" if error.filename else f"itops: {error}")
        sys.exit(1)
