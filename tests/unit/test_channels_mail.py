# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail against a real SMTP server: TLS and its refusal, logins, answers that pass and answers that stay."""

from __future__ import annotations

import logging
import ssl
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from itops_cli import channels
from itops_cli.channels import Delivery, Message
from tests.unit.listeners import Authority, Post, authority, smtp

PASSWORD = "s3cret-mail"
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # the server of the tests
MESSAGE = Message(
    "升级通告", {"zh_CN": "# 升级通告\n\n- **内容**：grep a\\|b \\> c，见 <http://example.com/>\n", "en": "# Upgrade\n"}, "CHG-20261123-01", "announce",
    ("zhang@example.com", "li@example.com"), {"en": "Upgrade"},
)  # fmt: skip


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


def deliver(post: Post, message: Message = MESSAGE, pauses: list[float] | None = None, **more: Any) -> Delivery:
    channel = {"id": "post", "type": "mail", "host": "127.0.0.1", "port": post.port, "sender": "运维部 <it@example.com>", "tls": "none", "attempts": 3, **more}
    return channels.deliver(channel, message, {"env:MAIL": PASSWORD}.__getitem__, (pauses if pauses is not None else []).append)


def login(trusted: Authority, tls: str = "starttls") -> dict[str, Any]:
    return {"tls": tls, "ca": str(trusted.ca), "user": "itops", "secret": "env:MAIL"}


def test_the_mail_that_arrives() -> None:
    with smtp("none") as post:
        sent = deliver(post)
    assert (sent.ok, sent.attempts, sent.recipients) == (True, 1, MESSAGE.recipients), sent
    [(reached, mail)] = post.got
    assert reached == list(MESSAGE.recipients)
    assert mail["Subject"] == "升级通告"
    assert getaddresses([mail["From"]]) == [("运维部", "it@example.com")]
    assert [address for _name, address in getaddresses([mail["To"]])] == list(MESSAGE.recipients)
    assert mail["Message-ID"] == f"<{MESSAGE.id}@example.com>" and mail["Message-ID"] in sent.detail
    assert mail["Auto-Submitted"] == "auto-generated" and mail["X-Itops-Change"] == "CHG-20261123-01"
    assert parsedate_to_datetime(mail["Date"]).tzinfo is not None
    assert mail.get_content_type() == "text/plain" and mail.get_content_charset() == "utf-8" and mail["Content-Language"] == "zh-CN, en"
    text = mail.get_content()
    assert "grep a|b > c，见 http://example.com/" in text, "values as they are, no escapes of Markdown"
    assert text.index("升级通告") < text.index("# Upgrade")


def test_the_channel_chooses_the_language() -> None:
    with smtp("none") as post:
        assert deliver(post, lang=["en"]).ok
    assert post.got[0][1]["Subject"] == "Upgrade"
    assert post.got[0][1].get_content().strip() == "# Upgrade"


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_encrypted_and_logged_in(trusted: Authority, tls: str) -> None:
    with smtp(tls, trusted.context, login=True) as post:
        sent = deliver(post, **login(trusted, tls))
    assert sent.ok, sent
    assert post.logins == [(b"itops", PASSWORD.encode())]
    assert tls == "tls" or post.encrypted == [True]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize("trust", ["another authority", "the system's"])
def test_a_server_that_cannot_prove_itself_gets_nothing(trusted: Authority, tmp_path: Path, tls: str, trust: str) -> None:
    other = {"ca": str(authority(tmp_path).ca) if trust == "another authority" else None}
    with smtp(tls, trusted.context, login=True) as post:
        sent = deliver(post, **{**login(trusted, tls), **other})
    assert (sent.ok, sent.attempts, sent.recipients) == (False, 1, ())
    assert "not trusted" in sent.detail
    assert post.got == [] and post.logins == []


def test_a_server_without_starttls_gets_nothing(trusted: Authority) -> None:
    with smtp("none") as post:
        sent = deliver(post, tls="starttls", ca=str(trusted.ca))
    assert (sent.ok, sent.attempts, post.got) == (False, 1, [])
    assert "STARTTLS" in sent.detail


def test_a_password_is_never_sent_in_clear() -> None:
    with smtp("none", login=True) as post:
        sent = deliver(post, user="itops", secret="env:MAIL")
    assert (sent.ok, post.logins) == (False, [])
    assert "tls: starttls" in sent.detail


def test_a_file_of_authorities_that_is_not_there(tmp_path: Path) -> None:
    with smtp("none") as post:
        sent = deliver(post, tls="starttls", ca=str(tmp_path / "none.pem"))
    assert not sent.ok and sent.attempts == 1 and "none.pem" in sent.detail


def test_a_wrong_password_is_not_tried_again(trusted: Authority) -> None:
    with smtp("starttls", trusted.context, login=True) as post:
        channel = {"id": "post", "type": "mail", "host": "127.0.0.1", "port": post.port, "sender": "it@example.com", **login(trusted), "attempts": 3}
        sent = channels.deliver(channel, MESSAGE, lambda _ref: "wrong-planted-word", pytest.fail)
    assert (sent.ok, sent.attempts) == (False, 1)
    assert "535" in sent.detail and "wrong-planted-word" not in repr(sent)


def test_an_answer_that_passes_is_waited_for() -> None:
    pauses: list[float] = []
    with smtp("none") as post:
        post.reject = ["451 try again later", "421 busy"]
        sent = deliver(post, pauses=pauses)
    assert (sent.ok, sent.attempts, pauses) == (True, 3, [1.0, 2.0])
    assert [mail["Message-ID"] for _to, mail in post.got] == [f"<{MESSAGE.id}@example.com>"]


def test_it_is_not_tried_for_ever() -> None:
    with smtp("none") as post:
        post.reject = ["451 try again later"] * 9
        sent = deliver(post)
    assert (sent.ok, sent.attempts) == (False, 3)
    assert "451: try again later" in sent.detail


def test_an_answer_that_stays_is_not() -> None:
    with smtp("none") as post:
        post.reject = ["554 refused by policy"]
        sent = deliver(post)
    assert (sent.ok, sent.attempts) == (False, 1)
    assert "554: refused by policy" in sent.detail


def test_only_those_who_have_it_not_get_it_again() -> None:
    with smtp("none") as post:
        post.refuse = {"li@example.com": ["450 greylisted"]}
        sent = deliver(post)
    assert (sent.ok, sent.attempts, sent.recipients) == (True, 2, MESSAGE.recipients)
    assert [to for to, _mail in post.got] == [["zhang@example.com"], ["li@example.com"]]


def test_one_recipient_lost_is_a_failure_that_says_who() -> None:
    with smtp("none") as post:
        post.refuse = {"li@example.com": ["550 no such user"]}
        sent = deliver(post)
    assert (sent.ok, sent.attempts, sent.recipients) == (False, 1, ("zhang@example.com",))
    assert "li@example.com: 550 no such user" in sent.detail


def test_nobody_to_send_it_to() -> None:
    with smtp("none") as post:
        sent = deliver(post, Message("x", {"en": "x"}, "CHG-20261123-01", "announce"))
    assert (sent.ok, post.got) == (False, [])


def test_nobody_listens(trusted: Authority) -> None:
    with smtp("none") as post:
        pass
    sent = deliver(post)
    assert (sent.ok, sent.attempts, sent.recipients) == (False, 3, ())
    assert "refused" in sent.detail


def test_a_subject_cannot_become_a_header() -> None:
    evil = "x\r\nBcc: evil@example.com\r\n\r\nbody\u2028y\x00"
    for subject in (evil, "\n", "长" * 300 + "\nBcc: evil@example.com"):
        with smtp("none") as post:
            sent = deliver(post, Message(subject, {"zh_CN": "正文"}, f"CHG-1{evil}", "announce", ("zhang@example.com",)))
        assert sent.ok, sent
        [(reached, mail)] = post.got
        assert reached == ["zhang@example.com"]
        assert mail["Bcc"] is None and mail.get_content().strip() == "正文"


def test_an_address_cannot_become_two() -> None:
    with smtp("none") as post:
        sent = deliver(post, Message("x", {"en": "x"}, "CHG-1", "announce", ("a@example.com>\r\nRCPT TO:<evil@example.com",)))
    assert not sent.ok and post.got == [] and "no address" in sent.detail


def test_the_password_never_comes_out(trusted: Authority, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.NOTSET, logger="itops_cli")
    results = []
    with smtp("starttls", trusted.context, login=True) as post:
        results += [deliver(post, **login(trusted)), deliver(post, **{**login(trusted), "user": "other"}), deliver(post, **{**login(trusted), "user": "运维"})]
        post.reject = [f"554 {PASSWORD}"]
        results += [deliver(post, **login(trusted))]
    assert [sent.ok for sent in results] == [True, False, False, False]
    out = capfd.readouterr()
    assert PASSWORD not in repr(results) + out.out + out.err + caplog.text


def test_the_context_is_the_one_python_recommends(trusted: Authority) -> None:
    from itops_cli.channels import mail

    context = mail._trust({"ca": str(trusted.ca)})
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
