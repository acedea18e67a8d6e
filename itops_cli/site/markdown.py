# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markdown of a document as HTML: raw HTML stays text, links lead to where they may, pictures are files of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.itops.maintenance.plugins.plugin_utils import report

from itops_cli.extras import need

SCHEMES = ("http", "https", "mailto")
ALIGNED = {"text-align:left": "left", "text-align:right": "right", "text-align:center": "center"}
TOP = 6  # there is no lower heading
WITHOUT_SCHEME = re.compile(r"[^:/?#]*(?:[/?#].*)?", re.DOTALL)


@dataclass(frozen=True)
class Places:
    """Where a document's links and pictures lead: the address in the site, None where there is none."""

    link: Callable[[str], str | None]
    picture: Callable[[str], str | None]


def html(text: str, places: Places) -> str:
    """The body as HTML, its headings one level lower: the page has its own first one. Needs the extra `site`."""
    tokens = _parser().parse(report.visible(text))
    for token in tokens:
        _block(token)
        _inline(token.children or [], places)
    rendered: str = _parser().renderer.render(tokens, _parser().options, {})
    return rendered


def _parser() -> Any:
    made = need("markdown_it", "site").MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return made.use(need("mdit_py_plugins.footnote", "site").footnote_plugin)


def _block(token: Any) -> None:
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(TOP, int(token.tag[1:]) + 1)}"
    elif token.type in ("th_open", "td_open"):
        way = ALIGNED.get(str(token.attrs.pop("style", "")))  # a style of its own would need a looser policy
        if way:
            token.attrs["class"] = way
        if token.type == "th_open":
            token.attrs["scope"] = "col"


def _inline(tokens: Sequence[Any], places: Places) -> None:
    dead: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            target = address(str(token.attrs.get("href", "")), places.link)
            dead.append(target is None)
            if target is not None:
                token.attrs = {"href": target, **({"rel": "noreferrer noopener"} if urlsplit(target).scheme else {})}
            else:
                token.tag, token.attrs = "span", {}
        elif token.type == "link_close" and dead.pop():
            token.tag = "span"
        elif token.type == "image":
            _picture(token, places)


def _picture(token: Any, places: Places) -> None:
    source = places.picture(unquote(str(token.attrs.get("src", ""))))
    if source is None:  # nothing is fetched from elsewhere: its words stay
        token.type, token.content, token.children = "text", f"[{token.content}]", None
    else:
        token.attrs = {"src": source, "alt": "", "loading": "lazy"}


def address(href: str, link: Callable[[str], str | None]) -> str | None:
    """Where a link may lead: into the web, within the page, to a page of the site; None for anywhere else."""
    try:
        scheme = urlsplit(href).scheme.lower()
    except ValueError:
        return None
    if scheme:
        return href if scheme in SCHEMES else None
    if href.startswith("#"):
        return href
    return link(unquote(href)) if WITHOUT_SCHEME.fullmatch(href) and not href.startswith("//") else None
