"""A worker process for tests: what workers/main.py is, with the kinds of facts that only tests know."""

from __future__ import annotations

import dramatiq

from app.composition import open_database
from app.config import settings_from
from tests.workers import trade  # noqa: F401  # registers its kinds
from workers.actors import declare
from workers.broker import make_broker

settings = settings_from()
broker = make_broker(settings)
dramatiq.set_broker(broker)
perform = declare(broker, open_database(settings), settings)
