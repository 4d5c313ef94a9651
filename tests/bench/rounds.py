"""Rounds of measures that are compared: taken in turn, so that what else the machine does weighs on each alike."""

from collections.abc import Callable


def best_of(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """The lowest value of each measure over ``rounds`` rounds of all of them."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [min(column) for column in zip(*taken, strict=True)]
