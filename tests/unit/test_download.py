# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads from a real server over TLS: nothing stands in the folder before it is proved, and what was cut off goes on."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from itops_cli.notices.download import Fetched, fetch
from itops_cli.notices.signatures import Keys, minisign_key
from itops_cli.notices.way import Terms
from tests.unit.fileserver import Shop, shop
from tests.unit.listeners import Authority, authority
from tests.unit.signers import Minisigner

BODY = bytes(range(256)) * 2000
SECRET = "hunter2-Zx9"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def web(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted.ca))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with shop(trusted.context, **{"app.bin": BODY}) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "staging"


def item(web: Shop, name: str = "app.bin", content: bytes = BODY, **more: Any) -> dict[str, Any]:
    return {"name": name, "url": f"{web.url}/{name}", "sha256": hashlib.sha256(content).hexdigest(), **more}


def get(folder: Path, *files: dict[str, Any], terms: Terms | None = None) -> list[Fetched]:
    return fetch(files, folder, terms or Terms(), lambda _name: lambda _have, _total: None)


def one(folder: Path, file: dict[str, Any], terms: Terms | None = None) -> Fetched:
    return get(folder, file, terms=terms)[0]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def begun(folder: Path, url: str, have: bytes, validator: str = '"v1"') -> None:
    """As an interrupted download leaves it."""
    folder.mkdir()
    (folder / ".app.bin.part").write_bytes(have)
    (folder / ".app.bin.part.state").write_text(json.dumps({"url": url, "validator": validator}), "utf-8")


# ------------------------------------------------------------------ whole


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_file_comes_proved_and_alone(web: Shop, folder: Path, chunked: bool, size: int | None) -> None:
    web.chunked = chunked
    seen: list[tuple[int, int | None]] = []
    found = fetch([item(web, size=size)], folder, Terms(), lambda _name: lambda have, total: seen.append((have, total)))[0]
    assert found.ok and (found.size, found.algorithm, found.message) == (len(BODY), "sha256", "fetched")
    assert (folder / "app.bin").read_bytes() == BODY and left(folder) == ["app.bin"]
    assert seen[-1] == (len(BODY), None if chunked and size is None else len(BODY))


def test_what_is_there_is_proved_and_not_asked_for_again(web: Shop, folder: Path) -> None:
    folder.mkdir()
    (folder / "app.bin").write_bytes(BODY)
    assert one(folder, {**item(web), "url": ""}).message == "was there already"
    assert web.got == []


def test_a_wrong_file_of_this_name_is_replaced(web: Shop, folder: Path) -> None:
    folder.mkdir()
    (folder / "app.bin").write_bytes(b"old")
    assert one(folder, item(web)).ok and (folder / "app.bin").read_bytes() == BODY


def test_a_server_that_calls_an_archive_encoded_does_not_spoil_it(web: Shop, folder: Path) -> None:
    web.encoding = "gzip"
    assert one(folder, item(web)).ok


# ------------------------------------------------------------------ resume


def test_a_cut_line_goes_on_where_it_ended(web: Shop, folder: Path) -> None:
    web.cut_after = [70_000, 70_000]
    assert one(folder, item(web)).ok and (folder / "app.bin").read_bytes() == BODY
    assert web.asked == ["", "bytes=65536-", "bytes=131072-"]


def test_what_came_is_kept_for_the_next_call(web: Shop, folder: Path) -> None:
    web.cut_after = [70_000, 0, 0, 0]
    found = one(folder, item(web))
    assert not found.ok and "kept" in found.message and "itops notice fetch" in found.remedy
    assert (folder / ".app.bin.part").read_bytes() == BODY[:65536] and not (folder / "app.bin").exists()
    assert one(folder, item(web)).ok and web.asked[-1] == "bytes=65536-"
    assert left(folder) == ["app.bin"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(web: Shop, folder: Path) -> None:
    begun(folder, f"{web.url}/app.bin", b"x" * 1000, '"v0"')
    assert one(folder, item(web)).ok and web.asked == ["bytes=1000-"]


def test_a_server_without_ranges_sends_it_anew(web: Shop, folder: Path) -> None:
    web.ranges = False
    web.cut_after = [70_000]
    assert one(folder, item(web)).ok and web.asked == ["", "bytes=65536-"]


@pytest.mark.parametrize("tag", ["", 'W/"v1"'])
def test_without_a_strong_tag_nothing_is_put_together(web: Shop, folder: Path, tag: str) -> None:
    web.tag = tag
    web.cut_after = [70_000]
    assert one(folder, item(web)).ok and web.asked == ["", ""]


def test_another_beginning_under_the_same_tag_is_found_out(web: Shop, folder: Path) -> None:
    begun(folder, f"{web.url}/app.bin", b"x" * 1000)
    assert one(folder, item(web)).ok and web.asked == ["bytes=1000-", ""]


def test_a_part_that_is_whole_or_too_long(web: Shop, folder: Path) -> None:
    begun(folder, f"{web.url}/app.bin", BODY)
    assert one(folder, item(web)).ok and web.asked == [f"bytes={len(BODY)}-"]
    (folder / "app.bin").unlink()
    folder.rmdir()
    begun(folder, f"{web.url}/app.bin", BODY + b"x")
    assert one(folder, item(web)).ok


def test_two_downloads_of_one_file_do_not_mix(web: Shop, folder: Path) -> None:
    folder.mkdir()
    with (folder / ".app.bin.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "somebody else" in one(folder, item(web)).message


# ------------------------------------------------------------------ refused


def test_a_wrong_digest_is_removed_and_named_and_the_others_are_tried(web: Shop, folder: Path) -> None:
    web.files["b.bin"] = b"b"
    bad, gone, good = get(folder, item(web, content=b"other"), item(web, "none.bin"), item(web, "b.bin", b"b"))
    assert "not that of the notice; removed" in bad.message
    assert "404" in gone.message and good.ok and left(folder) == ["b.bin"]


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_the_limit_is_not_taken(web: Shop, folder: Path, chunked: bool) -> None:
    web.chunked = chunked
    found = one(folder, item(web), Terms(size_limit=1000))
    assert "more than 1000 bytes, the limit" in found.message and "--size-limit" in found.remedy and left(folder) == []
    assert "the size in the notice" in one(folder, item(web, size=1000)).message and left(folder) == []
    assert "more than the limit" in one(folder, item(web, size=2000), Terms(size_limit=1000)).message


def test_less_than_the_notice_says_is_not_taken(web: Shop, folder: Path) -> None:
    assert "the notice says" in one(folder, item(web, size=len(BODY) + 1)).message and left(folder) == []


def test_a_length_that_is_not_true(web: Shop, folder: Path) -> None:
    web.length = len(BODY) - 10
    assert "removed" in one(folder, item(web)).message and left(folder) == []
    web.length, web.tag = len(BODY) + 10, ""
    assert "kept" in one(folder, item(web)).message and "app.bin" not in left(folder)
    web.tag = '"v1"'
    assert one(folder, item(web)).ok and (folder / "app.bin").read_bytes() == BODY


def test_redirects_are_followed_but_not_for_ever_and_not_out_of_tls(web: Shop, folder: Path) -> None:
    web.redirect = {"a": "/b", "b": "/app.bin", "loop": "/loop", "plain": "http://127.0.0.1:9/app.bin", "file": "file:///etc/passwd", "bad": "http://[::1"}
    assert one(folder, {**item(web), "url": f"{web.url}/a"}).ok
    (folder / "app.bin").unlink()
    said = {word: one(folder, {**item(web), "url": f"{web.url}/{word}"}).message for word in ("loop", "plain", "file", "bad")}
    assert "more than 5 times" in said["loop"] and "not encrypted" in said["plain"] and "not a URL" in said["file"] and "no URL" in said["bad"]
    assert left(folder) == []


def test_a_certificate_of_somebody_else_is_refused(web: Shop, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority(tmp_path / "other").ca))
    found = one(folder, item(web))
    assert "certificate is not trusted" in found.message and web.got == [] and left(folder) == []


def test_a_certificate_for_another_host_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = authority(tmp_path / "ca", "127.0.0.2")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.ca))
    with shop(other.context, **{"app.bin": BODY}) as found:
        assert "certificate is not trusted" in one(folder, item(found)).message


def test_plain_http_only_if_asked_for_and_with_a_strong_digest(folder: Path) -> None:
    with shop(None, **{"app.bin": BODY}) as found:
        assert "not encrypted" in one(folder, item(found)).message and found.got == []
        weak = {"name": "app.bin", "url": f"{found.url}/app.bin", "md5": hashlib.md5(BODY).hexdigest()}
        assert "no strong digest" in one(folder, weak, Terms(plain_http=True)).message and found.got == []
        assert one(folder, item(found), Terms(plain_http=True)).ok


def test_a_weak_digest_over_tls_is_taken_and_flagged(web: Shop, folder: Path) -> None:
    weak = {"name": "app.bin", "url": f"{web.url}/app.bin", "md5": hashlib.md5(BODY).hexdigest()}
    assert one(folder, weak).message == "fetched (weak digest)"


@pytest.mark.parametrize("wrong", [{"sha256": ""}, {"sha256": "待填"}, {"url": ""}, {"name": "../x"}, {"url": "ftp://h/x"}, {"url": "https://[/x"}])
def test_what_cannot_be_asked_for_is_refused_before_anybody_is_asked(web: Shop, folder: Path, wrong: dict[str, str]) -> None:
    found = one(folder, {**item(web), **wrong})
    assert not found.ok and found.remedy and web.got == [] and left(folder) == []


def test_a_busy_server_is_asked_again_later(web: Shop, folder: Path) -> None:
    web.status = [503]
    assert one(folder, item(web)).ok
    web.status = [503] * 4
    (folder / "app.bin").unlink()
    assert "answers 503" in one(folder, item(web)).message


def test_a_folder_that_cannot_be_written_is_said(web: Shop, folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / ".app.bin.part").symlink_to(tmp_path / "elsewhere")
    assert "cannot be written" in one(folder, item(web)).message and not (tmp_path / "elsewhere").exists()


# ------------------------------------------------------------------ proxy and logins


def test_the_proxy_given_goes_before_that_of_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    file = {**item(Shop(url="http://supplier.invalid")), "url": "http://supplier.invalid/app.bin"}
    with shop(None, **{"app.bin": BODY}) as proxy:
        assert one(folder, file, Terms(plain_http=True, proxy=proxy.url)).ok and proxy.got[0][0] == "http://supplier.invalid/app.bin"
        (folder / "app.bin").unlink()
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert one(folder, file, Terms(plain_http=True)).ok


def test_no_login_and_no_token_in_what_is_said(web: Shop, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login u password {SECRET}\n", "utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    login = item(web) | {"url": web.url.replace("//", f"//u:{SECRET}@") + "/app.bin"}
    files = [login, item(web, "none.bin") | {"url": f"{web.url}/none.bin?token={SECRET}"}]
    said = [found.as_dict() for found in get(folder, *files)] + [found.as_dict() for found in get(folder, item(web), terms=Terms(proxy=f"http://u:{SECRET}@"))]
    assert SECRET not in json.dumps(said) and not any(found["ok"] for found in said)
    assert "authorization" in web.got[0][1]
    assert SECRET not in "".join(path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file())


# ------------------------------------------------------------------ signatures


@pytest.mark.parametrize("chunked", [False, True])
def test_a_signature_beside_the_file_proves_it_and_is_not_put_into_the_folder(web: Shop, folder: Path, chunked: bool) -> None:
    web.chunked = chunked
    signer = Minisigner()
    web.files["app.bin.minisig"] = signer.sign(BODY)
    found = one(folder, item(web, signature="app.bin.minisig"), Terms(keys=Keys((minisign_key(signer.public),))))
    assert found.ok and found.proof and found.proof.key == "0807060504030201" and left(folder) == ["app.bin"]


def test_a_signature_beside_the_notice_or_with_a_url_of_its_own(web: Shop, folder: Path, tmp_path: Path) -> None:
    signer = Minisigner()
    keys = Keys((minisign_key(signer.public),))
    (tmp_path / "x.minisig").write_bytes(signer.sign(BODY))
    assert one(folder, item(web, signature="x.minisig"), Terms(keys=keys, beside=tmp_path)).proof
    web.files["y.minisig"] = signer.sign(BODY)
    assert one(folder, item(web, signature=f"{web.url}/y.minisig"), Terms(keys=keys)).proof


def test_without_the_key_nothing_is_fetched(web: Shop, folder: Path) -> None:
    web.files["s"] = Minisigner().sign(BODY)
    found = one(folder, item(web, signature="s"))
    assert "--minisign-key" in found.remedy and [path for path, _headers in web.got] == ["/s"] and left(folder) == []


def test_a_signature_that_fails_or_is_nowhere_refuses_and_removes(web: Shop, folder: Path) -> None:
    signer = Minisigner()
    terms = Terms(keys=Keys((minisign_key(signer.public),)))
    web.files |= {"bad": signer.sign(b"other"), "large": b"untrusted comment:" + b"x" * 100_000}
    for signature, why in (("bad", "not of this file"), ("none", "404"), ("large", "too large")):
        found = one(folder, item(web, signature=signature), terms)
        assert why in found.message and left(folder) == []
    (folder / "app.bin").write_bytes(BODY)
    assert not one(folder, item(web, signature="bad"), terms).ok and left(folder) == []


def test_with_the_wrong_key_what_came_waits_for_the_right_one(web: Shop, folder: Path) -> None:
    signer, stranger = Minisigner(), Minisigner(b"\xff" * 8)
    web.files["s"] = signer.sign(BODY)
    assert "was not given" in one(folder, item(web, signature="s"), Terms(keys=Keys((minisign_key(stranger.public),)))).message
    assert "app.bin" not in left(folder)
    assert one(folder, item(web, signature="s"), Terms(keys=Keys((minisign_key(signer.public),)))).ok
    assert left(folder) == ["app.bin"] and [path for path, _headers in web.got].count("/app.bin") == 2 and web.asked[-1] == f"bytes={len(BODY)}-"
