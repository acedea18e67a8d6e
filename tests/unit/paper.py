# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents, pictures and PDFs for tests, with the fonts that the tests' own environment has."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import weblate_fonts
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document

from tests.unit import make

PACKAGE = Path(weblate_fonts.__file__).parent / "static/weblate_fonts/kurinto/ttf"
DIGEST = "3ff585e49a07d195ecb64948754928b10557e64ef37fc401d2556c6a519c6d17"
META = {
    "id": "svc-web-manual", "title": "使用手册_门户网站", "kind": "manual", "side": "user", "owner": "zhang", "version": "1.2", "classification": "external",
    "versions": [{"version": "1.2", "date": "2026-11-20", "author": "李四", "remark": "补充异常维护"}],
}  # fmt: skip
BODY = f"""# 使用手册

正文 **加粗** 与 `code`，见 [网站](https://example.com/help)。罕见字：𠮷 㛃 𬭚。

## 清单

| 文件名 | 摘要 |
| --- | --- |
| a\\|b.tar.gz | {DIGEST} |

- [ ] 待办
- 嵌套
  1. 第一
  2. 第二

```
[root@web]# ls   -la
```

脚注[^1]。

![登录页面](shot.png)

[^1]: 脚注内容
"""


def png(width: int = 40, height: int = 20) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([30, 90, 160]) * width for _ in range(height))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def workspace(root: Path) -> Path:
    """With one document and its picture."""
    place = make.workspace(root)
    write(place)
    (place / "documents/user/shot.png").write_bytes(png())
    return place


def write(root: Path, body: str = BODY, **meta: Any) -> Path:
    path = root / "documents/user/manual.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document.text({**META, **meta}, body), "utf-8")
    return path


def itops(root: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "itops"), "docs", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, **env})


def exported(root: Path, *words: str, of: str = "svc-web-manual", **env: str) -> Path:
    done = itops(root, "pdf", of, "--to", "某某供应商", "--format", "json", *words, **env)
    assert done.returncode == 0, done.stderr
    return root / str(json.loads(done.stdout)[0]["path"])


def pages(file: Path) -> list[str]:
    opened = pypdfium2.PdfDocument(file)
    return [opened[n].get_textpage().get_text_range() for n in range(len(opened))]


def lines(root: Path) -> list[dict[str, Any]]:
    stream = root / "records/exports/events.jsonl"
    return [json.loads(line) for line in stream.read_text("utf-8").splitlines()] if stream.exists() else []


def fonts_of(pdf: Any) -> dict[str, bool]:
    """Name of every font that a page uses -> whether it is in the file."""
    used = [font for page in pdf.pages for font in (page.obj.Resources.get("/Font") or {}).values()]
    return {str(font.BaseFont).partition("+")[2]: _embedded(font) for font in used}


def _embedded(font: Any) -> bool:
    inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
    return any(key in inner.FontDescriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def pdf_a_faults(file: Path) -> list[str]:
    """What ISO 19005-2 (PDF/A-2b) forbids or asks for and can be told from the file's structure."""
    with pikepdf.open(file) as pdf:
        meta, root = pdf.open_metadata(), pdf.Root
        wanted = {
            "XMP says PDF/A-2b": (meta.get("pdfaid:part"), meta.get("pdfaid:conformance")) == ("2", "B"),
            "output intent with a profile": any("/DestOutputProfile" in intent for intent in root.get("/OutputIntents", [])),
            "not encrypted": not pdf.is_encrypted,
            "file identifier": "/ID" in pdf.trailer,
            "no scripts, no attached files": not {"/AA", "/OpenAction", "/JavaScript", "/EmbeddedFiles"} & {*root.keys(), *root.get("/Names", {}).keys()},
            "fonts are in the file": all(fonts_of(pdf).values()),
            "properties alike in both places": str(pdf.docinfo.get("/Title", "")) == meta.get("dc:title")
            and str(pdf.docinfo.get("/Keywords", "")) == meta.get("pdf:Keywords"),
            "syntax": not pdf.check_pdf_syntax(),
            "no forbidden filter": not any("/LZWDecode" in str(item.get("/Filter", "")) for item in pdf.objects if isinstance(item, pikepdf.Stream)),
            "links are printed": all(int(mark.get("/F", 0)) & 4 for page in pdf.pages for mark in page.obj.get("/Annots", [])),
        }
    return [name for name, kept in wanted.items() if not kept]
