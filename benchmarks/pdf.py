# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PDFs: a Chinese document with one table of 1, 60 and 2,000 rows, each row with a digest, from the same Markdown.

Ours is the whole `itops docs pdf`: PDF/A-2b and tags, cover, contents, watermark, the line of the ledger, and set twice, once to prove it.
The peers make a plain PDF. WeasyPrint and pandoc need Debian's packages pandoc, texlive-xetex, texlive-lang-chinese, lmodern, libpangoft2-1.0-0
and fonts-noto-cjk. Aim: at most 0.2 × WeasyPrint in processor time.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

import click

from benchmarks import measure
from benchmarks.measure import Entrant

ROWS = (1, 60, 2000)
RUNS = 3
FONT = "Noto Sans CJK SC"
WEASYPRINT = "WeasyPrint"
NAME = "bench"
STYLE = f"""@page {{ size: A4; margin: 22mm; @bottom-right {{ content: counter(page) " / " counter(pages) }} }}
body {{ font-family: "{FONT}"; font-size: 10pt }} table {{ border-collapse: collapse }}
td, th {{ border: 0.5pt solid #aaa; font-size: 9pt; overflow-wrap: anywhere }}"""
SCRIPT = """import sys
from markdown_it import MarkdownIt
from weasyprint import CSS, HTML
html = MarkdownIt("commonmark").enable("table").render(open(sys.argv[1], encoding="utf-8").read())
HTML(string=html).write_pdf(sys.argv[2], stylesheets=[CSS(string=open(sys.argv[3], encoding="utf-8").read())])
"""
WORKSPACE = "organisation: 示例公司\ntimezone: Asia/Shanghai\n"
FRONT = f"---\nid: {NAME}\ntitle: 补丁清单\nside: user\nowner: li\nclassification: external\n---\n\n"


def run(quick: bool) -> None:
    """Three sizes, three alternating runs (quick: the two small sizes, one run)."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        missing = measure.installed(root / "venv", "weasyprint>=60") or measure.installed(root / "venv", "markdown-it-py>=3,<5")
        for rows in ROWS[:2] if quick else ROWS:
            place = root / str(rows)
            lay_out(place, rows)
            entrants = contenders(place, root / "venv/bin", missing)
            measure.alternate(entrants, 1 if quick else RUNS, place)
            measure.table(f"PDF of a table of {rows:,} rows", entrants, WEASYPRINT, ratio="cpu")
            for entrant in entrants:
                if entrant.costs:
                    measure.apart(said, entrant.name, made(place, entrant.name), rows)


def lay_out(place: Path, rows: int) -> None:
    """A workspace with the document, and its body alone for the peers."""
    body = "# 补丁清单\n\n## 文件\n\n| 序号 | 说明 | sha256 | 结论 |\n| --- | --- | --- | --- |\n" + "".join(map(row, range(1, rows + 1)))
    for folder in ("inventory/services", "documents", "out"):
        (place / folder).mkdir(parents=True)
    (place / "itops.yml").write_text(WORKSPACE, "utf-8")
    (place / "inventory/people.yml").write_text("people:\n  - {id: li, name: 李四, roles: [owner]}\n", "utf-8")
    (place / "documents/bench.md").write_text(FRONT + body, "utf-8")
    (place / "body.md").write_text(body, "utf-8")
    (place / "style.css").write_text(STYLE, "utf-8")
    (place / "weasy.py").write_text(SCRIPT, "utf-8")


def row(number: int) -> str:
    return f"| {number} | 服务器 web-{number} 更新 | {hashlib.sha256(str(number).encode()).hexdigest()} | 正常 |\n"


def contenders(place: Path, peers: Path, missing: str) -> list[Entrant]:
    """Each writes out/NAME*.pdf, which is not there before."""
    lacks = "" if shutil.which("pandoc") else "pandoc is not installed"
    pandoc = ["pandoc", "--from=gfm", "--standalone", "body.md"]
    xelatex = [*pandoc, "--pdf-engine=xelatex", "-V", f"CJKmainfont={FONT}", "-o", "out/pandoc-xelatex.pdf"]
    through = [*pandoc, f"--pdf-engine={peers / 'weasyprint'}", "--css=style.css", "--metadata", "title=补丁清单", "-o", "out/pandoc-WeasyPrint.pdf"]
    return [
        entrant(place, "itops docs pdf", measure.itops("docs", "pdf", NAME, "--to", "某某公司", "--output", "out"), ""),
        entrant(place, WEASYPRINT, [peers / "python", "weasy.py", "body.md", "out/WeasyPrint.pdf", "style.css"], missing),
        entrant(place, "pandoc, WeasyPrint", through, lacks or missing),
        entrant(place, "pandoc, xelatex", xelatex, lacks or ("" if shutil.which("xelatex") else "xelatex is not installed")),
    ]


def entrant(place: Path, name: str, command: list[str | Path], absent: str) -> Entrant:
    peer = {} if name.startswith("itops") else {"PYTHONPATH": ""}
    return Entrant(name, command, peer, before=lambda: clear(place, name), after=lambda: there(place, name), absent=absent)


def pattern(name: str) -> str:
    return f"{NAME}_*.pdf" if name.startswith("itops") else f"{name.replace(', ', '-')}.pdf"


def clear(place: Path, name: str) -> None:
    for path in (place / "out").glob(pattern(name)):
        path.unlink()


def there(place: Path, name: str) -> None:
    assert made(place, name).read_bytes()[:5] == b"%PDF-", "no PDF"


def made(place: Path, name: str) -> Path:
    found = list((place / "out").glob(pattern(name)))
    assert found, "no PDF"
    return found[0]


def said(name: str, path: Path, rows: int) -> None:
    """Size, pages, and whether the last row's digest is in the text. In a process of its own: the library takes memory."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument(path)
    text = "".join("".join(pdf[number].get_textpage().get_text_range().split()) for number in range(len(pdf)))
    whole = "" if row(rows).split("|")[3].strip() in text else "not "
    shown = "" if "服务器" in text else "not "
    click.echo(f"- {name}: {path.stat().st_size / 1000:,.0f} kB, {len(pdf)} pages; digests are {whole}whole when copied, Chinese is {shown}there")
    sys.stdout.flush()
