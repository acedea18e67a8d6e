# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted secrets come out of everything that is written, in every form; harmless text stays as it is. And placeholders."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.itops.maintenance.plugins.module_utils.secret_patterns import MARK
from ansible_collections.itops.maintenance.plugins.plugin_utils import placeholders
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import UnknownPlaceholder, Values
from ansible_collections.itops.maintenance.plugins.plugin_utils.redact import Redactor, redact
from hypothesis import given
from hypothesis import strategies as st

SECRET = 'it\'s a %20 "sécret" +/ 密码?>'
VAULT = "$ANSIBLE_VAULT;1.1;AES256\n" + "\n".join(["6162636465" * 16] * 3)
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\nAAAA\n-----END OPENSSH PRIVATE KEY-----"
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda s: json.dumps(s)[1:-1],
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "url": lambda s: quote(s, safe=""),
    "url path": quote,
    "form": quote_plus,
    "shell": shlex.quote,
    "repr": lambda s: repr(s)[1:-1],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [SECRET, "hunter2", "p&ss=w rd", "a/b+c", "多字节密码", "x\ty\nz"])
def test_a_known_value_goes_in_every_form(secret: str, form: str) -> None:
    said = Redactor([secret])(f"before {FORMS[form](secret)} after")
    assert said.startswith("before ") and said.endswith(" after") and MARK in said
    assert FORMS[form](secret) not in said


@given(before=st.binary(max_size=5), after=st.binary(max_size=5), secret=st.text(min_size=6, max_size=20), safe=st.booleans())
def test_a_known_value_goes_from_within_any_base64(before: bytes, after: bytes, secret: str, safe: bool) -> None:
    """Wherever in the encoded text it stands; at most the characters it shares with its neighbours are left."""
    encode = base64.urlsafe_b64encode if safe else base64.b64encode
    said = Redactor([secret])(encode(before + secret.encode() + after).decode())
    assert MARK in said and len(said.replace(MARK, "")) <= len(encode(before + after)) + 8


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("mysql --password hunter2 db", "hunter2"), ("mysqldump -u root -phunter2 db", "hunter2"), ("curl --token=hunter2", "hunter2"),
        ("tool --api-key 'hun ter2' x", "hun ter2"), ("Authorization: Bearer hunter2.abc", "hunter2"), ("authorization: Basic aHVudGVyMg==", "aHVudGVyMg"),
        ("postgres://app:hunter2@db/x", "hunter2"), ("git clone https://me:hunter2@host/r.git", "hunter2"), ("DB_PASSWORD=hunter2", "hunter2"),
        ('{"db_password": "hunter2"}', "hunter2"), ("secret_key: hunter2", "hunter2"), ("PGPASSWORD='hun ter2' psql", "hun ter2"),
        (f"key:\n{PEM}\nend", "b3BlbnNzaC1r"), (PEM[:60], "b3Bl"), (VAULT, "6162636465"), ("export AWS=AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP"),
        ("ghp_" + "a1" * 20, "a1a1"), ("glpat-" + "x" * 20, "xxxx"), ("xoxb-1234567890-abc", "1234567890"),
        ("curl -s -u admin:hunter2 https://h/", "hunter2"), ("curl --user 'admin:hun ter2' https://h/", "hun ter2"), ("sshpass -p hunter2 ssh host", "hunter2"),
        ("sshpass -phunter2 ssh host", "hunter2"), ("redis-cli -h db -a hunter2 ping", "hunter2"), ("ldapsearch -x -D cn=a -w hunter2", "hunter2"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_1", "eyJzdWIi"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_goes_without_being_known(text: str, secret: str) -> None:
    assert secret in text and secret not in redact(text) and MARK in redact(text)
    assert secret not in json.dumps(redact({"deep": [{"cmd": text}]}), ensure_ascii=False)


@pytest.mark.parametrize(
    "key", ["password", "db_password", "PASSWORD", "ansible_become_pass", "api_key", "secret", "passwd", "private-key", "auth_token", "passwords"]
)
def test_a_value_goes_with_the_name_of_its_key(key: str) -> None:
    assert redact({key: "hunter2"}) == redact({key: 12345}) == {key: MARK}
    assert redact({key: ["hunter2", "other"]}) == {key: [MARK, MARK]}
    assert redact({key: "%{db_password}"}) == {key: "%{db_password}"}, "a placeholder is no secret"
    assert redact({key: ""}) == {key: ""} and redact({key: None}) == {key: None} and redact({key: True}) == {key: True}


def test_an_option_with_its_secret_in_the_next_argument() -> None:
    said = redact({"args": ["mysql", "--password", "hunter2", "--user", "li", "--token", "%{t}"]})
    assert said == {"args": ["mysql", "--password", MARK, "--user", "li", "--token", "%{t}"]}


def test_what_ansible_keeps_for_itself_goes_and_keys_are_looked_at_as_well() -> None:
    assert redact({"_ansible_no_log": True, "x": 1}) == {"x": 1}
    assert Redactor(["hunter2"])({"as hunter2": 1}) == {f"as {MARK}": 1}


HARMLESS = [
    "升级到 2.0", "systemctl restart nginx", "http://127.0.0.1:8000/", "passed", "the tokens of a parser", "https://host/path?x=1", "keyboard: 1",
    "user@host:/path", "ssh -p 22 host", "a secret is nothing", "检查密码管理方式", "rc 0", "mail to li@example.org", "sha256:" + "ab" * 32,
    "curl -u %{user} https://h/", "curl -sS http://127.0.0.1/a:b", "sshpass -f /etc/pw ssh -p 22 host", "docker run -u 1000:1000 x", "ldapsearch -x -W -b dc=a",
]  # fmt: skip


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays(text: str) -> None:
    assert redact(text) == text
    assert redact({"text": [text, 1, None, True]}) == {"text": [text, 1, None, True]}


def test_our_own_words_stay() -> None:
    own = {"credentials": {"custody": "software", "ref": "pass:web"}, "token": "web1:patch-1:17", "passed": 3}
    assert redact(own) == own


def test_nothing_and_what_is_too_short_is_not_looked_for() -> None:
    assert Redactor(["", "ab"])("about abba") == "about abba"


@given(st.text())
def test_what_is_redacted_stays_so(text: str) -> None:
    assert redact(redact(text)) == redact(text)


# ------------------------------------------------------------------ placeholders

NORTH = Values({"host": "web1", "region": "north"}, {"db_password": "hunter2"})


def test_placeholders_are_filled_everywhere_and_secret_ones_never_shown() -> None:
    step = {"command": "load %{region} %{db_password}", "list": ["%{host}", 1, ("%{host}%{host}",)], "n": 5}
    assert NORTH.fill(step) == {"command": "load north hunter2", "list": ["web1", 1, ["web1web1"]], "n": 5}
    assert NORTH.show(step)["command"] == "load north %{db_password}"
    assert list(placeholders.names(step)) == ["region", "db_password", "host", "host", "host"]


def test_a_name_without_a_value_says_which_there_are() -> None:
    with pytest.raises(UnknownPlaceholder, match=r"%\{nowhere\} has no value on \S+; known are: db_password, host, region"):
        NORTH.fill("%{nowhere}")


@pytest.mark.parametrize("text", ["{{ lookup('pipe', 'id') }}", "%{}", "%{1a}", "%{ host }", "$(id)", "%%", "%host"])
def test_nothing_else_is_ever_replaced(text: str) -> None:
    assert NORTH.fill(text) == text and list(placeholders.names(text)) == []


def test_a_value_is_not_looked_through_again() -> None:
    assert Values({"a": "%{b}", "b": "x"}).fill("%{a}") == "%{b}"


@pytest.mark.parametrize(("name", "secret"), [("db_password", True), ("API_KEY", True), ("private_key_file", True), ("session_token", True), ("region", False)])
def test_names_that_are_taken_for_secrets(name: str, secret: bool) -> None:
    assert placeholders.is_secret(name) is secret
