"""Custody calendars, persons who collect, vaccinations, doctor"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('child_vaccinations',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('child_id', sa.Uuid(), nullable=False),
    sa.Column('valence', sa.String(), nullable=False),
    sa.Column('given_on', sa.Date(), nullable=True),
    sa.Column('document_id', sa.Uuid(), nullable=True),
    sa.Column('case_id', sa.Uuid(), nullable=True),
    sa.Column('declared_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('superseded_at', app.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['child_id'], ['children.id'], name=op.f('fk_child_vaccinations_child_id_children')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_child_vaccinations'))
    )
    with op.batch_alter_table('child_vaccinations', schema=None) as batch_op:
        batch_op.create_index('ix_child_vaccinations_child_id', ['child_id'], unique=False)

    op.create_table('custody_calendars',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('child_id', sa.Uuid(), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('first_household_id', sa.Uuid(), nullable=True),
    sa.Column('second_household_id', sa.Uuid(), nullable=True),
    sa.Column('anchor', sa.Date(), nullable=True),
    sa.Column('pattern', sa.String(), nullable=False),
    sa.Column('changes_on', sa.Integer(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=True),
    sa.Column('declared_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('superseded_at', app.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['child_id'], ['children.id'], name=op.f('fk_custody_calendars_child_id_children')),
    sa.ForeignKeyConstraint(['first_household_id'], ['households.id'], name=op.f('fk_custody_calendars_first_household_id_households')),
    sa.ForeignKeyConstraint(['second_household_id'], ['households.id'], name=op.f('fk_custody_calendars_second_household_id_households')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_custody_calendars'))
    )
    with op.batch_alter_table('custody_calendars', schema=None) as batch_op:
        batch_op.create_index('uq_custody_calendars_current', ['child_id', 'since'], unique=True, sqlite_where=sa.text('superseded_at IS NULL'), postgresql_where=sa.text('superseded_at IS NULL'))

    op.create_table('pickup_persons',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('child_id', sa.Uuid(), nullable=False),
    sa.Column('blocked', sa.Boolean(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('last_name', sa.String(), nullable=False),
    sa.Column('sort_key', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('relation', sa.String(), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=True),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('adult_id', sa.Uuid(), nullable=True),
    sa.Column('case_id', sa.Uuid(), nullable=True),
    sa.Column('declared_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('superseded_at', app.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['adult_id'], ['adults.id'], name=op.f('fk_pickup_persons_adult_id_adults')),
    sa.ForeignKeyConstraint(['child_id'], ['children.id'], name=op.f('fk_pickup_persons_child_id_children')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pickup_persons'))
    )
    with op.batch_alter_table('pickup_persons', schema=None) as batch_op:
        batch_op.create_index('ix_pickup_persons_current', ['child_id'], unique=False, sqlite_where=sa.text('superseded_at IS NULL'), postgresql_where=sa.text('superseded_at IS NULL'))

    op.create_table('custody_stays',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('calendar_id', sa.Uuid(), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('first', sa.Date(), nullable=False),
    sa.Column('last', sa.Date(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['calendar_id'], ['custody_calendars.id'], name=op.f('fk_custody_stays_calendar_id_custody_calendars')),
    sa.ForeignKeyConstraint(['household_id'], ['households.id'], name=op.f('fk_custody_stays_household_id_households')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_custody_stays'))
    )
    with op.batch_alter_table('custody_stays', schema=None) as batch_op:
        batch_op.create_index('ix_custody_stays_calendar_id', ['calendar_id'], unique=False)

    # never in a batch on SQLite: what refers to the old table would go with it
    op.add_column('child_health', sa.Column('doctor_name', sa.String(), server_default='', nullable=False))
    op.add_column('child_health', sa.Column('doctor_phone', sa.String(), server_default='', nullable=False))
    op.add_column('commune', sa.Column('pickup_minimum_age', sa.Integer(), server_default='18', nullable=False))
    op.add_column('commune', sa.Column('tell_other_holder', sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    op.drop_column('commune', 'tell_other_holder')
    op.drop_column('commune', 'pickup_minimum_age')
    op.drop_column('child_health', 'doctor_phone')
    op.drop_column('child_health', 'doctor_name')
    with op.batch_alter_table('custody_stays', schema=None) as batch_op:
        batch_op.drop_index('ix_custody_stays_calendar_id')

    op.drop_table('custody_stays')
    with op.batch_alter_table('pickup_persons', schema=None) as batch_op:
        batch_op.drop_index('ix_pickup_persons_current', sqlite_where=sa.text('superseded_at IS NULL'), postgresql_where=sa.text('superseded_at IS NULL'))

    op.drop_table('pickup_persons')
    with op.batch_alter_table('custody_calendars', schema=None) as batch_op:
        batch_op.drop_index('uq_custody_calendars_current', sqlite_where=sa.text('superseded_at IS NULL'), postgresql_where=sa.text('superseded_at IS NULL'))

    op.drop_table('custody_calendars')
    with op.batch_alter_table('child_vaccinations', schema=None) as batch_op:
        batch_op.drop_index('ix_child_vaccinations_child_id')

    op.drop_table('child_vaccinations')
