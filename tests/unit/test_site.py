# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The static site: what is on its pages, what no text can do to them, and what its folder goes through."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import html5lib
import pypdfium2
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, labels, ledger, report, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from itops_cli.site import build, pages, past, place, records
from tests.unit import make, site_house
from tests.unit import past as past_runs

NAMESPACE = re.compile(r"^\{.*?\}")
SCHEMES = {"", "http", "https", "mailto", "data"}
HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "javascript:alert(1)", "</title></caption></table></svg>", "]]>",
    "<!--", "{{ 7 * 7 }}", "{% raw %}", "\x00\x07\x1b[31m", "\u202etxt.exe", "\u2028", "&lt;b&gt;", "[x](javascript:alert(1))", "![x](https://example.com/x.png)",
    "<svg onload=alert(1)>", "`</code>`", "| a | b |\n| - | - |",
]  # fmt: skip
ANY = st.text() | st.lists(st.sampled_from([*HOSTILE, "\ud800"]), max_size=6).map(" ".join)
WRITABLE = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.sampled_from(HOSTILE), max_size=6).map("\n".join)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_house.furnish(tmp_path_factory.mktemp("home") / "workspace")


@pytest.fixture(scope="module")
def site(home: Path) -> Path:
    site_house.built(home, home.parent / "public")
    return home.parent / "public"


def parsed(page: Path) -> Any:
    """As a browser reads it; what a browser would have to mend is an error."""
    return html5lib.HTMLParser(strict=True).parse(page.read_bytes().decode("utf-8"))


def elements(page: Path) -> Iterator[tuple[str, Mapping[str, str], str]]:
    for element in parsed(page).iter():
        if isinstance(element.tag, str):
            yield NAMESPACE.sub("", element.tag), {NAMESPACE.sub("", name): value for name, value in element.attrib.items()}, element.text or ""


def shape(page: Path) -> list[str]:
    """What a page consists of, whatever its texts are."""
    return [tag for tag, _attributes, _text in elements(page)]


def html(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def harmless(page: Path) -> None:
    scripts = []
    for tag, attributes, _text in elements(page):
        scripts += [attributes.get("src")] if tag == "script" else []
        assert tag not in ("iframe", "object", "embed", "form", "base", "style"), (page, tag)
        for name, value in attributes.items():
            assert not name.startswith("on") and name != "style", (page, tag, name)
            if name in ("href", "src", "action"):
                assert urlsplit(value).scheme in SCHEMES, (page, value)
            if name == "src":
                assert urlsplit(value).scheme == "", (page, value)
    assert scripts in ([], ["../site.js"], ["../../site.js"]), (page, scripts)


# ---------------------------------------------------------------- pages


def test_every_page_is_valid_in_both_languages_and_says_that_it_is_internal(site: Path) -> None:
    assert [path.relative_to(site / "zh_CN") for path in html(site / "zh_CN")] == [path.relative_to(site / "en") for path in html(site / "en")]
    assert len(html(site)) == 1 + 2 * 14
    for page in html(site):
        harmless(page)
        root = parsed(page)
        assert root.get("lang") == ("en" if "en" in page.parts else "zh-CN")
        text = page.read_text("utf-8")
        assert "default-src 'none'" in text
        assert page.parent == site or ("内部视图" if "zh_CN" in page.parts else "The inside view") in text
        assert len([tag for tag in shape(page) if tag == "h1"]) == 1


def test_every_link_leads_to_something_that_is_there(site: Path) -> None:
    for page in html(site):
        ids = {attributes.get("id") for _tag, attributes, _text in elements(page)}
        assert len([attributes["id"] for _tag, attributes, _text in elements(page) if "id" in attributes]) == len(ids - {None}), page
        for _tag, attributes, _text in elements(page):
            for name in ("href", "src"):
                target = urlsplit(attributes.get(name, ""))
                if target.path and not target.scheme:
                    assert (page.parent / unquote(target.path)).is_file(), (page, attributes[name])
                elif target.fragment and not target.scheme:
                    assert target.fragment in ids, (page, attributes[name])


def test_every_word_of_the_templates_has_its_label_in_both_languages() -> None:
    source = "".join(path.read_text("utf-8") for path in pages.TEMPLATES.glob("*.j2"))
    words = set(re.findall(r"\bt\('(\w+)'", source))
    for heads in re.findall(r"for name in \(([^)]*)\) %\}<th[^%]*\{\{ t\(name", source):
        words |= set(re.findall(r"\w+", heads))
    known = labels.catalogue()["site"]
    assert len(words) > 40
    assert {word for word in words if set(known.get(word, {})) != {"zh_CN", "en"}} == set()


def test_the_status_table_has_the_departments_columns_in_their_order(site: Path) -> None:
    text = site_house.read(site, "zh_CN/index.html")
    headers = re.findall(r'<th scope="col">([^<]*)</th>', text[text.index('<table id="status"') : text.index("</thead>")])
    extra, own = labels.catalogue()["status_extra_column"], labels.catalogue()["status_column"]
    assert headers == [extra["name"]["zh_CN"], *(entry["zh_CN"] for entry in own.values()), *(extra[name]["zh_CN"] for name in ("last", "due", "state"))]
    assert "核心业务" in text and "不可达" in text


def test_a_service_shows_its_sheet_its_pictures_its_history_and_its_documents(site: Path) -> None:
    text = site_house.read(site, "en/services/web.html")
    pictures, links = ("capacity-title", "allocated-title", "usage-title", "history-title"), ("../records/CHG-20261122-01.html", "../documents/web-manual.html")
    assert [part for part in ("Password custody", "http://192.0.2.1/", *pictures, *links) if part not in text] == []
    bare = site_house.read(site, "en/services/erp.html")
    assert "usage-title" not in bare and "allocated-title" not in bare, "nothing was collected"


def test_a_service_shows_where_it_is_heading_and_what_may_be_reclaimed(site: Path) -> None:
    text, bare = site_house.read(site, "en/services/web.html"), site_house.read(site, "en/services/erp.html")
    assert "↑ 30.0 会话" in text and "Theil–Sen" in text and "&lt;b&gt;市场部&lt;/b&gt;" in text
    assert "<code>itops change new --service web --kind other" in text and "tenant-b" not in text
    assert "28/50 GB (56%)" in bare and "itops change new" not in bare


def test_a_record_says_what_its_report_says(home: Path, site: Path) -> None:
    folder = workspace.load(home).record_dir("CHG-20261122-01")
    folded = records.read(folder)
    for lang in labels.LANGUAGES:
        text = site_house.read(site, f"{lang}/records/CHG-20261122-01.html")
        for _name, heading, tables in report.sections(folded, lang, lambda head, rows: [*head, *(cell for row in rows for cell in row)]):
            assert heading in text
            assert all(str(cell) in text for table in tables for cell in table if "&" not in str(cell) and "'" not in str(cell))
        assert folded["ledger"]["head"] in text
        assert (site / lang / "records/CHG-20261122-01.md").read_bytes() == (folder / f"record.{lang}.md").read_bytes()


def test_a_document_is_shown_without_its_html_its_foreign_pictures_and_its_bad_links(site: Path) -> None:
    text = site_house.read(site, "en/documents/web-manual.html")
    assert '<article class="text" lang="zh-CN">' in text and "There is no English version" in text
    assert '<a href="other.html#part">另一份</a>' in text and "&lt;script&gt;" in text
    assert "[外部]" in text and "javascript:" not in re.sub(r"\[坏链接\]\(javascript:alert\(1\)\)", "", text)
    assert re.search(r'<img src="../../files/[0-9a-f]{32}.png" alt="登录页面"', text)
    assert '<th class="right" scope="col">' in text and "style=" not in text


def test_the_pictures_of_the_first_page_go_into_a_pdf(home: Path, site: Path, tmp_path: Path) -> None:
    for lang in labels.LANGUAGES:
        names = [path.name for path in sorted((site / lang / "charts").iterdir())]
        assert names == ["capacity.svg", "rates.svg", "year.svg"]
        shown = "\n\n".join(f"![{name}]({(site / lang / 'charts' / name).name})" for name in names)
        (site.parent / f"{lang}.md").write_text(f"---\nid: pictures\ntitle: Pictures\nside: ops\nowner: zhang\nlang: {lang}\n---\n\n{shown}\n")
        for name in names:
            (site.parent / name).write_bytes((site / lang / "charts" / name).read_bytes())
        done = itops(home, "pdf", str(site.parent / f"{lang}.md"), "--to", "ACME", "--internal", "--output", str(tmp_path), "--format", "json")
        made = json.loads(done.stdout)
        with pypdfium2.PdfDocument(made[0]["path"]) as pdf:
            text = "".join(page.get_textpage().get_text_range() for page in pdf)
        assert all(word in text for word in ("11月", "维护窗口", "门户网站")) if lang == "zh_CN" else all(word in text for word in ("Nov", "rolled back"))


# ---------------------------------------------------------------- any text in any field


def poisoned(value: Any, word: str, keep: tuple[str, ...] = ()) -> Any:
    """Every text replaced; what stands under one of the keys to keep stays."""
    if isinstance(value, dict):
        return {key: item if key in keep else poisoned(item, word, keep) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, word, keep) for item in value]
    return word if isinstance(value, str) else value


KEPT = ("id", "cycle", "redundancy", "platform", "exclude", "tz", "anchor", "group")  # checked by the schema, so never any text


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=ANY, written=WRITABLE)
@example(word="\n".join([*HOSTILE, "\ud800"]), written="\n\n".join(HOSTILE))
def test_any_text_in_any_field_yields_valid_pages_of_the_same_shape(home: Path, site: Path, tmp_path: Path, word: str, written: str) -> None:
    known = catalogue.load(workspace.load(home)).required()
    services = {sid: poisoned(known.services[sid], word, KEPT) for sid in ("web",)}
    hostile = Catalogue(services, {person: {"name": word} for person in known.people}, [])
    root = tmp_path / "workspace"
    make.workspace(root)
    (root / "itops.yml").write_text(json.dumps({"organisation": written.replace("\x7f", "")}), "utf-8") if written.isprintable() else None
    record = root / "records/2026/CHG-20261122-01"
    record.mkdir(parents=True, exist_ok=True)
    made = poisoned(json.loads((workspace.load(home).record_dir("CHG-20261122-01") / "record.json").read_bytes()), word, ("change",))
    made["ledger"] = {"seq": 1, "head": word, "checkpoint": word}
    record.joinpath("record.json").write_text(json.dumps(made), "utf-8")
    record.joinpath("events.jsonl").write_text("{}\n" + json.dumps({"hash": word}) + "\n", "utf-8")
    line = {"change": word, "title": word, "services": ["web"], "verb": "run", "result": "achieved", "executor": word, "ended": "2026-11-23T02:05:00+08:00"}
    (root / "records/register.jsonl").write_text(json.dumps(line) + "\n")
    (root / "facts").mkdir(exist_ok=True)
    fact = {"format": 1, "host": word, "problem": word, "collected_at": "2026-11-23T02:05:00+08:00", "services": {"web": {"state": word, "text": word}}}
    (root / "facts/web1.json").write_text(json.dumps(fact))
    (root / "documents").mkdir(exist_ok=True)
    front = json.dumps({"id": "web-manual", "title": written, "side": "user", "owner": written, "version": written, "services": ["web"]})
    (root / "documents/manual.md").write_text(f"---\n{front}\n---\n\n{written}\n", "utf-8")
    folder = tmp_path / "public"
    made_site = build.build(workspace.load(root), hostile, folder, site_house.NOW, lambda _length: lambda _done: None)
    assert made_site.records == 1 and not [fault for fault in made_site.faults if "CHG-" in fault]
    for page in html(folder):
        harmless(page)
    record_page = "zh_CN/records/CHG-20261122-01.html"
    assert shape(folder / record_page).count("section") == shape(site / record_page).count("section")
    assert "\x00" not in (folder / record_page).read_text("utf-8")


@given(name=ANY)
def test_a_pages_file_has_a_harmless_name_of_its_own(name: str) -> None:
    made = pages.file_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_.-]{0,167}\.html", made) and not made.startswith("..") and made != "index.html"
    assert (
        pages.file_name("a/b") != pages.file_name("a_b")
        and pages.file_name("a" * 200) != pages.file_name("a" * 201)
        and pages.file_name("CHG-20261122-01") == "CHG-20261122-01.html"
    )


# ---------------------------------------------------------------- what it is made from


def test_a_view_that_is_behind_its_ledger_is_made_again(home: Path, tmp_path: Path) -> None:
    source = workspace.load(home).record_dir("CHG-20261122-01")
    copied = tmp_path / source.name
    copied.mkdir()
    (copied / ledger.STREAM).write_bytes((source / ledger.STREAM).read_bytes())
    right = records.read(copied)
    assert right == json.loads((source / "record.json").read_bytes())
    (copied / "record.json").write_text(json.dumps({**right, "title": "another", "ledger": {**right["ledger"], "head": "0" * 64}}))
    assert records.read(copied) == right
    (copied / "record.json").write_text(json.dumps({**right, "title": "as the ledger says"}))
    assert records.read(copied)["title"] == "as the ledger says", "the view of the last event is taken as it is: cheap"


def test_a_correction_and_what_it_corrects_lead_to_each_other(tmp_path: Path) -> None:
    root = make.workspace(tmp_path / "workspace")
    past_runs.carried_out(past_runs.planned(root, make.CHANGE), root)
    name = f"{make.CHANGE}-K01"
    details = {"corrects": make.CHANGE, "title": "升级", "services": [{"id": "web", "name": "门户网站"}], "seq": 3, "head": "ab" * 32}
    told = {"decision": "correct", "change": name, "by": "li", "name": "李四", "account": "li", "remark": "窗口写错", "details": details}
    ledger.Ledger(workspace.load(root).record_dir(name), name).append("decided", told)
    built = site_house.built(root, tmp_path / "public")
    assert (built.records, built.faults) == (2, [])
    own, other = (site_house.read(tmp_path / "public", f"en/records/{page}.html") for page in (name, make.CHANGE))
    assert "窗口写错" in own and f'<a href="{make.CHANGE}.html">' in own and f'<a href="{name}.html">' in other
    for page in html(tmp_path / "public"):
        harmless(page)


def test_what_cannot_be_read_is_named_and_does_not_keep_the_rest_from_being_shown(tmp_path: Path) -> None:
    root = site_house.furnish(tmp_path / "workspace")
    broken = workspace.load(root).record_dir("CHG-20261122-01")
    (broken / "record.json").unlink()
    (broken / ledger.STREAM).write_text("{damaged\n{}\n")
    (root / "documents/bad.md").write_text("no front matter\n")
    built = site_house.built(root, tmp_path / "public")
    assert len(built.faults) == 2 and "itops record verify CHG-20261122-01" in built.faults[1] and "bad.md" in built.faults[0]
    assert "itops record verify CHG-20261122-01" in site_house.read(tmp_path / "public", "en/records/index.html")
    assert "bad.md" in site_house.read(tmp_path / "public", "en/documents/index.html")
    assert not (tmp_path / "public/en/records/CHG-20261122-01.html").exists() and (tmp_path / "public/en/records/CHG-20261121-01.html").exists()


def test_many_records_are_made_by_several_processes_and_come_out_the_same(home: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MANY", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    site_house.built(home, tmp_path / "public")
    assert contents(tmp_path / "public") == contents(site)


def test_a_damaged_register_stops_the_build(tmp_path: Path) -> None:
    root = make.workspace(tmp_path / "workspace")
    (root / "records").mkdir()
    (root / "records/register.jsonl").write_text("{}\n")
    with pytest.raises(past.DamagedRegister):
        site_house.built(root, tmp_path / "public")
    assert not (tmp_path / "public").exists()


# ---------------------------------------------------------------- the folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_at_the_same_time_is_the_same_to_the_byte_and_nothing_stays_behind(home: Path, site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    site_house.built(home, folder)
    assert contents(folder) == contents(site)
    with place.renewed(folder) as root:
        (root / "only.html").write_text("x")
    assert set(contents(folder)) == {"only.html", place.MARKER}
    assert [path.name for path in tmp_path.iterdir()] == ["public"]


def test_a_folder_that_is_not_ours_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"is not a site made by itops docs site, and not empty"), place.renewed(tmp_path):
        raise AssertionError
    own = tmp_path / "own"
    with place.renewed(own) as root:
        (root / "page.html").write_text("ours")
    (own / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"did not make; found: notes\.txt"), place.renewed(own):
        raise AssertionError
    assert (tmp_path / "notes.txt").read_text() == (own / "notes.txt").read_text() == "mine"


def test_a_failed_build_leaves_the_old_site(tmp_path: Path) -> None:
    folder = tmp_path / "public"
    with place.renewed(folder) as root:
        (root / "page.html").write_text("old")
    with pytest.raises(OSError, match="disk"), place.renewed(folder) as root:
        (root / "page.html").write_text("new")
        raise OSError("disk")
    assert (folder / "page.html").read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["public"]


def test_what_a_killed_build_left_is_cleared_and_the_site_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "public"
    with place.renewed(folder) as root:
        (root / "page.html").write_text("old")
    folder.rename(tmp_path / ".public.itops-old")
    (tmp_path / ".public.itops-new").mkdir()
    with pytest.raises(OSError, match="disk"), place.renewed(folder):
        raise OSError("disk")
    assert (folder / "page.html").read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["public"]


def test_two_builds_of_a_folder_never_meet(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(BadInput, match="somebody is building"), place.renewed(tmp_path / "public"):
        raise AssertionError
    os.close(handle)


# ---------------------------------------------------------------- the command


def itops(root: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from itops_cli.main import main; main()", "docs", *words]
    return subprocess.run(command, cwd=root, env={**os.environ, **env}, capture_output=True, text=True, check=False)


def test_the_command_builds_says_what_and_keeps_its_time(home: Path, tmp_path: Path) -> None:
    done = itops(home, "site", str(tmp_path / "public"), "--format", "json", SOURCE_DATE_EPOCH="1795000000")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"folder": str(tmp_path / "public"), "services": 5, "records": 3, "documents": 2, "faults": []}
    assert "2026-11-18 19:06 (UTC+8)" in site_house.read(tmp_path / "public", "zh_CN/index.html")


def test_the_command_refuses_a_foreign_folder_and_names_what_it_could_not_show(home: Path, tmp_path: Path) -> None:
    refused = itops(home, "site", str(home))
    assert refused.returncode == 2 and "name another folder" in refused.stderr
    root = make.workspace(tmp_path / "workspace")
    (root / "documents").mkdir()
    (root / "documents/bad.md").write_text("no front matter\n")
    done = itops(root, "site", str(tmp_path / "public"))
    assert done.returncode == 4 and "bad.md:1" in done.stderr and (tmp_path / "public/index.html").exists()
    (root / "records").mkdir()
    (root / "records/register.jsonl").write_text("{}\n")
    damaged = itops(root, "site", str(tmp_path / "other"))
    assert damaged.returncode == 4 and "itops record verify" in damaged.stderr and "Traceback" not in damaged.stderr
