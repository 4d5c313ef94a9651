"""What every measure needs: a database of its own, percentiles, a line of the report."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from app import rooms, schema
from app.composition import open_database
from app.config import Settings, settings_from
from app.db import Database
from tests.services import fresh_postgresql


@dataclass(frozen=True)
class Measure:
    """A line of the report: ``ratio`` is what the ``bar`` judges (a number, at most), when there is one."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    bar: float | None = None

    @property
    def ok(self) -> bool:
        judged = self.ratio if self.ratio is not None else self.value
        return self.bar is None or judged <= self.bar

    def row(self) -> dict[str, object]:
        return {**asdict(self), "ok": self.ok}


def percentiles(samples: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    ordered = sorted(samples)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def settings_for(url: str, folder: Path) -> Settings:
    return settings_from(
        {
            "PORTAIL_MODE": "demonstration",
            "SECRET_KEY": "bench-" * 8,
            "DATABASE_URL": url,
            "DATA_DIR": str(folder),
            "STORAGE_URL": f"file://{folder}/pieces",
        }
    )


@contextmanager
def databases(kind: str) -> Iterator[tuple[Settings, Database]]:
    """A fresh migrated database, ``sqlite`` or ``postgresql``, gone at the end."""
    rooms.load()
    with tempfile.TemporaryDirectory(prefix="portail-bench-") as folder:
        if kind == "sqlite":
            yield from _opened(f"sqlite:///{folder}/bench.db", Path(folder))
        else:
            with fresh_postgresql() as url:
                yield from _opened(url, Path(folder))


def _opened(url: str, folder: Path) -> Iterator[tuple[Settings, Database]]:
    settings = settings_for(url, folder)
    database = open_database(settings)
    schema.upgrade(database)
    try:
        yield settings, database
    finally:
        database.dispose()
