"""What a day costs (R-51, R-52), from the tariffs of Valbrise, and the tariffs that are refused (R-50)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agenda.prices import Tariff, price_of, read_tariff
from app.errors import Refused

CANTEEN = {
    "brackets": [
        {"from": 0, "to": 400, "cents": 100},
        {"from": 400, "to": 700, "cents": 100},
        {"from": 700, "to": 1000, "cents": 240},
        {"from": 1000, "to": 1300, "cents": 330},
        {"from": 1300, "to": 1700, "cents": 410},
        {"from": 1700, "to": None, "cents": 490},
    ],
    "without_qf": 490,
    "outside": 560,
}
CENTRE = {"rate": "1.20", "floor": 600, "ceiling": 1950, "outside": 2400}
EVENING = {"rate": "0.16", "floor": 80, "ceiling": 240}
LINEAR = {"rate": "0.36", "floor": 260, "ceiling": 450}


@pytest.mark.parametrize(
    ("tariff", "qf", "cents"),
    [
        (CANTEEN, 0, 100),
        (CANTEEN, 640, 100),
        (CANTEEN, 699, 100),
        (CANTEEN, 700, 240),
        (CANTEEN, 1699, 410),
        (CANTEEN, 1700, 490),
        (CANTEEN, None, 490),
        (LINEAR, 0, 260),
        (LINEAR, 847, 305),
        (LINEAR, 1250, 450),
        (CENTRE, 501, 601),
        (CENTRE, 640, 768),
        (CENTRE, 1625, 1950),
        (CENTRE, None, 1950),
        (EVENING, 640, 102),
        ({"flat": 190}, None, 190),
        ({"flat": 190}, 640, 190),
        ({}, 640, 0),
    ],
)
def test_the_price_is_that_of_the_deliberation(tariff: dict[str, Any], qf: int | None, cents: int) -> None:
    price = price_of(read_tariff(tariff), qf, resident=True)
    assert price.cents == cents
    assert price.words


def test_the_sentence_says_where_the_price_comes_from() -> None:
    tariff = read_tariff(CENTRE)
    assert price_of(tariff, 640, resident=True).words == "Quotient familial 640\u00a0: 7,68\u00a0€"
    assert "autres communes" in price_of(tariff, 640, resident=False).words
    assert price_of(tariff, 640, resident=False).cents == 2400
    assert "attestation" in price_of(tariff, None, resident=True).words
    assert price_of(Tariff(), None, resident=False).words == "Gratuit"


@given(st.integers(0, 5000))
def test_every_quotient_has_one_price(qf: int) -> None:
    for told in (CANTEEN, CENTRE, EVENING, LINEAR):
        tariff = read_tariff(told)
        assert 0 < price_of(tariff, qf, resident=True).cents <= tariff.highest


@pytest.mark.parametrize(
    "told",
    [
        {"brackets": [{"from": 1, "to": None, "cents": 1}]},
        {"brackets": [{"from": 0, "to": 400, "cents": 1}]},
        {"brackets": [{"from": 0, "to": 400, "cents": 1}, {"from": 401, "to": None, "cents": 1}]},
        {"brackets": [{"from": 0, "to": 400, "cents": 1}, {"from": 399, "to": None, "cents": 1}]},
        {"brackets": [{"from": 0, "to": None, "cents": 1}, {"from": 400, "to": None, "cents": 1}]},
        {"brackets": [{"from": 0, "to": 0, "cents": 1}, {"from": 0, "to": None, "cents": 1}]},
        {"brackets": [{"from": 0, "to": None, "cents": -1}]},
        {"brackets": [{"from": 0, "to": None, "cents": "1.00"}]},
        {"brackets": [{"from": 0, "to": "x", "cents": 1}]},
        {"brackets": ["x"]},
        {"rate": "abc", "ceiling": 10},
        {"rate": "-1", "ceiling": 10},
        {"rate": "NaN", "ceiling": 10},
        {"rate": "1", "floor": 20, "ceiling": 10},
        {"flat": True},
        {"flat": 100_001},
        {"prix": 1},
    ],
)
def test_a_tariff_with_a_hole_or_a_slip_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        read_tariff(told)
    assert refusal.value.field == "tariff"
