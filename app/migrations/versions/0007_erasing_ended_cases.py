"""Erasing ended demandes: holds, what the night looks for, who may hold"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

PERMISSION = 'case:hold'
#: The roles as shipped; a commune that removed one of them keeps it so.
ROLES = ('gestionnaire', 'direction', 'dpo', 'administrateur')


def upgrade() -> None:
    # never in a batch on SQLite: « cases » would be copied, and what refers to it would go with the old table
    op.add_column('cases', sa.Column('held_at', app.db.Instant(timezone=True), nullable=True))
    op.add_column('cases', sa.Column('held_by', sa.String(), nullable=True))
    op.add_column('cases', sa.Column('held_reason', sa.Text(), nullable=True))
    op.create_index('ix_cases_ended', 'cases', ['procedure_id', 'closed_at', 'id'], unique=False, sqlite_where=sa.text('closed_at IS NOT NULL'), postgresql_where=sa.text('closed_at IS NOT NULL'))
    op.create_index('ix_cases_held', 'cases', ['held_at'], unique=False, sqlite_where=sa.text('held_at IS NOT NULL'), postgresql_where=sa.text('held_at IS NOT NULL'))
    op.create_index('ix_case_migrations_case_id', 'case_migrations', ['case_id'], unique=False)
    _permit({code: True for code in ROLES})


def downgrade() -> None:
    _permit(None)
    op.drop_index('ix_case_migrations_case_id', table_name='case_migrations')
    op.drop_index('ix_cases_held', table_name='cases')
    op.drop_index('ix_cases_ended', table_name='cases')
    for name in ('held_reason', 'held_by', 'held_at'):
        op.drop_column('cases', name)


def _permit(codes: dict[str, bool] | None) -> None:
    """Gives the permission to these roles; takes it from all of them when there are none."""
    roles = sa.table('roles', sa.column('code', sa.String()), sa.column('permissions', sa.JSON()))
    connection = op.get_bind()
    for code, held in connection.execute(sa.select(roles.c.code, roles.c.permissions)).all():
        wanted = sorted({*held, PERMISSION} if codes and code in codes else held if codes else {*held} - {PERMISSION})
        if wanted != held:
            connection.execute(sa.update(roles).where(roles.c.code == code).values(permissions=wanted))
