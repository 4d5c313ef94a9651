"""What can be a mail at all: nothing that adds a header or a reader."""

from __future__ import annotations

import pytest

from app.mail import MailDraft
from app.messages.smtp import MailNotSent, Sender, composed

HOSTILE_ADDRESSES = [
    "",
    "nobody",
    "a@b@c.example",
    "a@example.org\r\nBcc: spy@example.org",
    "a@example.org\nX: y",
    "a@example.org\x00",
    "a@example.org,spy@example.org",
    "a@example.org;spy@example.org",
    "Léa <a@example.org>",
    '"a b"@example.org',
    " a@example.org",
    "a@example.org ",
    "@example.org",
    "a@",
    f"{'a' * 65}@example.org",
    f"a@{'b' * 200}.org",
]


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_a_mail_goes_to_exactly_one_plain_address(address: str) -> None:
    with pytest.raises(ValueError, match="one address"):
        MailDraft(address, "Bonjour", "…")


@pytest.mark.parametrize(
    "subject", ["", "  ", "a\nb", "a\r\nBcc: x@example.org", "a\x00b", "a\u2028b", "a\x85b", "\x1b[31m", "x" * 251]
)
def test_a_subject_is_one_short_line(subject: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        MailDraft("a@example.org", subject, "…")


def test_the_body_cannot_reach_the_headers_nor_end_the_mail() -> None:
    draft = MailDraft("a@example.org", "Bonjour", "Bcc: spy@example.org\n\n.\nQUIT\n")
    message = composed(draft, Sender("Valbrise", "mairie@example.org"), "<1@example.org>")
    assert message["Bcc"] is None
    assert message.get_content() == "Bcc: spy@example.org\n\n.\nQUIT\n"


def test_headers_say_who_writes_and_that_nobody_should_answer_by_machine() -> None:
    draft = MailDraft("lea@exemple-é.org", "Réservé : « l’été »", "Ça va ?\n")
    message = composed(draft, Sender("Mairie, « Valbrise »", "a@example.org", "b@example.org"), "<1@example.org>")
    assert message["From"].addresses[0].display_name == "Mairie, « Valbrise »"
    assert message["To"].addresses[0].domain == "xn--exemple--i1a.org"
    assert message["Reply-To"] == "b@example.org"
    assert message["Subject"] == "Réservé : « l’été »"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == "<1@example.org>"
    assert message.get_content_type() == "text/plain"
    assert message.get_content_charset() == "utf-8"


@pytest.mark.parametrize("address", [f"a@{'é' * 64}.org", "léa@example.org", "a..b@example.org", "a@-.b..c"])
def test_an_address_that_no_server_takes_is_refused_for_good(address: str) -> None:
    draft = MailDraft(address, "Bonjour", "…")
    with pytest.raises(MailNotSent) as refusal:
        composed(draft, Sender("Mairie", "a@example.org"), "<1@example.org>")
    assert refusal.value.permanent
