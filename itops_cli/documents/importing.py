# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs import`: foreign documents into Markdown, each with its origin, what got lost, and the mark 待复核."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import schema, workspace

from itops_cli.errors import Exit
from itops_cli.output import bar, emit, format_option

CHOICES = {name: option.get("choices") for name, option in schema.options("document").items()}


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--owner", metavar="PERSON", help="Person who answers for the documents; needed where neither the register nor an earlier import says it.")
@click.option("--side", type=click.Choice(CHOICES["side"]), help="管理端 or 用户端 (default: ops).")
@click.option("--kind", type=click.Choice(CHOICES["kind"]), help="What they are (default: other).")
@click.option("--section", help="Row of the layout table 文档结构.")
@click.option("--id", "name", help="Id of the document; for one FILE.")
@click.option("--title", help="Its title, instead of the document's own; for one FILE.")
@click.option("--lang", type=click.Choice(CHOICES["lang"]), help="Language of the documents and of what is said about losses (default: zh_CN).")
@click.option("--encoding", default="", help="Of text, CSV and HTML that is neither UTF-8, UTF-16 nor GB18030.")
@click.option("--force", is_flag=True, help="Also replace what has been reviewed or edited, and convert again what is unchanged.")
@format_option
def command(files: tuple[Path, ...], encoding: str, force: bool, fmt: str, name: str | None, **said: Any) -> None:
    """Bring docx, xlsx, pptx, html, odt, csv, txt, md and pdf into the documents as Markdown; with LibreOffice also doc, xls, ppt, wps and
    the like.

    Images are put beside; what could not be carried over is listed, and kept beside the document. All files or none: a bad one is named with its
    fault, and nothing is written. The same file again changes nothing.

    Example: itops docs import 服务器清单.xlsx 门户手册.docx --owner zhang
    """
    from itops_cli.documents import migrating

    if len(files) > 1 and (name or said["title"]):
        raise Exit(2, "--id and --title are for one FILE")
    wish = migrating.Wish({key: text for key, text in {**said, "id": name}.items() if text}, encoding, force)
    ws = workspace.find()
    jobs = migrating.plan(ws, files, wish)
    with bar(jobs, "importing", item_show_func=_shown) as shown:
        done = migrating.carry_out(ws, shown, wish)
    emit([one.as_dict() for one in done], fmt, lambda: _text(done))


def _shown(job: Any) -> str:
    return job.source.name if job else ""


def _text(done: Sequence[Any]) -> str:
    lines = [line for one in done for line in [f"{one.path}  {one.state}  {one.title}", *(f"  {loss}" for loss in one.report)]]
    fresh = [one for one in done if one.state != "unchanged"]
    return "\n".join([*lines, *(["next: compare with the originals, then review: reviewed, reviewer and reviewed_on in their front matter"] if fresh else [])])
