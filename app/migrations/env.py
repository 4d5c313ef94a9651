"""Run by Alembic: the connection comes from ``app.schema``, the tables from the rooms."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from app import rooms
from app.db import Base

rooms.load()

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # a migration that cannot have its lock fails at once instead of queueing every request behind it
    connection.execute(text("SET lock_timeout = '3s'"))
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
