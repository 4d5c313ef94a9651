"""Sending by SMTP: ``smtp://user:password@host:587`` or ``smtps://…``, with ``?from=address`` for another sender."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

from app import clock
from app.mail import MailDraft

#: Seconds for each exchange with the server. A worker has 50 s for a fact.
TIMEOUT = 12


class MailNotSent(Exception):
    """The server did not take a mail. ``permanent``: it never will. ``cause`` holds codes, never an address."""

    def __init__(self, cause: str, *, permanent: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.permanent = permanent


@dataclass(frozen=True)
class Sender:
    """Who writes: ``name <address>``, and where answers go (``reply_to`` may be empty)."""

    name: str
    address: str
    reply_to: str = ""


def sender_in(mail_url: str) -> str:
    """The address after ``?from=``, or an empty text."""
    return parse_qs(urlsplit(mail_url).query).get("from", [""])[0]


def composed(draft: MailDraft, sender: Sender, message_id: str) -> EmailMessage:
    """The mail as it travels: plain text, UTF-8, marked as automatic so that nobody's absence notice answers it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(sender.name, addr_spec=sender.address)
    message["To"] = _recipient(draft.to)
    if sender.reply_to and sender.reply_to != sender.address:
        message["Reply-To"] = Address(addr_spec=sender.reply_to)
    message["Subject"] = draft.subject
    message["Date"] = format_datetime(clock.in_paris(clock.now()))
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["Content-Language"] = "fr"
    message.set_content(draft.body, charset="utf-8")
    return message


def _recipient(address: str) -> Address:
    """The address with its domain in ASCII. What cannot be an address (an accent before the @…) is refused for good."""
    local, _, domain = address.rpartition("@")
    try:
        return Address(addr_spec=f"{local}@{domain.encode('idna').decode()}")
    except (ValueError, HeaderParseError) as error:
        raise MailNotSent("adresse impossible", permanent=True) from error


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(host: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if _is_local(host):
        # the relay of this very machine usually has a certificate of its own making
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _opened(mail_url: str) -> smtplib.SMTP:
    url = urlsplit(mail_url)
    host = url.hostname or "localhost"
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, url.port or 465, timeout=TIMEOUT, context=_tls(host))
    else:
        server = smtplib.SMTP(host, url.port or (587 if url.username else 25), timeout=TIMEOUT)
    try:
        server.ehlo()
        encrypted = url.scheme == "smtps"
        if not encrypted and server.has_extn("starttls"):
            server.starttls(context=_tls(host))
            server.ehlo()
            encrypted = True
        if url.username:
            if not encrypted and not _is_local(host):
                raise MailNotSent(
                    "le serveur n’offre pas de chiffrement, le mot de passe n’a pas été envoyé", permanent=False
                )
            server.login(unquote(url.username), unquote(url.password or ""))
    except BaseException:
        server.close()
        raise
    return server


@contextmanager
def connection(mail_url: str) -> Iterator[smtplib.SMTP]:
    """A server ready to take mails. Raises MailNotSent (never permanent) when it cannot be reached."""
    try:
        server = _opened(mail_url)
    except smtplib.SMTPResponseException as error:
        raise MailNotSent(f"le serveur a répondu {error.smtp_code} à la connexion", permanent=False) from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailNotSent(f"serveur injoignable ({type(error).__name__})", permanent=False) from error
    try:
        yield server
    finally:
        try:
            server.quit()
        except (OSError, smtplib.SMTPException):
            server.close()


def send(server: smtplib.SMTP, message: EmailMessage) -> None:
    """Hands one mail over. Raises MailNotSent; 5xx on recipient or content is permanent (RFC 5321, 4.2.1)."""
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code = next((code for code, _text in error.recipients.values()), 0)
        raise MailNotSent(f"destinataire refusé ({code})", permanent=500 <= code < 600) from error
    except smtplib.SMTPSenderRefused as error:
        # the address of the commune is refused: somebody has to mend the settings, then it will pass
        raise MailNotSent(f"expéditeur refusé ({error.smtp_code})", permanent=False) from error
    except smtplib.SMTPDataError as error:
        raise MailNotSent(f"message refusé ({error.smtp_code})", permanent=500 <= error.smtp_code < 600) from error
    except smtplib.SMTPResponseException as error:
        raise MailNotSent(f"le serveur a répondu {error.smtp_code}", permanent=False) from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailNotSent(f"connexion perdue ({type(error).__name__})", permanent=False) from error
