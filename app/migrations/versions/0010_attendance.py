"""Attendance: marks at the door"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

#: What the shipped roles may do from now on; a commune that removed one of them keeps it so.
GIVEN = {
    'gestionnaire': ['attendance:mark'],
    'direction': ['attendance:mark', 'diet:read'],
    'restauration': ['attendance:mark', 'diet:read'],
}


def upgrade() -> None:
    op.create_table('attendance_marks',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('activity_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('child_id', sa.Uuid(), nullable=False),
    sa.Column('booking_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('left_at', sa.String(), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('made_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('received_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['activity_id'], ['activities.id'], name=op.f('fk_attendance_marks_activity_id_activities')),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], name=op.f('fk_attendance_marks_booking_id_bookings')),
    sa.ForeignKeyConstraint(['child_id'], ['children.id'], name=op.f('fk_attendance_marks_child_id_children')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attendance_marks'))
    )
    with op.batch_alter_table('attendance_marks', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_attendance_marks_booking_id'), ['booking_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_attendance_marks_child_id'), ['child_id'], unique=False)
        batch_op.create_index('ix_attendance_marks_activity_id_day', ['activity_id', 'day'], unique=False)
    _permissions(add=True)


def _permissions(add: bool) -> None:
    roles = sa.table('roles', sa.column('code', sa.String), sa.column('permissions', sa.JSON))
    connection = op.get_bind()
    for code, held in connection.execute(sa.select(roles.c.code, roles.c.permissions)).all():
        given = GIVEN.get(code, [])
        others = [each for each in held if each not in given]
        now = sorted([*others, *given]) if add else [each for each in held if each not in ('attendance:mark', 'diet:read')]
        if now != held:
            connection.execute(sa.update(roles).where(roles.c.code == code).values(permissions=now))


def downgrade() -> None:
    _permissions(add=False)
    with op.batch_alter_table('attendance_marks', schema=None) as batch_op:
        batch_op.drop_index('ix_attendance_marks_activity_id_day')
        batch_op.drop_index(batch_op.f('ix_attendance_marks_child_id'))
        batch_op.drop_index(batch_op.f('ix_attendance_marks_booking_id'))
    op.drop_table('attendance_marks')
