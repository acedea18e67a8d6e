# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail by SMTP: one plain text in the channel's languages to all recipients, over a connection whose server has proved who it is."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.recipients import is_address
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import plain

from itops_cli.channels import robots
from itops_cli.channels.base import Channel, DeliveryError, Message

PORTS = {"none": 25, "starttls": 587, "tls": 465}
BETWEEN = f"\n\n{'-' * 72}\n\n"
TAGS = {"zh_CN": "zh-CN", "en": "en"}  # RFC 5646


def send(channel: Channel, message: Message) -> str:
    """Hand it to the mail server. Raises DeliveryError."""
    failed: DeliveryError | None = None
    try:
        mail = composed(channel, message)
        with _connected(channel) as server:
            refused = server.send_message(mail, to_addrs=list(message.recipients))
    except (smtplib.SMTPException, OSError, UnicodeError, ValueError) as error:
        failed = _failure(channel, error)
    if failed:  # raised out here, so that nothing of the conversation hangs on it
        raise failed
    if refused:
        raise _refused(refused)
    return f"{len(message.recipients)} recipients, {mail['Message-ID']}"


def composed(channel: Channel, message: Message) -> EmailMessage:
    """The mail. Raises DeliveryError where nobody would get it, or what is no address."""
    if not message.recipients:
        raise DeliveryError("nobody to send it to")
    wrong = [address for address in message.recipients if not is_address(address)]
    if wrong:
        raise DeliveryError(f"no address: {', '.join(wrong)}")
    sender = plain(channel["sender"])
    host = parseaddr(sender)[1].rpartition("@")[2]
    langs = message.languages(channel)
    mail = EmailMessage(policy.SMTP)
    mail["Subject"] = message.title(channel)
    mail["From"] = sender
    mail["To"] = ", ".join(map(plain, message.recipients))
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = f"<{message.id}@{host if re.fullmatch(r'[A-Za-z0-9.-]+', host) else 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes in reply
    mail["X-Itops-Change"] = plain(message.change)
    mail.set_content(BETWEEN.join(robots.unescaped(message.texts[lang]).strip("\n") for lang in langs) + "\n", charset="utf-8", cte="base64")
    mail["Content-Language"] = ", ".join(TAGS.get(lang, lang) for lang in langs)
    return mail


@contextmanager
def _connected(channel: Channel) -> Iterator[smtplib.SMTP]:
    """A session that is encrypted and logged in as the channel says."""
    tls = channel.get("tls") or "starttls"
    if tls == "none" and channel.get("user"):
        raise DeliveryError("a password is never sent in clear → tls: starttls or tls in policy.yml")
    host, port, limit = str(channel["host"]), int(channel.get("port") or PORTS[tls]), float(channel.get("timeout") or 10)
    trust = _trust(channel) if tls != "none" else None
    with smtplib.SMTP_SSL(host, port, timeout=limit, context=trust) if tls == "tls" else smtplib.SMTP(host, port, timeout=limit) as server:
        if tls == "starttls":
            server.starttls(context=trust)
        if channel.get("user"):
            server.login(str(channel["user"]), str(channel.get("secret") or ""))
        yield server


def _trust(channel: Channel) -> ssl.SSLContext:
    """The system's authorities, or the one named; the server's name is compared."""
    unusable = ""
    try:
        return ssl.create_default_context(cafile=channel.get("ca") or None)
    except OSError as error:
        unusable = error.strerror or str(error)
    raise DeliveryError(f"{channel.get('ca')}: {unusable} → a file with certificates: ca in policy.yml")


def _failure(channel: Channel, error: Exception) -> DeliveryError:
    """The error in words: passing unless the server said 5xx, or asking again cannot help."""
    where = f"{channel['host']}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _refused(error.recipients)
    if isinstance(error, smtplib.SMTPResponseException):
        return DeliveryError(f"{where} answers {error.smtp_code}: {_words(error.smtp_error)}", 400 <= error.smtp_code < 500 or error.smtp_code < 0)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return DeliveryError(f"{where}: {error}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return DeliveryError(f"{where}: its certificate is not trusted ({error.verify_message}) → name the authority's file: ca in policy.yml")
    if isinstance(error, UnicodeError):
        return DeliveryError("user or password has characters that a mail login cannot carry")
    if isinstance(error, ValueError):
        return DeliveryError(f"not a mail: {error}")
    reason = error.strerror if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException) else str(error)
    return DeliveryError(f"{where}: {reason or 'no answer in time'}", True)


def _refused(answers: dict[str, tuple[int, bytes]]) -> DeliveryError:
    """Some recipients or all were not taken; the others have it."""
    text = "; ".join(f"{address}: {code} {_words(said)}" for address, (code, said) in answers.items())
    return DeliveryError(f"refused for {text}", any(400 <= code < 500 for code, _said in answers.values()), tuple(answers))


def _words(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
