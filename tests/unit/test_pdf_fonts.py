# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fonts of a PDF: where they are looked for, and that Chinese is right in both weights, rare characters of names included."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from itops_cli.typeset import fonts
from tests.unit import paper
from tests.unit.paper import PACKAGE, exported, itops, pages, write

NAMES = "王㛃 吉𠮷 䶮 堃 喆 𬭚 𬱖 䲠 骉 赟 龑"  # characters of people's names that a common font may lack
SIGNS = "☐ ☑ ✓ ✗ ① ℃ → — 《》 “”"


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without fonts: no setting, no folder of the system, no package."""
    monkeypatch.delenv(fonts.VARIABLE, raising=False)
    monkeypatch.setattr(fonts, "SYSTEM", (str(tmp_path / "system"),))
    monkeypatch.setattr(fonts, "PACKAGE", "no_such_package")
    return tmp_path


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).symlink_to(PACKAGE / name)
    return folder


def test_configured_then_system_then_package(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"no font with Chinese characters.*apt install fonts-noto-cjk, or pip install 'itops\[fonts\]', or put fonts: FOLDER"):
        fonts.find()
    monkeypatch.setattr(fonts, "PACKAGE", "weblate_fonts")
    assert fonts.find().folders == (str(PACKAGE),)
    system = put(nothing / "system", "KurintoSansSC-Rg.ttf", "KurintoSansSC-Bd.ttf")
    assert fonts.find().folders == (str(system), str(PACKAGE)), "the package stays for what the system's font lacks"
    own = put(nothing / "own", "KurintoSansSC-Rg.ttf", "KurintoSansSC-Bd.ttf")
    assert fonts.find([own]).folders == (str(own),)
    monkeypatch.setenv(fonts.VARIABLE, str(system))
    assert fonts.find([own]).folders == (str(system),)


def test_a_setting_that_leads_nowhere_is_an_error_even_where_the_system_has_fonts(nothing: Path) -> None:
    put(nothing / "system", "KurintoSansSC-Rg.ttf", "KurintoSansSC-Bd.ttf")
    with pytest.raises(BadInput, match="no font with Chinese characters"):
        fonts.find([nothing / "gone"])


def test_the_system_s_font_wins_and_the_package_fills_in() -> None:
    text = fonts.find([Path("/usr/share/fonts"), PACKAGE]).text
    assert text[-2:] == ("Kurinto Sans", "DejaVu Sans Mono") and text.index("Kurinto Sans SC") < text.index("Kurinto Sans JP")
    assert text[0] == "Kurinto Sans SC" or text.index("Noto Sans CJK SC") < text.index("Kurinto Sans SC")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = paper.workspace(tmp_path_factory.mktemp("fonts") / "w")
    write(place, f"# 标题\n\n正文 **加粗** {NAMES}\n\n**{NAMES}** {SIGNS}\n\n`代码 code`\n", owner="吉𠮷")
    return place


def test_chinese_of_the_package_is_right_in_both_weights(root: Path) -> None:
    file = exported(root, ITOPS_FONTS=str(PACKAGE))
    with pikepdf.open(file) as pdf:
        assert {"KurintoSansSC-Rg", "KurintoSansSC-Bd", "KurintoSansJP-Rg", "KurintoSansJP-Bd"} <= set(paper.fonts_of(pdf))
    assert paper.pdf_a_faults(file) == []
    text = " ".join(" ".join(pages(file)).split())
    assert text.count(NAMES) == 2 and SIGNS in text and "吉𠮷" in pages(file)[0]


def test_a_rare_character_that_no_font_has_is_named(root: Path, tmp_path: Path) -> None:
    few = put(tmp_path / "few", "KurintoSansSC-Rg.ttf", "KurintoSansSC-Bd.ttf")
    done = itops(root, "pdf", "svc-web-manual", "--to", "某某", ITOPS_FONTS=str(few))
    assert done.returncode == 2 and "no font has U+20BB7 𠮷" in done.stderr and "itops.yml" in done.stderr
