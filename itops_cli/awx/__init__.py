# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops awx`: this workspace as a project of AWX."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace

from itops_cli.awx.project import Wanted, lasting, playbook
from itops_cli.output import write_file


@click.group("awx")
def command() -> None:
    """What AWX needs to know of this workspace.

    Example: itops awx export --scm-url https://git.example/maintenance.git --output awx.yml
    """


@command.command("export")
@click.option("--scm-url", required=True, metavar="URL", help="Where AWX gets the project from.")
@click.option("--scm-branch", default="main", show_default=True, metavar="NAME", help="Which branch of it.")
@click.option("--scm-credential", metavar="NAME", help="A credential AWX has already, where the repository is not public.")
@click.option("--organization", default="Default", show_default=True, metavar="NAME", help="To whom all of it belongs; made where it is missing.")
@click.option("--credential", "credentials", multiple=True, metavar="NAME", help="A credential AWX has already, for the hosts; may be given again.")
@click.option("--image", metavar="IMAGE", help="The execution environment built from execution-environment.yml; else AWX's default.")
@click.option("--records", metavar="PLACE", help="Where jobs keep records: a database, or a mounted folder; by default as in itops.yml.")
@click.option("--format", "fmt", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="The same playbook, either way.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a file, replaced whole, instead of printing.")
def export(
    scm_url: str,
    scm_branch: str,
    scm_credential: str | None,
    organization: str,
    credentials: tuple[str, ...],
    image: str | None,
    records: str | None,
    fmt: str,
    output: Path | None,
) -> None:
    """AWX's configuration as code: a playbook of awx.awx modules, to be run again after each change of services or changes.

    It makes the organization, the types of credentials, the project, the inventory, a template for each playbook with its
    survey, the workflow, and schedules: of every service by its cycle, of every change by its window. It holds no secret.

    Example: itops awx export --scm-url https://git.example/maintenance.git --records postgresql://itops@db.example/itops --output awx.yml
    """
    ws = workspace.find()
    wanted = Wanted(scm_url, scm_branch, scm_credential or "", organization, credentials, image or "", lasting(ws, records))
    plays = playbook(ws, catalogue.load(ws).required(), wanted)
    text = json.dumps(plays, ensure_ascii=False, indent=2) if fmt == "json" else "---\n" + yaml.safe_dump(plays, allow_unicode=True, sort_keys=False, width=150)
    if output:
        write_file(output, text.rstrip() + "\n")
        click.echo(f"{output}: {len(plays[0]['tasks'])} objects\nnext: ansible-galaxy collection install awx.awx && ansible-playbook {output}")
    else:
        click.echo(text.rstrip())
