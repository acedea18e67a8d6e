# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PDFs that are handed out: what the ledger says of them, how they are told again, and what is refused by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from click.testing import CliRunner

from itops_cli.documents import check
from itops_cli.typeset import watermark
from tests.unit import make, paper
from tests.unit.paper import PACKAGE, exported, itops, lines, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return paper.workspace(tmp_path / "w")


def test_the_ledger_knows_every_export(root: Path) -> None:
    first, second = exported(root), exported(root)
    done = [line for line in lines(root) if line["kind"] == "exported"]
    assert len({line["data"]["number"] for line in done}) == 2 and {line["data"]["recipient"] for line in done} == {"某某供应商"}
    check = itops(root, "check", first.name, "--format", "json")
    assert check.returncode == 0 and json.loads(check.stdout)["state"] == "unaltered"
    second.write_bytes(second.read_bytes() + b"\n%")
    told = itops(root, "check", second.name)
    assert told.returncode == 4 and "not as it was handed out" in told.stdout and "某某供应商" in told.stdout
    (root / "other.pdf").write_bytes(b"%PDF-1.4 nothing")
    assert itops(root, "check", "other.pdf").returncode == 4
    stream = root / "records/exports/events.jsonl"
    stream.write_text(stream.read_text("utf-8").replace("某某供应商", "别的公司", 1), "utf-8")
    assert itops(root, "check", first.name).returncode == 4, "a ledger that does not verify proves nothing"
    more = itops(root, "pdf", "svc-web-manual", "--to", "某某供应商")
    assert more.returncode == 20 and "nothing is handed out" in more.stderr and "itops record verify" in more.stderr, more.stderr
    verified = subprocess.run([str(Path(sys.executable).parent / "itops"), "record", "verify"], cwd=root, capture_output=True, text=True, check=False)
    assert verified.returncode == 4 and "exports" in verified.stdout


def test_without_the_extra_a_known_file_is_told_and_no_other_is_called_unknown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = exported(root)
    other = file.with_name("other.pdf")
    other.write_bytes(file.read_bytes() + b"%")
    monkeypatch.chdir(root)
    monkeypatch.setitem(sys.modules, "pikepdf", None)
    assert CliRunner().invoke(check.command, [str(file)], standalone_mode=False).exception.code == 0  # type: ignore[union-attr]
    with pytest.raises(BadInput, match=r"itops\[pdf\]"):
        CliRunner().invoke(check.command, [str(other)], standalone_mode=False, catch_exceptions=False)


def without_fonts(root: Path) -> dict[str, str]:
    (root / "bare").mkdir()
    return {"ITOPS_FONTS": str(root / "bare")}


def only_regular(root: Path) -> dict[str, str]:
    (root / "half").mkdir()
    (root / "half/regular.ttf").symlink_to(PACKAGE / "KurintoSansSC-Rg.ttf")
    return {"ITOPS_FONTS": str(root / "half")}


def strange_signs(root: Path) -> dict[str, str]:
    write(root, "# 题\n\n护符 \U0001f9ff 与楔形 \U00012000\n\n| 表 |\n| --- |\n| \U0001f9ff |\n")
    return {}


def no_image(root: Path) -> dict[str, str]:
    write(root, "# 题\n\n![甲](none.png)\n\n![乙](https://example.com/x.png)\n")
    return {}


def broken_image(root: Path) -> dict[str, str]:
    (root / "documents/user/shot.png").write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    return {}


def internal(root: Path) -> dict[str, str]:
    write(root, classification="internal")
    return {}


REFUSED: dict[str, tuple[Callable[[Path], dict[str, str]], list[str]]] = {
    "no font": (without_fonts, ["no font with Chinese characters", "apt install fonts-noto-cjk", "pip install 'itops[fonts]'", "fonts: FOLDER"]),
    "no bold": (only_regular, ["Kurinto Sans SC has no regular and bold face"]),
    "signs": (strange_signs, ["U+1F9FF", "U+12000", "manual.md:18", "manual.md:22"]),
    "images": (no_image, ["none.png", "https://example.com/x.png"]),
    "broken image": (broken_image, ["shot.png", "not a whole image"]),
    "internal": (internal, ["stays Markdown", "--internal"]),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused_by_name_and_nothing_is_written(root: Path, why: str) -> None:
    spoil, words = REFUSED[why]
    env = spoil(root)
    done = itops(root, "pdf", "svc-web-manual", "--to", "某某供应商", **env)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not list(root.glob("*.pdf")) and lines(root) == []


def test_all_that_is_wrong_with_a_document_is_told_at_once(root: Path) -> None:
    """A missing picture hides neither a sign without a glyph nor what is of the inside."""
    make.dump(root / "inventory/services/web.yml", {**make.web(), "data_dirs": ["/srv/web/data"]})
    write(root, f"{paper.BODY}\n![x](none.png)\n\n护符 \U0001f9ff\n\n见 /srv/web/data\n")
    (root / "documents/user/shot.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    done = itops(root, "pdf", "svc-web-manual", "--to", "某某供应商")
    assert done.returncode == 2 and not list(root.glob("*.pdf")) and lines(root) == []
    for said in ("no such image; found: none.png", "shot.png: error: not a whole image", "no font has U+1F9FF", "data_dirs"):
        assert said in done.stderr, done.stderr


def test_of_several_none_is_handed_out_where_one_cannot_be(root: Path) -> None:
    good = root / "documents/user/good.md"
    good.write_text(document.text({**paper.META, "id": "good"}, "# 好\n"), "utf-8")
    strange_signs(root)
    done = itops(root, "pdf", "good", "svc-web-manual", "--to", "某某供应商")
    assert done.returncode == 2 and "U+1F9FF" in done.stderr and not list(root.glob("*.pdf")) and lines(root) == []
    write(root)
    done = itops(root, "pdf", "good", "svc-web-manual", "--to", "某某供应商")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in sorted(root.glob("*.pdf"))] == ["good_1.2_1.pdf", "svc-web-manual_1.2_3.pdf"]


def test_a_document_that_is_not_there_is_told_from_one_in_another_language(root: Path) -> None:
    for words, said in (
        (("svc-web-manua",), "did you mean svc-web-manual?"),
        (("svc-web-manual", "--lang", "en"), "svc-web-manual is not there in this language; found: en"),
    ):
        done = itops(root, "pdf", *words, "--to", "某某")
        assert done.returncode == 2 and said in done.stderr, done.stderr


@pytest.mark.parametrize("recipient", ["𒀀", "", " ", "甲\n乙", "\u202e供应商", "\udcff"])
def test_a_recipient_that_cannot_be_shown(root: Path, recipient: str) -> None:
    done = itops(root, "pdf", "svc-web-manual", "--to", recipient)
    assert done.returncode == 2 and ("U+12000" in done.stderr or "not one line of text" in done.stderr) and "Traceback" not in done.stderr
    assert not list(root.glob("*.pdf")) and lines(root) == []


def test_no_id_leads_out_of_the_folder(root: Path) -> None:
    write(root, id="../../etc/x", version="1/2")
    file = exported(root, of="documents/user/manual.md")
    assert file.resolve().parent == root.resolve() and file.name == "-..-etc-x_1-2_1.pdf"


def test_without_a_ledger_nothing_is_handed_out(root: Path) -> None:
    (root / "records").write_text("not a folder", "utf-8")
    done = itops(root, "pdf", "svc-web-manual", "--to", "某某供应商")
    assert done.returncode != 0 and "Traceback" not in done.stderr and not list(root.glob("*.pdf"))


def test_internal_when_said_so(root: Path) -> None:
    write(root, classification="internal")
    exported(root, "--internal")
    assert lines(root)[-1]["data"]["classification"] == "internal"


def foreign(root: Path) -> Path:
    """A PDF with upright, turned and odd pages."""
    with pikepdf.new() as pdf:
        for size, turn in (((595, 842), 0), ((595, 842), 90), ((300, 200), 180), ((842, 595), 270)):
            pdf.add_blank_page(page_size=size)
            pdf.pages[-1].obj.Rotate = turn
        pdf.save(root / "vendor.pdf")
    return root / "vendor.pdf"


def test_a_foreign_pdf_is_stamped(root: Path) -> None:
    done = itops(root, "stamp", foreign(root).name, "--to", "某某供应商", "--id", "vendor-manual", "--version", "3.2", "--format", "json")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    with pikepdf.open(root / line["path"]) as pdf:
        assert len(pdf.pages) == 4 and watermark.missing(pdf) == []
    drawn = pypdfium2.PdfDocument(root / line["path"])
    assert all(min(drawn[n].render(scale=1).to_pil().convert("L").tobytes()) < 250 for n in range(4)), "seen on every page"
    assert itops(root, "check", line["file"]).returncode == 0


def test_a_signature_does_not_survive_the_stamp(root: Path) -> None:
    with pikepdf.open(foreign(root), allow_overwriting_input=True) as pdf:
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[], SigFlags=3)
        pdf.save(root / "vendor.pdf")
    done = itops(root, "stamp", "vendor.pdf", "--to", "某某供应商", "--id", "../vendor")
    assert done.returncode == 0 and "signature does not survive" in done.stderr and (root / "-vendor_1.0_1.pdf").is_file(), done.stdout


def test_a_protection_does_not_survive_the_stamp_without_a_word(root: Path) -> None:
    with pikepdf.open(foreign(root), allow_overwriting_input=True) as pdf:
        pdf.save(root / "vendor.pdf", encryption=pikepdf.Encryption(owner="a", user="", R=6))
    words = ("stamp", "vendor.pdf", "--to", "某某供应商", "--id", "vendor")
    assert "protection does not survive the stamp → --protect" in itops(root, *words).stderr and itops(root, *words, "--protect").stderr == ""


@pytest.mark.parametrize("how", ["encrypted", "broken", "empty"])
def test_what_cannot_be_stamped(root: Path, how: str) -> None:
    file = foreign(root)
    if how == "encrypted":
        with pikepdf.open(file, allow_overwriting_input=True) as pdf:
            pdf.save(file, encryption=pikepdf.Encryption(owner="a", user="b", R=6))
    elif how == "broken":
        file.write_bytes(b"%PDF-1.7 and no more")
    else:
        with pikepdf.open(file, allow_overwriting_input=True) as pdf:
            while pdf.pages:
                del pdf.pages[0]
            pdf.save(file)
    done = itops(root, "stamp", file.name, "--to", "某某", "--id", "x")
    assert done.returncode == 2 and "vendor.pdf" in done.stderr and "Traceback" not in done.stderr and lines(root) == []
