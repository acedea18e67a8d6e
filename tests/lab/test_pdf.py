# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PDFs on a clean machine: a Debian host without a font and without a library for them, and what the wheel and its extras bring."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from packaging.requirements import Requirement

from tests.lab.conftest import ENV, LAB_SCRIPT, PRIMARY, lab, on
from tests.packaging import small
from tests.packaging.conftest import archive
from tests.unit import paper

BODY = "# 使用手册\n\n正文 **加粗** 吉𠮷 㛃。\n\n| 项目 | 摘要 |\n| --- | --- |\n| 补丁 | 3ff585e49a07d195ecb64948754928b10557e64ef37fc401d2556c6a519c6d17 |\n"
HOST = PRIMARY


def wanted(requirements: Iterable[str], extras: Iterable[str], seen: dict[str, Distribution]) -> dict[str, Distribution]:
    """What pip would install for these, with all that they ask for in turn; the versions are those of the tests' environment."""
    for requirement in map(Requirement, requirements):
        if requirement.name in seen or not (requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))):
            continue
        seen[requirement.name] = distribution(requirement.name)
        wanted(seen[requirement.name].requires or [], requirement.extras, seen)
    return seen


def contents(*extras: str) -> Iterator[tuple[Path, str]]:
    """Every file that the requirements of the wheel with these extras install: where it is here -> its place among the modules."""
    for package in wanted(distribution("itops").requires or [], extras, {}).values():
        yield from ((Path(str(package.locate_file(name))), str(name)) for name in package.files or [] if not str(name).startswith(("..", "/")))


def put(folder: str, files: Iterable[tuple[Path, str]]) -> None:
    """Onto the host."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, name in files:
            if path.is_file() and "__pycache__" not in name:
                tar.add(path, f"{folder}/{name}")
    unpack = [str(LAB_SCRIPT), "enter", HOST, "tar", "-xf", "-", "-C", "/opt"]
    subprocess.run(unpack, env=ENV, input=packed.getvalue(), check=True, capture_output=True, timeout=120)


def fetched(name: str) -> bytes:
    return subprocess.run([str(LAB_SCRIPT), "enter", HOST, "cat", name], env=ENV, check=True, capture_output=True, timeout=60).stdout


@pytest.fixture
def clean(fleet: None, archive: Path, tmp_path: Path) -> Iterator[None]:
    """The host with the wheel of what is committed, its requirements in folders of their own, and a workspace."""
    assert sys.version_info[:2] == tuple(map(int, on(HOST, "python3 -c 'import sys; print(*sys.version_info[:2])'").split())), "modules built for the host"
    assert on(HOST, "ls /usr/share/fonts 2>/dev/null; ldconfig -p | grep -E 'pango|cairo|fontconfig|freetype|qpdf' || true") == ""
    env = small.bare_environment(tmp_path / "home")
    small.call(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, archive, cwd=tmp_path, env=env)
    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps", "--no-index", "--target", tmp_path / "wheel")
    small.call(sys.executable, *pip, next(tmp_path.glob("itops-*.whl")), cwd=tmp_path, env=env)
    space = paper.make.workspace(tmp_path / "space")
    (space / "documents").mkdir()
    (space / "documents/manual.md").write_text(document.text(paper.META, BODY), "utf-8")
    base, pdf, fonts = (dict(contents(*extras)) for extras in ((), ("pdf",), ("fonts",)))
    put("wheel", [*tree(tmp_path / "wheel"), *base.items()])
    put("pdf", pdf.items() - base.items())
    put("fonts", fonts.items() - base.items())
    put("space", tree(space))
    put("folder", [(path, path.name) for path in paper.PACKAGE.glob("KurintoSans*")])
    try:
        yield
    finally:
        on(HOST, "rm -rf /opt/wheel /opt/pdf /opt/fonts /opt/space /opt/folder")


def tree(folder: Path) -> list[tuple[Path, str]]:
    return [(path, str(path.relative_to(folder))) for path in folder.rglob("*")]


def pdf(*installed: str) -> str:
    """`itops docs pdf` on the host with these folders of modules; exit status and what was said."""
    modules = ":".join(f"/opt/{name}" for name in installed)
    words = "docs pdf svc-web-manual --to 某某公司"
    command = f"cd /opt/space && PYTHONPATH={modules} python3 -c 'from itops_cli.main import main; main()' {words} 2>&1; echo exit $?"
    return lab("enter", HOST, "env", "-i", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=/root", "sh", "-c", command).stdout


def test_a_bare_machine_says_what_to_install_and_then_makes_it(clean: None) -> None:
    said = pdf("wheel")
    assert "exit 2" in said and "pip install 'itops[pdf]'" in said, said
    said = pdf("wheel", "pdf")
    assert "exit 2" in said and "no font with Chinese characters" in said and "pip install 'itops[fonts]'" in said and "Traceback" not in said, said
    assert on(HOST, "ls /opt/space/*.pdf /opt/space/records 2>/dev/null || true") == ""
    said = pdf("wheel", "pdf", "fonts")
    assert "exit 0" in said, said
    on(HOST, "echo 'fonts: /opt/folder' >> /opt/space/itops.yml")
    said = pdf("wheel", "pdf")
    assert "exit 0" in said, said
    for number in (1, 3):
        proved(fetched(f"/opt/space/svc-web-manual_1.2_{number}.pdf"))


def proved(made: bytes) -> None:
    with pikepdf.open(io.BytesIO(made)) as opened:
        assert {"KurintoSansSC-Rg", "KurintoSansSC-Bd"} <= set(paper.fonts_of(opened))
    drawn = pypdfium2.PdfDocument(made)
    assert "正文 加粗 吉𠮷 㛃" in drawn[len(drawn) - 1].get_textpage().get_text_range()


__all__ = ["archive"]
