"""Scenarios in the studio: how far a run is, obsolete stories, try-outs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('procedure_scenario_runs',
    sa.Column('draft_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('asked_at', app.db.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['draft_id'], ['procedure_drafts.id'], name=op.f('fk_procedure_scenario_runs_draft_id_procedure_drafts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_id', name=op.f('pk_procedure_scenario_runs'))
    )
    op.create_table('procedure_tryouts',
    sa.Column('draft_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('acts', sa.JSON(), nullable=False),
    sa.Column('sight', sa.JSON(), nullable=False),
    sa.Column('updated_at', app.db.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['draft_id'], ['procedure_drafts.id'], name=op.f('fk_procedure_tryouts_draft_id_procedure_drafts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_id', 'account_id', name=op.f('pk_procedure_tryouts'))
    )
    with op.batch_alter_table('procedure_drafts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('obsolete_stories', sa.JSON(), nullable=False, server_default='{}'))


def downgrade() -> None:
    with op.batch_alter_table('procedure_drafts', schema=None) as batch_op:
        batch_op.drop_column('obsolete_stories')

    op.drop_table('procedure_tryouts')
    op.drop_table('procedure_scenario_runs')
