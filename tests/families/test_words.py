"""The number of a family, and how what an agent types becomes words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.families import numbers, words


def test_a_drawn_number_has_ten_digits_and_does_not_start_like_a_phone() -> None:
    drawn = {numbers.draw() for _ in range(200)}
    assert all(numbers.valid(number) and number[0] != "0" for number in drawn)
    assert len(drawn) == 200


@given(st.integers(100_000_000, 999_999_999), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(stem: int, place: int, shift: int) -> None:
    number = str(stem) + numbers.check_digit(str(stem))
    wrong = list(number)
    wrong[place] = str((int(wrong[place]) + shift) % 10)
    assert numbers.valid(number)
    assert not numbers.valid("".join(wrong))


@pytest.mark.parametrize("text", ["", "12345", "١٢٣٤٥٦٧٨٩٠", "12345678901", "abcdefghij"])
def test_what_is_no_number_is_not_valid(text: str) -> None:
    assert not numbers.valid(text)


@pytest.mark.parametrize(
    ("typed", "tokens"),
    [
        ("Dupont", ["dupont"]),
        ("  LÉA   durand-petit ", ["lea", "durand", "petit"]),
        ("L’Hôte", ["l", "hote"]),
        ("Cœur", ["coeur"]),
        ("06 12 34 56 78", ["0612345678"]),
        ("+33 6 12 34 56 78", ["0612345678"]),
        ("0033612345678", ["0612345678"]),
        ("123 456 789 0", ["1234567890"]),
        ("Camille@Example.org", ["camille@example.org"]),
        ("a", []),
        ("é", []),
        ("", []),
        ("%", []),
        ("a b c", []),
        ("dupont dupont", ["dupont"]),
        ("un deux trois quatre cinq six sept", ["un", "deux", "trois", "quatre", "cinq"]),
    ],
)
def test_what_is_typed_becomes_prefixes(typed: str, tokens: list[str]) -> None:
    assert words.query_tokens(typed) == tokens


@given(st.text(max_size=300))
def test_nothing_typed_makes_the_search_fail_or_too_wide(typed: str) -> None:
    tokens = words.query_tokens(typed)
    assert len(tokens) <= words.MAX_TOKENS
    assert all(0 < len(token) <= 200 for token in tokens)
    assert not tokens or max(map(len, tokens)) >= words.SHORTEST


@given(st.from_regex(r"[A-Za-zÀ-ÿœŒ]{2,20}([ '’-][A-Za-zÀ-ÿ]{2,20})?", fullmatch=True), st.data())
def test_the_beginning_of_a_name_is_the_beginning_of_one_of_its_words(name: str, data: st.DataObject) -> None:
    stored = words.name_words(name)
    for token in words.query_tokens(name):
        shorter = token[: data.draw(st.integers(1, len(token)))]
        assert any(word.startswith(shorter) for word in stored)
