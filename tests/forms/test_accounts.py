"""The hand-written forms: French messages, bounds, and passwords left exactly as typed."""

from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from forms import accounts


def make(form_class: Any, **posted: Any) -> Any:
    form = form_class(MultiDict(posted))
    form.validate()
    return form


def errors(form: Any) -> dict[str, list[str]]:
    return {name: [str(text) for text in texts] for name, texts in form.errors.items()}


def test_signing_in_needs_both_and_normalises_only_the_address() -> None:
    form = make(accounts.SignInForm, email=" Anne@EXAMPLE.org ", password=" a\u00e9 ")
    assert errors(form) == {}
    assert form.email.data == "Anne@example.org"
    assert form.password.data == " a\u00e9 "
    assert set(errors(make(accounts.SignInForm))) == {"email", "password"}
    assert errors(make(accounts.SignInForm))["email"] == ["Indiquez votre adresse e-mail."]


@pytest.mark.parametrize(
    "text", ["anne", "a@b", "\0@example.org", "a" * 9000 + "@example.org", "a@example.org\nBcc: b"]
)
def test_bad_addresses_are_refused_once_in_french(text: str) -> None:
    for form_class in (accounts.ForgottenPasswordForm, accounts.ForgottenIdentifierForm):
        found = errors(make(form_class, email=text))
        assert len(found["email"]) == 1
        assert found["email"][0][0].isupper()
        assert "nvalid" not in found["email"][0]


def test_a_password_is_bounded_and_never_trimmed_nor_sent_back() -> None:
    long = "é" * 512
    form = make(accounts.ChoosePasswordForm, password=long, confirmation=long)
    assert errors(form) == {}
    assert long not in form.password()
    too_long = make(accounts.ChoosePasswordForm, password="a" * 513, confirmation="a" * 513)
    assert "512" in errors(too_long)["password"][0]
    nul = make(accounts.ChoosePasswordForm, password="a\0b" * 9, confirmation="a\0b" * 9)
    assert errors(nul)["password"] == ["Ce mot de passe contient un caractère interdit."]


def test_the_confirmation_must_be_the_same_to_the_last_character() -> None:
    form = make(accounts.ChoosePasswordForm, password="Un beau jour 12", confirmation="Un beau jour 12 ")
    assert errors(form) == {"confirmation": ["Les deux mots de passe sont différents."]}


def test_changing_a_password_asks_the_current_one_first() -> None:
    assert list(accounts.ChangePasswordForm()._fields) == ["current", "password", "confirmation"]
    assert list(errors(make(accounts.ChangePasswordForm))) == ["current", "password", "confirmation"]


@pytest.mark.parametrize(("typed", "code"), [("123456", "123456"), (" 123 456 ", "123456"), ("123\u00a0456", "123456")])
def test_a_code_may_be_grouped(typed: str, code: str) -> None:
    form = make(accounts.TotpForm, code=typed)
    assert errors(form) == {}
    assert form.code.data == code


@pytest.mark.parametrize("typed", ["12345", "1234567", "12345a", "１２３４５６", "", "\0" * 6, "1" * 500])
def test_a_bad_code_is_refused(typed: str) -> None:
    assert len(errors(make(accounts.TotpForm, code=typed))["code"]) == 1


def test_messages_are_cleaned_and_bounded() -> None:
    form = make(accounts.MessageForm, subject="Repas\r\nBcc: x", body="Bonjour\u202e,\r\n\r\nmerci \0"[:-2])
    assert errors(form) == {}
    assert form.subject.data == "Repas Bcc: x"
    assert form.body.data == "Bonjour,\n\nmerci"
    long = make(accounts.MessageForm, subject="a" * 151, body="b" * 5001)
    assert set(errors(long)) == {"subject", "body"}
    blank = make(accounts.MessageForm, subject=" \u200b ", body="\n\n")
    assert set(errors(blank)) == {"subject", "body"}


def test_the_application_can_refuse_on_a_field() -> None:
    form = make(accounts.ChangeEmailForm, email="a@example.org", password="x")
    form.refuse("password", "Ce mot de passe n’est pas le bon.")
    assert form.error_links == [("password", "Ce mot de passe n’est pas le bon.")]


def test_an_invitation_names_somebody() -> None:
    form = make(accounts.InviteParentForm, given_name=" ", family_name="O’Neill", email="a@example.org")
    assert list(errors(form)) == ["given_name"]
