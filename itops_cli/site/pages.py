# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages from templates: every text escaped and made visible, no outside reference, both languages in the same places."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, status_tables
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import Chart
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace
from markupsafe import Markup

from itops_cli.site import tables

TEMPLATES = status_tables.TEMPLATES / "site"
ASSETS = ("site.css", "site.js")
SECTION = "site"
HTML_LANG = {"zh_CN": "zh-CN", "en": "en"}
UNSAFE = re.compile(r"[^A-Za-z0-9.-]|^\.|^index$")
LONGEST = 150  # characters of a file's name; of a longer one a digest tells the rest


@dataclass(frozen=True)
class Site:
    """Where pages go, and what all of them know: ids of services, names of records that have a page."""

    root: Path
    ws: Workspace
    known: Collection[str] = ()
    recorded: Collection[str] = ()

    def page(self, lang: str, path: str, template: str, **values: Any) -> bytes:
        """One page. `path` is below the language's folder; there is a page at the same path in the other language."""
        other = next(known for known in labels.LANGUAGES if known != lang)
        up = "../" * path.count("/")
        text = _environment(lang).get_template(f"{template}.html.j2").render(
            lang=lang, up=up, other=f"{up}../{other}/{path}", other_lang=HTML_LANG[other], organisation=self.ws.organisation,
            known=self.known, recorded=self.recorded, **values
        )  # fmt: skip
        return text.encode("utf-8", "replace")

    def write(self, lang: str, path: str, template: str, **values: Any) -> None:
        """Put a page into its place."""
        self.put(f"{lang}/{path}", self.page(lang, path, template, **values))

    def put(self, path: str, content: bytes) -> None:
        """One file below the site."""
        place = self.root / path
        try:
            place.write_bytes(content)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def frame(self) -> None:
        """What is there once: style, script, and the door."""
        for name in ASSETS:
            self.put(name, (TEMPLATES / name).read_bytes())
        door = _environment("zh_CN").get_template("door.html.j2").render(organisation=self.ws.organisation)
        self.put("index.html", door.encode("utf-8", "replace"))


def file_name(name: str) -> str:
    """A page's file: a name that could lead elsewhere or be no file's name is spelt out."""
    safe = UNSAFE.sub(lambda match: "".join(f"_{byte:02x}" for byte in match[0].encode("utf-8", "surrogatepass")), name)
    if len(safe) > LONGEST:
        safe = f"{safe[:LONGEST]}_{hashlib.sha256(safe.encode()).hexdigest()[:16]}"
    return safe + ".html"


def drawing(chart: Chart) -> Markup:
    """A picture as part of a page; its texts are escaped already."""
    return Markup(chart.svg())  # noqa: S704 (escaped where it is drawn)


@cache
def _environment(lang: str) -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    made = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True, finalize=tables.shown)
    made.globals |= {
        "t": _words(lang),
        "label": labels.label,
        "html_lang": HTML_LANG[lang],
        "html_langs": HTML_LANG,
        "drawing": drawing,
        "table": tables.html,
        "page_of": file_name,
    }
    return made


def _words(lang: str) -> Any:
    def t(name: str, **values: Any) -> str:
        text = labels.label(SECTION, name, lang)
        return text.format(**values) if values else text

    return t
