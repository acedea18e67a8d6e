# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices of every kind are read as they are meant; what is wrong with one is said at once, with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice import reading, sums
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import LENGTHS, File, Notice, name_fault
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from hypothesis import given
from hypothesis import strategies as st

ADVISORY = Path(__file__).parent / "data/csaf-advisory.json"
SHA = "d0742e6b4927aca183b9ad85e5c03e4eafefe03bf09c87eba1226925f4708905"
OURS = f"""---
id: SUP-2026-118
title: 门户升级
supplier: 示例公司
received_at: 2026-11-23T09:30:00+08:00
files:
  - {{name: a.tar.gz, size: 13, sha256: {SHA.upper()}, url: https://supplier.example/a.tar.gz, signature: a.tar.gz.minisig}}
  - {{name: b.deb, sha256: {SHA}}}
restart_required: machine
remediations: [升级]
"""


def read(folder: Path, text: str | bytes, name: str = "notice", kind: str = "auto") -> tuple[str, Notice]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return reading.read(path, kind)


def problems(folder: Path, text: str | bytes, name: str = "notice", kind: str = "auto") -> list[str]:
    """Path and message of each, in the order of the file."""
    with pytest.raises(BadInput) as bad:
        read(folder, text, name, kind)
    return [f"{p.line} {p.path}: {p.message}".replace(" : ", " ") for p in bad.value.problems]


# ------------------------------------------------------------------ our YAML


def test_our_yaml_has_the_keys_of_a_change_and_a_size_may_be_unknown(tmp_path: Path) -> None:
    kind, notice = read(tmp_path, OURS)
    assert kind == "itops"
    assert notice.files[0] == File("a.tar.gz", 13, sha256=SHA, url="https://supplier.example/a.tar.gz", signature="a.tar.gz.minisig")
    assert notice.files[1].size is None
    assert (notice.title, notice.restart_required, notice.remediations) == ("门户升级", "machine", ("升级",))
    assert notice.received_at == "2026-11-23T09:30:00+08:00"


def test_every_problem_of_our_yaml_comes_at_once_with_its_line(tmp_path: Path) -> None:
    wrong = "supplier: x\nfiles:\n  - {name: a, size: many}\n  - {size: 1}\nrestart_required: perhaps\nvendor: y\n"
    said = problems(tmp_path, wrong)
    assert [line.split(":")[0] for line in said] == ["1 id", "3 files[0].size", "4 files[1].name", "5 restart_required", "6 vendor"]


def test_content_is_checked_where_the_shape_is_right(tmp_path: Path) -> None:
    wrong = (
        f"id: x\nreceived_at: yesterday\nfiles:\n  - {{name: ../a, sha256: {SHA}}}\n  - {{name: b, sha256: abc, size: -1}}\n"
        "  - {name: b, url: 'ftp://h/b'}\n  - {name: c, url: 'https://u:hunter2@h/c', signature: 'x/y'}\n  - {name: '%{root}'}\n  - {name: .a.part}\n"
    )
    said = problems(tmp_path, wrong)
    assert [line.split(":")[0] for line in said] == [
        "2 received_at", "4 files[0].name", "5 files[1].sha256", "5 files[1].size", "6 files[2].name", "6 files[2].url", "7 files[3].signature",
        "7 files[3].url", "8 files[4].name", "9 files[5].name",
    ]  # fmt: skip
    assert "hunter2" not in " ".join(said)


def test_a_login_in_a_url_is_refused_without_repeating_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as bad:
        read(tmp_path, "id: x\nfiles: [{name: a, url: 'https://u:hunter2@h/c'}]\n")
    assert "login" in str(bad.value) and "hunter2" not in str(bad.value)


def test_what_is_no_text_or_far_too_large_is_said(tmp_path: Path) -> None:
    assert problems(tmp_path, "id: 1\n标题".encode("gb18030")) == ["2 not UTF-8 text"]
    (tmp_path / "huge").touch()
    with (tmp_path / "huge").open("r+b") as stream:
        stream.truncate(reading.SIZE_LIMIT + 1)
    with pytest.raises(BadInput, match="too large"):
        reading.read(tmp_path / "huge")


# ------------------------------------------------------------------ CSAF


def advisory(change: Callable[[dict[str, Any]], object] = lambda _data: None) -> str:
    data = json.loads(ADVISORY.read_text("utf-8"))
    change(data)
    return json.dumps(data, ensure_ascii=False, indent=1)


def product(data: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = data["product_tree"]["branches"][0]["branches"][number]["product"]
    return found


def test_csaf_gives_number_supplier_fix_restart_and_the_fixed_files_only(tmp_path: Path) -> None:
    kind, notice = read(tmp_path, advisory())
    assert kind == "csaf"
    assert (notice.id, notice.supplier, notice.title) == ("SUP-2026-118", "示例门户软件公司", "门户软件 2.4.0 身份验证绕过")
    assert notice.files == (File("portal-2.4.1.tar.gz", sha256=SHA, url="https://supplier.example/download/portal-2.4.1.tar.gz"),)
    assert notice.restart_required == "system" and notice.remediations == ("升级到 2.4.1，然后重启主机。",)
    assert notice.references == ("https://supplier.example/csaf/sup-2026-118.json",)
    assert len(notice.remarks) == 1 and "portal-2.4.0.tar.gz" in notice.remarks[0]


def test_the_widest_restart_counts_and_only_that_of_the_fix(tmp_path: Path) -> None:
    def ask(data: dict[str, Any]) -> None:
        one = data["vulnerabilities"][0]["remediations"]
        one[0]["restart_required"]["category"] = "service"
        one[1]["restart_required"] = {"category": "machine"}
        one.append({**one[0], "restart_required": {"category": "none"}})

    assert read(tmp_path, advisory(ask))[1].restart_required == "service"


def test_a_page_is_no_file_and_without_fixed_products_the_affected_ones_are_left_out(tmp_path: Path) -> None:
    def edit(data: dict[str, Any]) -> None:
        del data["vulnerabilities"][0]["product_status"]["fixed"]
        data["vulnerabilities"][0]["remediations"][0]["url"] = "https://supplier.example/news"
        data["document"]["tracking"]["status"] = "draft"

    notice = read(tmp_path, advisory(edit))[1]
    assert [(file.name, file.url) for file in notice.files] == [("portal-2.4.1.tar.gz", "")]
    assert "https://supplier.example/news" in notice.references
    assert any("draft" in remark for remark in notice.remarks)


def test_every_problem_of_csaf_comes_at_once_with_its_path_and_line(tmp_path: Path) -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["document"]["csaf_version"] = "1.2"
        del data["document"]["publisher"]["name"]
        data["document"]["tracking"]["id"] = 5
        data["vulnerabilities"][0]["remediations"][0]["category"] = "pray"
        data["vulnerabilities"][0]["remediations"][1]["restart_required"] = {"category": "often"}
        product(data, 1)["product_identification_helper"]["hashes"][0]["file_hashes"][0]["value"] = "xyz"

    said = problems(tmp_path, advisory(spoil))
    assert sorted(line.split(" ", 1)[1].split(":")[0] for line in said) == [
        "document.csaf_version", "document.publisher.name", "document.tracking.id",
        "product_tree.branches[0].branches[1].product.product_identification_helper.hashes[0].file_hashes[0].value",
        "vulnerabilities[0].remediations[0].category", "vulnerabilities[0].remediations[1].restart_required.category",
    ]  # fmt: skip
    assert all(int(line.split(" ")[0]) > 1 for line in said)


@pytest.mark.parametrize("part", ["document", "product_tree", "vulnerabilities"])
@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [1], [{}], {"branches": [{"product": 1}], "title": []}])
def test_no_shape_of_json_breaks_the_reader(tmp_path: Path, part: str, value: Any) -> None:
    try:
        read(tmp_path, advisory(lambda data: data.update({part: value})))
    except BadInput as bad:
        assert bad.problems


@pytest.mark.parametrize("text", ['{"document": ', '{"a": 1, "a": 2}', "[" * 100_000, "[]", "{}"])
def test_what_is_no_csaf_is_said(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text, kind="csaf")


def test_a_file_name_with_a_folder_or_two_meanings_is_refused(tmp_path: Path) -> None:
    assert "plain file name" in problems(tmp_path, advisory(lambda data: _hashes(data).update(filename="../x")))[0]
    other = {"filename": "portal-2.4.1.tar.gz", "file_hashes": [{"algorithm": "sha256", "value": "1" * 64}]}
    assert "other digests" in problems(tmp_path, advisory(lambda data: product(data, 1)["product_identification_helper"]["hashes"].append(other)))[0]


def _hashes(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = product(data, 1)["product_identification_helper"]["hashes"][0]
    return found


# ------------------------------------------------------------------ lists of digests

TAG = {"sha256": "SHA256", "sha512": "SHA512", "sha1": "SHA1", "md5": "MD5"}


def gnu(name: str, _kind: str, digest: str, mark: str = " ") -> str:
    """As sha256sum writes it."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{chr(92) if escaped != name else ''}{digest} {mark}{escaped}"


def bsd(name: str, kind: str, digest: str) -> str:
    escaped = name.replace("\\", "\\\\")
    return f"{chr(92) if escaped != name else ''}{TAG[kind]} ({escaped}) = {digest}"


def openssl(name: str, kind: str, digest: str) -> str:
    return gnu(name, kind, digest) if "\\" in name else f"{TAG[kind]}({name})= {digest}"


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30).filter(lambda name: not name_fault(name)) | st.sampled_from(
    ["a b.tar.gz", "a) = b", "*x", "a\\b", "补丁.zip", "(x)", "a = b", "SHA256 (x"]
)
DIGESTS = st.sampled_from(list(LENGTHS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.text("0123456789abcdef", min_size=LENGTHS[kind], max_size=LENGTHS[kind]))
)
ENTRIES = st.dictionaries(NAMES, DIGESTS, min_size=1)


@given(ENTRIES, st.sampled_from([gnu, lambda *e: gnu(*e, "*"), bsd, openssl]), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_what_is_written_in_any_dialect_is_read_back(entries: Any, dialect: Any, end: str, upper: bool, comment: bool) -> None:
    lines = [dialect(name, kind, digest.upper() if upper else digest) for name, (kind, digest) in entries.items()]
    text = end.join([*(["# 发布 2.4.1", ""] if comment else []), *lines, ""])
    notice, wrong = sums.parse(text, "SHA256SUMS")
    assert wrong == [] and reading.detect(text) == "sums"
    assert {file.name: file.digests for file in notice.files} == {name: {kind: digest} for name, (kind, digest) in entries.items()}


@given(st.text())
def test_no_text_breaks_the_reader_of_lists(text: str) -> None:
    notice, wrong = sums.parse(text, "x.sha256")
    assert wrong or all(not name_fault(file.name) and file.digests for file in notice.files)


@pytest.mark.parametrize("name", ["app.tar.gz.sha256", "app.tar.gz.SHA256SUM"])
def test_one_digest_alone_is_of_the_file_whose_name_it_bears(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, f"{SHA}\r\n", name)[1].files == (File("app.tar.gz", sha256=SHA),)


def test_one_digest_alone_in_a_file_of_another_name_says_nothing(tmp_path: Path) -> None:
    assert "does not say of what" in problems(tmp_path, SHA, "digest.txt")[0]
    assert "does not say of what" in problems(tmp_path, SHA, "app.tar.gz.md5")[0]
    assert "without a name" in problems(tmp_path, f"{SHA}\n{SHA}\n", "app.sha256")[0]


def test_digests_of_several_algorithms_come_together(tmp_path: Path) -> None:
    text = f"SHA256 (a) = {SHA}\nMD5 (a) = {'0' * 32}\n{SHA}  ./a\n"
    assert read(tmp_path, text)[1].files == (File("a", sha256=SHA, md5="0" * 32),)


def test_every_wrong_line_of_a_list_is_named(tmp_path: Path) -> None:
    lines = [
        f"{SHA}  good", f"{SHA}  dir/app", f"{SHA}  dir\\app", f"{SHA[:-2]}  short", "hello", f"SHA3-256 (x) = {SHA}", f"SHA512 (x) = {SHA}",
        f"{'1' * 64}  good", f"\\{SHA}  a\\nb", f"\\{SHA}  a\\tb", f"{SHA}  ..", f"{SHA}  {'x' * 300}",
    ]  # fmt: skip
    said = problems(tmp_path, "\n".join(lines))
    assert [int(line.split(" ")[0]) for line in said] == list(range(2, 13))


def test_an_empty_list_is_no_notice(tmp_path: Path) -> None:
    assert "no digest" in problems(tmp_path, "# nothing\n\n", kind="sums")[0]


# ------------------------------------------------------------------ by hand


def test_by_hand_the_digest_says_its_algorithm_and_the_size_may_be_left_out() -> None:
    notice = reading.by_hand([f"a:13:{SHA.upper()}:https://h/a?x=1:2", f"b::{'0' * 128}"])
    assert notice.files == (File("a", 13, sha256=SHA, url="https://h/a?x=1:2"), File("b", sha512="0" * 128))


def test_by_hand_every_problem_is_said() -> None:
    with pytest.raises(BadInput) as bad:
        reading.by_hand(["a", f"b:x:{SHA}", f"../c:1:{SHA}", f"d:1:{SHA}:file:///etc/passwd"])
    assert len(bad.value.problems) == 4


def test_a_product_nobody_defined_and_a_document_without_files_are_said(tmp_path: Path) -> None:
    def other_product(data: dict[str, Any]) -> None:
        data["vulnerabilities"][0]["product_status"]["fixed"] = ["CSAFPID-NOWHERE"]

    found = problems(tmp_path, advisory(other_product))
    assert len(found) == 1 and "vulnerabilities[0].product_status.fixed: a product that product_tree does not define" in found[0]

    def no_tree(data: dict[str, Any]) -> None:
        del data["product_tree"]
        for one in data["vulnerabilities"]:
            one.pop("product_status", None)

    path = tmp_path / "bare.json"
    path.write_text(advisory(no_tree), "utf-8")
    _kind, notice = reading.read(path)
    assert not notice.files and any("fill in notice.files by hand" in remark for remark in notice.remarks)


def test_an_empty_document_is_said_to_be_empty(tmp_path: Path) -> None:
    assert problems(tmp_path, '{"document": {}}') == ["1 document: empty"]


def test_a_clearsigned_list_is_to_be_verified_first(tmp_path: Path) -> None:
    text = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + "a" * 64 + "  app.tar.gz\n-----BEGIN PGP SIGNATURE-----\n\nxyz\n-----END PGP SIGNATURE-----\n"
    )
    assert "clearsigned" in problems(tmp_path, text)[0]
