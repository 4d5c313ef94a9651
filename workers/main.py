"""What worker processes load: ``dramatiq workers.main``. Importing it opens the database and the broker."""

from __future__ import annotations

import dramatiq

from app import create_app
from app.composition import open_database
from app.config import settings_from
from workers.actors import declare
from workers.broker import make_broker

settings = settings_from()
database = open_database(settings)
# the whole application: its rooms register handlers, and its templates write the mails
portal = create_app(settings, database)
broker = make_broker(settings)
dramatiq.set_broker(broker)
perform = declare(broker, database, settings)
