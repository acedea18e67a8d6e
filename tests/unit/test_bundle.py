# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles and the guard of everything that goes outside: one side only, nothing of the inside, all or nothing."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import markdown_table
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import bundle_index, document
from click.testing import CliRunner, Result
from hypothesis import given
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from itops_cli.documents import outline
from itops_cli.main import cli
from itops_cli.typeset import watermark
from tests.unit import make
from tests.unit.test_markdown_table import ANYTHING, read

NOTO = Path("/usr/share/fonts/opentype/noto")
META = {"side": "user", "owner": "zhang", "classification": "external", "version": "1.0"}
INSIDE: dict[str, Any] = {
    "endpoints": [{"ip": "192.0.2.10", "port": 8443, "url": "https://192.0.2.10:8443/admin"}, {"url": "https://www.example.com/", "public": True}],
    "credentials": {"custody": "software", "ref": "keepass:ops/web", "account": "svc_web"},
    "hosts": [{"name": "webdb1", "role": "primary"}, {"name": "webdb2", "role": "standby"}],
    "data_dirs": ["/srv/web/data"],
}  # fmt: skip

pytestmark = pytest.mark.skipif(not NOTO.is_dir(), reason="needs a Chinese font: Debian's package fonts-noto-cjk")


def itops(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["docs", *words], standalone_mode=False, env={"ITOPS_WORKSPACE": str(root)})


def bundle(root: Path, *words: str, side: str = "user") -> Result:
    return itops(root, "bundle", "--side", side, "--to", "某某公司", "--output", str(root), *words)


def page(root: Path, name: str, body: str = "# 题\n\n打开 https://www.example.com/ 登录。\n", **meta: Any) -> Path:
    path = root / "documents" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document.text({"id": name, "title": f"文档 {name}", **META, **meta}, body), "utf-8")
    return path


def events(root: Path) -> list[dict[str, Any]]:
    stream = root / "records/exports/events.jsonl"
    return [json.loads(line) for line in stream.read_text("utf-8").splitlines()] if stream.exists() else []


def text_of(file: Path) -> str:
    with pypdfium2.PdfDocument(file) as pages:
        return "\n".join(one.get_textpage().get_text_range() for one in pages)


def refused(root: Path, done: Result, *words: str) -> None:
    """Named, and nothing written anywhere."""
    said = str(done.exception)
    assert done.exit_code != 0 and all(word in said for word in words), (words, said)
    assert not list(root.rglob("*.pdf")) and not list(root.glob("*.zip")) and not list(root.glob("user-*")) and not list(root.glob(".itops-bundle*"))
    assert events(root) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path / "w", **INSIDE)


@pytest.fixture
def full(root: Path) -> Path:
    """Two documents for users, one of them in two languages; one of the department, a retired one, one that is not Markdown yet."""
    page(root, "manual", kind="manual")
    page(root, "manual.en", id="manual", kind="manual", lang="en", title="Manual", body="# Manual\n\nOpen it.\n")
    page(root, "notice")
    page(root, "faults", "# 题\n\n192.0.2.10 svc_web\n", side="ops", classification="internal", kind="faults")
    page(root, "old", migration="retired")
    listed = {"id": "later", "title": "后", "side": "user", "owner": "li", "migration": "pending", "source": {"format": "pdf", "path": "/x.pdf"}}
    make.dump(root / "documents/register.yml", {"documents": [listed]})
    return root


def test_all_of_one_side_with_an_index(full: Path) -> None:
    done = bundle(full, "--format", "json")
    assert done.exit_code == 0, done.exception
    told = json.loads(done.stdout)
    folder = Path(told["path"])
    assert [line["document"] for line in told["files"]] == ["manual", "manual", "notice", "index-user"] and "later" in done.stderr
    assert {file.name for file in folder.iterdir()} == {line["file"] for line in told["files"]} and not list(full.glob(".itops-bundle*"))
    for line in told["files"]:
        with pikepdf.open(folder / line["file"]) as pdf:
            assert watermark.missing(pdf) == []
        assert json.loads(itops(full, "check", str(folder / line["file"]), "--format", "json").output)["state"] == "unaltered"
    index = text_of(folder / told["files"][-1]["file"])
    assert all(line["file"] in "".join(index.split()) for line in told["files"][:-1]) and "用户端文档目录" in index and "某某公司" in index
    exported = [event["data"] for event in events(full) if event["kind"] == "exported"]
    assert {line["bundle"] for line in exported} == {folder.name} and {line["recipient"] for line in exported} == {"某某公司"} and len(exported) == 4


@given(ANYTHING)
def test_any_title_and_recipient_in_the_index_are_text(text: str) -> None:
    listed = document.Document(Path("x.md"), {"id": "x", "title": text, "version": text, "classification": "external"}, "", 1)
    _meta, body = bundle_index.page("user", "zh_CN", [listed], [{"number": 1, "file": text}], text)
    seen, said = outline.of(body), markdown_table.plain(text)
    assert len(seen.headings) == 1 and not any(link.image for link in seen.links)
    assert read("|" + body.partition("\n\n|")[2])[1:] == [["1", "x", said, said, "1", said]]


def test_one_language_and_one_file(full: Path) -> None:
    done = bundle(full, "--lang", "en", "--zip")
    assert done.exit_code == 0, done.exception
    (packed,) = full.glob("user-*.zip")
    with zipfile.ZipFile(packed) as archive:
        names = [Path(name).name for name in archive.namelist()]
        index = next(name for name in archive.namelist() if "index-user" in name)
        (full / "index.pdf").write_bytes(archive.read(index))
    assert sorted(name.split("_")[0] for name in names) == ["index-user", "manual", "notice"]
    assert "Documents for users" in text_of(full / "index.pdf")


def test_the_department_gets_its_own(full: Path) -> None:
    refused(full, bundle(full, side="ops"), "faults: internal", "--internal")
    done = bundle(full, "--internal", "--format", "json", side="ops")
    assert [line["document"] for line in json.loads(done.stdout)["files"]] == ["faults", "index-ops"]
    assert {line["data"]["classification"] for line in events(full)} == {"internal"}


PLANTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "address": ("# 题\n\n行\n\n服务器 192.0.2.10 上\n", ("manual.md:14", "address of service web (endpoints[0].ip)")),
    "port": ("# 题\n\n| 项 | 值 |\n| --- | --- |\n| 端口 | 8443 |\n", ("manual.md:14", "port of service web (endpoints[0].port)")),
    "port below its head": ("# 题\n\n| 名称 | 端口 |\n| --- | --- |\n| 网站 | 8443 |\n", ("manual.md:12", "port of service web (endpoints[0].port)")),
    "url": ("# 题\n\n见 192.0.2.10:8443/admin\n", ("manual.md:12", "internal URL of service web (endpoints[0].url)")),
    "host": ("# 题\n\n- 一\n  - 连 WEBDB1\n", ("manual.md:13", "host name of service web (hosts[0].name)")),
    "account": ("# 题\n\n> 用 svc_web 登录\n", ("manual.md:12", "account of service web (credentials.account)")),
    "credential ref": ("# 题\n\n```text\nkeepass:ops/web\n```\n", ("manual.md:13", "credential ref of service web (credentials.ref)")),
    "data path": ("# 题\n\n`/srv/web/data/x`\n", ("manual.md:12", "data path of service web (data_dirs[0])")),
    "in a link": ("# 题\n\n[后台](https://192.0.2.10:8443/admin)\n", ("manual.md:12", "link: ", "internal URL")),
    "in a title": ("# 题 webdb2\n", ("manual.md:10", "hosts[1].name")),
    "in parts": ("# 题\n\n192.**0**.2.*10*\n", ("manual.md:12", "endpoints[0].ip")),
    "over a line": ("# 题\n\n地址 192.0.\n2.10\n", ("manual.md:12", "endpoints[0].ip")),
    "over cells": ("# 题\n\n| 192.0. | 2.10 |\n| --- | --- |\n| 甲 | 乙 |\n", ("manual.md:12", "endpoints[0].ip")),
    "as entities": ("# 题\n\n&#49;92.0.2.1&#x30;\n", ("manual.md:12", "endpoints[0].ip")),
    "unseen signs": ("# 题\n\nsvc\u200b_w\u2060eb\n", ("manual.md:12", "credentials.account")),
    "in a footnote": ("# 题\n\n见注[^1]\n\n[^1]: 主机 webdb1\n", ("manual.md:14", "hosts[0].name")),
    "in an alternative text": ('# 题\n\n![svc_web 登录](shot.png "图")\n', ("manual.md:12", "alternative text", "credentials.account")),
    "in a caption": ('# 题\n\n![图](shot.png "webdb1 界面")\n', ("manual.md:12", "caption", "hosts[0].name")),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_named_with_document_line_and_field(root: Path, what: str) -> None:
    body, words = PLANTED[what]
    page(root, "notice")
    page(root, "manual", body)
    Image.new("RGB", (9, 9)).save(root / "documents/shot.png")
    refused(root, bundle(root), *words)
    if what in ("address", "in a link"):
        refused(root, itops(root, "pdf", "manual", "notice", "--to", "某某公司", "--output", str(root)), *words)


@pytest.mark.parametrize(
    "meta", [{"title": "手册 webdb1"}, {"audience": "svc_web"}, {"versions": [{"version": "1", "date": "2026-01-01", "remark": "改 /srv/web/data"}]}]
)
def test_planted_in_the_front_matter(root: Path, meta: dict[str, Any]) -> None:
    page(root, "manual", **meta)
    refused(root, bundle(root), "manual.md:", "front matter", "of service web (")


def png(file: Path) -> None:
    note = PngInfo()
    note.add_text("Comment", "taken on webdb1")
    Image.new("RGB", (9, 9)).save(file.with_suffix(".png"), pnginfo=note)


def jpeg(file: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "svc_web"
    Image.new("RGB", (9, 9)).save(file.with_suffix(".jpg"), exif=exif)


def svg(inner: str, before: str = "") -> Callable[[Path], None]:
    def draw(file: Path) -> None:
        file.with_suffix(".svg").write_text(f'{before}<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20">{inner}</svg>', "utf-8")

    return draw


def segment(marker: int, said: bytes) -> Callable[[Path], None]:
    """A JPEG with one more segment, as editors put captions into it: the PDF takes them all along."""

    def draw(file: Path) -> None:
        Image.new("RGB", (9, 9)).save(file.with_suffix(".jpg"))
        whole = file.with_suffix(".jpg").read_bytes()
        file.with_suffix(".jpg").write_bytes(whole[:2] + bytes([0xFF, marker]) + (len(said) + 2).to_bytes(2, "big") + said + whole[2:])

    return draw


def behind(file: Path) -> None:
    Image.new("RGB", (9, 9)).save(file.with_suffix(".jpg"))
    file.with_suffix(".jpg").write_bytes(file.with_suffix(".jpg").read_bytes() + b"taken by svc_web")


PICTURES: dict[str, Callable[[Path], None]] = {
    "png": png, "jpeg": jpeg, "behind a jpeg": behind,
    "caption of an editor": segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x0c\x1c\x02\x78\x00\x07svc_web\x00"),
    "more of XMP": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40 + b"<x>svc_web</x>"),
    "of a camera": segment(0xE4, b"svc_web"),
    "svg": svg('<text x="1" y="9">192.<tspan>0</tspan>.2.10</text>'),
    "svg, a title": svg("<title>webdb1</title>"),
    "svg, an attribute": svg('<rect width="9" height="9" id="webdb1"/>'),
    "svg, as it is": svg('<text x="1" y="9"><![CDATA[webdb1]]></text>'),
    "svg, an entity": svg('<text x="1" y="9">&a;</text>', '<!DOCTYPE svg [<!ENTITY a "webdb1">]>'),
}  # fmt: skip


@pytest.mark.parametrize("how", PICTURES)
def test_planted_in_a_picture(root: Path, how: str) -> None:
    (root / "documents").mkdir()
    PICTURES[how](root / "documents/shot")
    (made,) = root.glob("documents/shot.*")
    page(root, "manual", f"# 题\n\n![图]({made.name})\n")
    refused(root, bundle(root), "manual.md:", f"inside {made.name}", "of service web (")


def test_a_drawing_nobody_can_look_through_stays_inside(root: Path) -> None:
    page(root, "manual", "# 题\n\n![图](shot.svg)\n")
    svg('<text x="1" y="9">webdb1</text>')(root / "documents/shot")
    file = root / "documents/shot.svg"
    file.write_bytes(gzip.compress(file.read_bytes()))
    refused(root, bundle(root), "shot.svg: error: cannot be looked through", "not compressed")


@pytest.mark.parametrize(
    ("meta", "words"),
    [({"side": "ops"}, "never goes outside"), ({"kind": "faults"}, "for the department only"), ({"kind": "service_management"}, "for the department only")],
)
def test_an_ops_document_never_goes_outside(root: Path, meta: dict[str, Any], words: str) -> None:
    page(root, "notice")
    path = page(root, "manual", **meta)
    refused(root, bundle(root), "manual.md", words)
    refused(root, itops(root, "pdf", str(path), "--to", "某某公司", "--output", str(root), "--internal"), "manual.md", words)


def test_internal_documents_for_users_are_looked_through_as_well(root: Path) -> None:
    page(root, "manual", "# 题\n\nwebdb1\n", classification="internal")
    refused(root, bundle(root), "manual: internal")
    refused(root, bundle(root, "--internal"), "hosts[0].name")


def test_lint_says_so_beforehand(root: Path) -> None:
    page(root, "manual", "# 题\n\nwebdb1\n")
    done = CliRunner().invoke(cli, ["lint"], standalone_mode=False, env={"ITOPS_WORKSPACE": str(root)})
    assert "manual.md:12: warning: host name of service web (hosts[0].name)" in done.output


def test_all_that_is_wrong_at_once(root: Path) -> None:
    page(root, "one", "# 题\n\nwebdb1\n\n![无](none.png)\n")
    page(root, "two", "# 题\n\nsvc_web\n\n/srv/web/data\n")
    refused(root, bundle(root), "one.md", "none.png", "two.md:12", "two.md:14")


def test_a_record_with_errors_hides_nothing(root: Path) -> None:
    """What it keeps inside would not be known."""
    page(root, "manual")
    make.dump(root / "inventory/services/wiki.yml", {"id": "wiki", "hosts": [{"name": "secret-host"}]})
    refused(root, bundle(root), "wiki.yml", "owner: missing")
    refused(root, itops(root, "pdf", "manual", "--to", "某某公司", "--output", str(root)), "wiki.yml", "owner: missing")


def test_a_disk_that_is_full_in_the_middle(full: Path) -> None:
    """What can be set cannot always be written: then no part of the bundle stays."""
    command = f"ulimit -f 20; exec {Path(sys.executable).parent / 'itops'} docs bundle --side user --to 某某公司"
    done = subprocess.run(["bash", "-c", command], cwd=full, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "File too large" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not list(full.rglob("*.pdf")) and not list(full.glob("user-*")) and not list(full.glob(".itops-bundle*"))
    assert events(full), "what was begun is known"


@pytest.mark.parametrize("said", ["app02", "198.51.100.9", "collected-1", "dbs-1"])
def test_hosts_that_only_the_inventory_knows(root: Path, said: str) -> None:
    hosts = {"app[01:03]": None, "dbs-1": {"ansible_host": "198.51.100.9"}}
    make.dump(root / "inventory/hosts.yml", {"all": {"children": {"apps": {"hosts": hosts}}}})
    (root / "facts").mkdir()
    (root / "facts/collected-1.json").write_text("{}", "utf-8")
    page(root, "manual", f"# 题\n\n连接 {said}\n")
    refused(root, bundle(root), "manual.md:12", "facts/collected-1.json" if said == "collected-1" else "of the inventory (hosts.yml: all.children.apps.hosts")


def test_no_ledger_no_bundle(full: Path) -> None:
    (full / "records").write_text("not a folder", "utf-8")
    done = bundle(full)
    assert done.exit_code != 0 and not list(full.rglob("*.pdf")) and not list(full.glob("user-*")) and not list(full.glob(".itops-bundle*"))


def test_a_pdf_of_somebody_else_is_looked_through(root: Path) -> None:
    page(root, "manual", "# 题\n\n连接 webdb1\n", side="ops", classification="internal")
    made = itops(root, "pdf", "manual", "--to", "内部", "--internal", "--output", str(root), "--format", "json")
    assert made.exit_code == 0, made.exception
    before, name = len(events(root)), json.loads(made.stdout)[0]["path"]
    done = itops(root, "stamp", name, "--to", "某某公司", "--id", "vendor", "--output", str(root))
    assert done.exit_code != 0 and "page 3" in str(done.exception) and "hosts[0].name" in str(done.exception) and len(events(root)) == before
    kept = itops(root, "stamp", name, "--to", "内部", "--id", "vendor", "--output", str(root), "--internal")
    assert kept.exit_code == 0 and events(root)[-1]["data"]["classification"] == "internal"


def xmp(pdf: pikepdf.Pdf) -> None:
    with pdf.open_metadata() as said:
        said["dc:description"] = "svc_web"


BESIDE: dict[str, Callable[[pikepdf.Pdf], None]] = {
    "a property": lambda pdf: pdf.docinfo.__setitem__("/Subject", "svc_web"),
    "XMP": xmp,
    "a link": lambda pdf: pdf.pages[0].obj.__setattr__("Annots", [pikepdf.Dictionary(Subtype=pikepdf.Name.Link, A=pikepdf.Dictionary(URI="//svc_web@x/"))]),
    "an attachment": lambda pdf: pdf.attachments.__setitem__("svc_web.txt", b"..."),
}


@pytest.mark.parametrize("where", BESIDE)
def test_a_pdf_of_somebody_else_is_looked_through_beside_its_pages(root: Path, where: str) -> None:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        BESIDE[where](pdf)
        pdf.save(root / "vendor.file")
    done = itops(root, "stamp", str(root / "vendor.file"), "--to", "某某公司", "--id", "v", "--output", str(root))
    refused(root, done, "beside its pages", "credentials.account")


def test_nothing_to_hand_out(root: Path) -> None:
    refused(root, bundle(root), "no Markdown document on the side user")


@pytest.mark.parametrize("recipient", ["", " ", "甲\n乙", "\u202e供应商"])
def test_every_way_out_asks_for_a_recipient_that_can_be_told(full: Path, recipient: str) -> None:
    """A copy whose mark names nobody could not be told from any other."""
    for words in (["bundle", "--side", "user"], ["pdf", "a"], ["stamp", __file__, "--id", "x"]):
        refused(full, itops(full, *words, "--to", recipient, "--output", str(full)), "not one line of text")
