"""Compulsory vaccinations by birth date: nothing less, nothing more."""

from datetime import date

import pytest

from app.families.vaccinations import compulsory, missing, provisional_until, rules

DTP = ("diphterie", "tetanos", "poliomyelite")


@pytest.mark.parametrize(
    ("birth", "count"),
    [
        (date(2010, 5, 1), 3),
        (date(2017, 12, 31), 3),
        (date(2018, 1, 1), 11),
        (date(2023, 6, 30), 11),
        (date(2023, 7, 1), 12),
        (date(2026, 2, 14), 12),
    ],
)
def test_what_may_be_asked_depends_on_the_birth_date(birth: date, count: int) -> None:
    assert len(compulsory(birth)) == count
    assert set(DTP) <= set(compulsory(birth))


def test_a_child_born_before_2018_is_asked_nothing_but_dtp() -> None:
    assert missing(date(2017, 12, 31), ["tetanos"]) == ("diphterie", "poliomyelite")
    assert missing(date(2017, 12, 31), DTP) == ()


def test_acwy_protects_from_c_but_c_not_from_acwy() -> None:
    older, younger = date(2020, 1, 1), date(2025, 1, 1)
    assert "meningocoque_c" not in missing(older, ["meningocoque_acwy"])
    assert "meningocoque_acwy" in missing(younger, ["meningocoque_c"])


def test_every_rule_names_its_text_and_only_valences_that_have_a_french_name() -> None:
    table = rules()
    assert len(table.rules) == 3
    for rule in table.rules:
        assert len(rule.source) > 20
        assert set(rule.valences) <= table.labels.keys()
        assert len(set(rule.valences)) == len(rule.valences)
    assert table.labels.keys() == {valence for rule in table.rules for valence in rule.valences}


def test_a_provisional_admission_lasts_three_months() -> None:
    assert provisional_until(date(2026, 11, 30)) == date(2027, 2, 28)
