"""The agenda: règlements of activities, age groups, closures, enrolments, bookings and their events; who may answer"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

PERMISSION = 'booking:manage'
#: The roles as shipped; a commune that removed one of them keeps it so.
ROLES = ('gestionnaire', 'direction')


def upgrade() -> None:
    op.create_table('age_groups',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('activity_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('age_from', sa.Integer(), nullable=False),
    sa.Column('age_to', sa.Integer(), nullable=True),
    sa.Column('places', sa.Integer(), nullable=True),
    sa.Column('staff', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['activity_id'], ['activities.id'], name=op.f('fk_age_groups_activity_id_activities')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_age_groups')),
    sa.UniqueConstraint('activity_id', 'code', name=op.f('uq_age_groups_activity_id_code'))
    )
    op.create_table('closures',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('structure_id', sa.Uuid(), nullable=True),
    sa.Column('activity_id', sa.Uuid(), nullable=True),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('words', sa.String(), nullable=False),
    sa.Column('created_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('created_by', sa.Uuid(), nullable=True),
    sa.Column('reopened_at', app.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['activity_id'], ['activities.id'], name=op.f('fk_closures_activity_id_activities')),
    sa.ForeignKeyConstraint(['structure_id'], ['structures.id'], name=op.f('fk_closures_structure_id_structures')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_closures'))
    )
    with op.batch_alter_table('closures', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_closures_activity_id'), ['activity_id'], unique=False)
        batch_op.create_index('ix_closures_last_day', ['last_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_closures_structure_id'), ['structure_id'], unique=False)

    op.create_table('enrolments',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('child_id', sa.Uuid(), nullable=False),
    sa.Column('activity_id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('pattern', sa.JSON(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('created_by', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['activity_id'], ['activities.id'], name=op.f('fk_enrolments_activity_id_activities')),
    sa.ForeignKeyConstraint(['child_id'], ['children.id'], name=op.f('fk_enrolments_child_id_children')),
    sa.ForeignKeyConstraint(['household_id'], ['households.id'], name=op.f('fk_enrolments_household_id_households')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_enrolments'))
    )
    with op.batch_alter_table('enrolments', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_enrolments_activity_id'), ['activity_id'], unique=False)
        batch_op.create_index('ix_enrolments_child_id_activity_id', ['child_id', 'activity_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_enrolments_household_id'), ['household_id'], unique=False)

    op.create_table('bookings',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('child_id', sa.Uuid(), nullable=False),
    sa.Column('activity_id', sa.Uuid(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('queue', sa.Integer(), nullable=True),
    sa.Column('offered_until', app.db.Instant(timezone=True), nullable=True),
    sa.Column('cents', sa.Integer(), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('asked_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('asked_by', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['activity_id'], ['activities.id'], name=op.f('fk_bookings_activity_id_activities')),
    sa.ForeignKeyConstraint(['child_id'], ['children.id'], name=op.f('fk_bookings_child_id_children')),
    sa.ForeignKeyConstraint(['group_id'], ['age_groups.id'], name=op.f('fk_bookings_group_id_age_groups')),
    sa.ForeignKeyConstraint(['household_id'], ['households.id'], name=op.f('fk_bookings_household_id_households')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bookings'))
    )
    with op.batch_alter_table('bookings', schema=None) as batch_op:
        batch_op.create_index('ix_bookings_child_id_day', ['child_id', 'day'], unique=False)
        batch_op.create_index('ix_bookings_household_id_day', ['household_id', 'day'], unique=False)
        batch_op.create_index('ix_bookings_offered', ['offered_until'], unique=False, sqlite_where=sa.text("state = 'offered'"), postgresql_where=sa.text("state = 'offered'"))
        batch_op.create_index('ix_bookings_session', ['activity_id', 'day', 'group_id', 'state', 'queue'], unique=False)
        batch_op.create_index('ix_bookings_to_answer', ['activity_id', 'day'], unique=False, sqlite_where=sa.text("state IN ('requested', 'cancel_requested')"), postgresql_where=sa.text("state IN ('requested', 'cancel_requested')"))
        batch_op.create_index('uq_bookings_alive', ['child_id', 'activity_id', 'day'], unique=True, sqlite_where=sa.text("state NOT IN ('cancelled', 'refused', 'closed', 'expired')"), postgresql_where=sa.text("state NOT IN ('cancelled', 'refused', 'closed', 'expired')"))

    op.create_table('session_days',
    sa.Column('activity_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=False),
    sa.Column('held', sa.Integer(), nullable=False),
    sa.Column('waiting', sa.Integer(), nullable=False),
    sa.Column('arrivals', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['activity_id'], ['activities.id'], name=op.f('fk_session_days_activity_id_activities')),
    sa.ForeignKeyConstraint(['group_id'], ['age_groups.id'], name=op.f('fk_session_days_group_id_age_groups')),
    sa.PrimaryKeyConstraint('activity_id', 'day', 'group_id', name=op.f('pk_session_days'))
    )
    with op.batch_alter_table('session_days', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_session_days_group_id'), ['group_id'], unique=False)
        batch_op.create_index('ix_session_days_waiting', ['day'], unique=False, sqlite_where=sa.text('waiting > 0'), postgresql_where=sa.text('waiting > 0'))

    op.create_table('booking_events',
    sa.Column('booking_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('act_id', sa.Uuid(), nullable=False),
    sa.Column('from_state', sa.String(), nullable=False),
    sa.Column('to_state', sa.String(), nullable=False),
    sa.Column('at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], name=op.f('fk_booking_events_booking_id_bookings')),
    sa.PrimaryKeyConstraint('booking_id', 'version', name=op.f('pk_booking_events'))
    )
    with op.batch_alter_table('booking_events', schema=None) as batch_op:
        batch_op.create_index('ix_booking_events_act_id', ['act_id'], unique=False)

    # never in a batch on SQLite: « activities » would be copied, and what refers to it would go with the old table
    op.add_column('activities', sa.Column('rules', sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
    _permit({code: True for code in ROLES})


def downgrade() -> None:
    _permit(None)
    op.drop_column('activities', 'rules')
    for table in ('booking_events', 'session_days', 'bookings', 'enrolments', 'closures', 'age_groups'):
        op.drop_table(table)


def _permit(codes: dict[str, bool] | None) -> None:
    """Gives the permission to these roles; takes it from all of them when there are none."""
    roles = sa.table('roles', sa.column('code', sa.String()), sa.column('permissions', sa.JSON()))
    connection = op.get_bind()
    for code, held in connection.execute(sa.select(roles.c.code, roles.c.permissions)).all():
        wanted = sorted({*held, PERMISSION} if codes and code in codes else held if codes else {*held} - {PERMISSION})
        if wanted != held:
            connection.execute(sa.update(roles).where(roles.c.code == code).values(permissions=wanted))
