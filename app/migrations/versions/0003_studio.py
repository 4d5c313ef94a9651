"""The studio: drafts, shipped démarches, opening windows"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('shipped_procedures',
    sa.Column('slug', sa.String(), nullable=False),
    sa.Column('base_hash', sa.String(), nullable=False),
    sa.Column('declined_hash', sa.String(), nullable=False),
    sa.Column('declined_by', sa.String(), nullable=False),
    sa.Column('declined_at', app.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['base_hash'], ['bundles.hash'], name=op.f('fk_shipped_procedures_base_hash_bundles')),
    sa.PrimaryKeyConstraint('slug', name=op.f('pk_shipped_procedures'))
    )
    op.create_table('procedure_drafts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('slug', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('base_version_id', sa.Uuid(), nullable=True),
    sa.Column('archive', sa.LargeBinary(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('holder_id', sa.Uuid(), nullable=True),
    sa.Column('holder_label', sa.String(), nullable=False),
    sa.Column('holder_since', app.db.Instant(timezone=True), nullable=True),
    sa.Column('previous_id', sa.Uuid(), nullable=True),
    sa.Column('previous_label', sa.String(), nullable=False),
    sa.Column('saved_by', sa.String(), nullable=False),
    sa.Column('problems', sa.JSON(), nullable=False),
    sa.Column('verified_revision', sa.Integer(), nullable=True),
    sa.Column('scenario_report', sa.JSON(), nullable=False),
    sa.Column('scenario_revision', sa.Integer(), nullable=True),
    sa.Column('authors', sa.JSON(), nullable=False),
    sa.Column('shipped_hash', sa.String(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('approval_revision', sa.Integer(), nullable=True),
    sa.Column('approval_asked_by', sa.Uuid(), nullable=True),
    sa.Column('approval_asked_label', sa.String(), nullable=False),
    sa.Column('approval_asked_at', app.db.Instant(timezone=True), nullable=True),
    sa.Column('approval_refusal', sa.Text(), nullable=False),
    sa.Column('unrecorded', sa.JSON(), nullable=False),
    sa.Column('recorded_at', app.db.Instant(timezone=True), nullable=True),
    sa.Column('created_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('updated_at', app.db.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['base_version_id'], ['procedure_versions.id'], name=op.f('fk_procedure_drafts_base_version_id_procedure_versions')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procedure_drafts')),
    sa.UniqueConstraint('slug', name=op.f('uq_procedure_drafts_slug'))
    )
    op.create_table('procedure_draft_readers',
    sa.Column('draft_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('seen_at', app.db.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['draft_id'], ['procedure_drafts.id'], name=op.f('fk_procedure_draft_readers_draft_id_procedure_drafts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('draft_id', 'account_id', name=op.f('pk_procedure_draft_readers'))
    )
    with op.batch_alter_table('procedure_versions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('approved_by', sa.String(), nullable=False, server_default=''))

    with op.batch_alter_table('procedures', schema=None) as batch_op:
        batch_op.add_column(sa.Column('opens_on', sa.Date(), nullable=True))
        batch_op.add_column(sa.Column('closes_on', sa.Date(), nullable=True))



def downgrade() -> None:
    with op.batch_alter_table('procedures', schema=None) as batch_op:
        batch_op.drop_column('closes_on')
        batch_op.drop_column('opens_on')

    with op.batch_alter_table('procedure_versions', schema=None) as batch_op:
        batch_op.drop_column('approved_by')

    op.drop_table('procedure_draft_readers')
    op.drop_table('procedure_drafts')
    op.drop_table('shipped_procedures')
