"""Mails that really travel, to a server of our own."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app import clock
from app.messages import operations
from app.outbox import MAX_ATTEMPTS
from app.policy import Actor, Grant, Permission
from tests.services import free_port
from tests.workers.sink import Sink
from tests.workers.trade import House
from workers.treatment import treat_due

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
ADMIN = Actor("agent", None, "Une administratrice", (Grant("admin", frozenset({Permission.MAIL_READ})),))


def run(house: House) -> int:
    return treat_due(house.database, house.settings)


def test_a_mail_arrives_with_the_message_id_of_its_fact(house: House, sink: Sink) -> None:
    house = house.with_mail(sink.url)
    fact = house.emit("test.letter", to="parent@example.org", subject="Réservé : « l’été » — dès 8 h")
    run(house)
    [mail] = sink.mails
    assert mail["Subject"] == "Réservé : « l’été » — dès 8 h"
    assert mail["To"] == "parent@example.org"
    assert mail.get_content().replace("\r\n", "\n") == "Bonjour,\n\nÀ bientôt.\n"
    assert sink.message_ids == [f"<{fact.hex}.0@127.0.0.1>"]
    [row] = house.mails()
    assert (row.state, row.attempts, row.error) == ("sent", 1, None)
    assert row.sent_at is not None
    assert house.fact(fact).state == "done"


def test_a_refused_recipient_fails_at_once_and_the_others_get_their_mail(house: House, sink: Sink) -> None:
    sink.answers["gone@example.org"] = "550 5.1.1 gone@example.org unknown"
    house = house.with_mail(sink.url)
    fact = house.emit("test.pair", to=["gone@example.org", "parent@example.org"])
    run(house)
    assert [mail["To"] for mail in sink.mails] == ["parent@example.org"]
    assert [(row.recipient, row.state, row.error) for row in house.mails()] == [
        ("gone@example.org", "failed", "destinataire refusé (550)"),
        ("parent@example.org", "sent", None),
    ]
    assert house.fact(fact).state == "done"


def test_a_server_that_asks_to_wait_is_tried_again_and_nobody_gets_two_mails(house: House, sink: Sink) -> None:
    sink.answers["later@example.org"] = "451 4.7.1 greylisted"
    house = house.with_mail(sink.url)
    with clock.frozen(NOON) as now:
        fact = house.emit("test.pair", to=["later@example.org", "parent@example.org"])
        run(house)
        assert [mail["To"] for mail in sink.mails] == ["parent@example.org"]
        row = house.fact(fact)
        assert (row.state, row.error) == ("pending", "Courriel : destinataire refusé (451)")
        sink.answers.clear()
        now.advance(seconds=31)
        run(house)
    assert [mail["To"] for mail in sink.mails] == ["parent@example.org", "later@example.org"]
    assert house.fact(fact).state == "done"
    assert {row.state for row in house.mails()} == {"sent"}


def test_a_mail_that_never_leaves_ends_as_failed_and_an_administrator_sends_it_again(house: House, sink: Sink) -> None:
    away = house.with_mail(f"smtp://127.0.0.1:{free_port()}")
    with clock.frozen(NOON) as now:
        fact = away.emit("test.letter", to="parent@example.org", sensitive=True)
        for _ in range(MAX_ATTEMPTS):
            assert run(away) == 1
            now.advance(hours=3)
        [row] = away.mails()
        assert (row.state, row.attempts, row.body) == ("failed", MAX_ATTEMPTS, "")
        assert row.error == "serveur injoignable (ConnectionRefusedError)"
        assert away.fact(fact).state == "failed"

        back = house.with_mail(sink.url)
        with back.database.transaction() as session:
            operations.retry_mail(session, ADMIN, row.id)
        run(back)
    assert sink.message_ids == [row.message_id]
    assert sink.mails[0].get_content().replace("\r\n", "\n") == "Bonjour,\n\nÀ bientôt.\n"
    [row] = back.mails()
    assert (row.state, row.body, row.error) == ("sent", "", None)


def test_a_sensitive_text_is_never_stored_when_it_leaves_by_smtp(house: House, sink: Sink) -> None:
    house = house.with_mail(sink.url)
    sink.answers["parent@example.org"] = "451 wait"
    with clock.frozen(NOON) as now:
        house.emit("test.letter", to="parent@example.org", sensitive=True)
        house.emit("test.letter", to="other@example.org")
        run(house)
        assert {row.recipient: row.body for row in house.mails()} == {
            "parent@example.org": "",
            "other@example.org": "Bonjour,\n\nÀ bientôt.\n",
        }
        sink.answers.clear()
        now.advance(seconds=31)
        run(house)
    assert len(sink.mails) == 2
    assert all("À bientôt." in mail.get_content() for mail in sink.mails)


def test_a_refused_content_is_not_tried_again(house: House, sink: Sink) -> None:
    sink.data_answer = "554 5.7.1 no"
    house = house.with_mail(sink.url)
    fact = house.emit("test.letter", to="parent@example.org")
    run(house)
    [row] = house.mails()
    assert (row.state, row.error) == ("failed", "message refusé (554)")
    assert house.fact(fact).state == "done"


def test_dots_and_long_lines_arrive_whole(house: House, sink: Sink) -> None:
    house = house.with_mail(sink.url)
    house.emit("test.letter", to="parent@example.org", subject="é" * 240)
    run(house)
    assert sink.mails[0]["Subject"] == "é" * 240
    assert max(len(line) for line in sink.raw[0].split(b"\r\n")) <= 998


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_encryption_and_the_password_of_the_url_are_used(house: House, tls: ssl.SSLContext) -> None:
    with Sink(tls=tls, login=("mairie@example.org", "s/ecret")) as sink:
        house = house.with_mail(f"smtp://mairie%40example.org:s%2Fecret@127.0.0.1:{sink.port}?from=portail@example.org")
        house.emit("test.letter", to="parent@example.org")
        run(house)
        assert sink.encrypted == [True]
        assert sink.mails[0]["From"].addresses[0].addr_spec == "portail@example.org"


def test_a_wrong_password_is_a_failure_to_mend_not_a_lost_mail(house: House, tls: ssl.SSLContext) -> None:
    with Sink(tls=tls, login=("mairie", "right")) as sink:
        house = house.with_mail(f"smtp://mairie:wrong@127.0.0.1:{sink.port}")
        fact = house.emit("test.letter", to="parent@example.org")
        run(house)
        assert sink.mails == []
    [row] = house.mails()
    assert (row.state, row.error) == ("to_send", "le serveur a répondu 535 à la connexion")
    assert house.fact(fact).state == "pending"
    assert "wrong" not in str(house.fact(fact).error)
