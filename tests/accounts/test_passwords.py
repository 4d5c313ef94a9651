"""R-70: what a password must be."""

from __future__ import annotations

import pytest

from app.accounts.passwords import MAX_BYTES, check_password, hash_password, verify

MARIE = ("Marie", "Durand-Leroy", "marie.durand@example.org", "Valbrise")


@pytest.mark.parametrize(
    "password",
    [
        "quatre chevaux sous un parapluie",
        "Kt7#pQ2!mZ9x",
        "tournesol vélo brouillard",
        "日本語のパスワードは長い",
        "x7 Ω lampadaire ñandú",
    ],
)
def test_a_long_unguessable_password_is_good_whatever_it_is_made_of(password: str) -> None:
    assert check_password(password, MARIE) == []


@pytest.mark.parametrize("password", ["", "a", "Kt7#pQ2!mZ9", "é" * 11])
def test_eleven_characters_are_not_enough(password: str) -> None:
    assert any("au moins 12 caractères" in unmet for unmet in check_password(password))


@pytest.mark.parametrize(
    "password",
    [
        "azertyuiop123",
        "AZERTYUIOP123",
        "MotDePasse2026!",
        "mot de passe 2026",
        "motdepassemotdepasse",
        "JeTaimeMonAmour",
        "portailfamille2026",
        "123456789012",
    ],
)
def test_what_french_people_type_is_refused_under_any_disguise(password: str) -> None:
    assert any("plus utilisés" in unmet for unmet in check_password(password))


@pytest.mark.parametrize("password", ["MarieDurand1985", "durand-leroy38", "marie.durand@example.org", "valbrise12345"])
def test_names_and_address_do_not_make_a_password(password: str) -> None:
    assert check_password(password, MARIE)


def test_a_password_of_512_bytes_is_accepted_and_one_more_is_not() -> None:
    longest = ("un deux lampadaire " * 40)[:MAX_BYTES]
    assert check_password(longest) == []
    assert "trop long" in check_password(longest + "x")[0]
    assert "trop long" in check_password("é" * 257)[0]


def test_the_same_letters_from_another_keyboard_are_the_same_password() -> None:
    assert verify(hash_password("été caramel brouillard"), "e\u0301te\u0301 caramel brouillard")


def test_a_password_is_compared_whole_with_case_and_spaces() -> None:
    stored = hash_password("quatre chevaux sous un parapluie")
    assert not verify(stored, "quatre chevaux sous un parapluie ")
    assert not verify(stored, "Quatre chevaux sous un parapluie")
    assert not verify(stored, "quatre chevaux sous un paraplui")


@pytest.mark.parametrize("hostile", ["", "x" * 100_000, "\ud800" * 20, "\0" * 12])
def test_hostile_passwords_are_wrong_and_nothing_else(hostile: str) -> None:
    assert not verify(hash_password("quatre chevaux sous un parapluie"), hostile)
    assert not verify(None, hostile)


def test_a_stored_hash_that_is_not_one_lets_nobody_in() -> None:
    assert not verify("not a hash", "quatre chevaux sous un parapluie")
