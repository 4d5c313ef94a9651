"""Secret links of calendars"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('calendar_feeds',
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('fingerprint', sa.String(), nullable=False),
    sa.Column('created_at', app.db.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_calendar_feeds_account_id_accounts')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_calendar_feeds')),
    sa.UniqueConstraint('fingerprint', name=op.f('uq_calendar_feeds_fingerprint'))
    )


def downgrade() -> None:
    op.drop_table('calendar_feeds')
