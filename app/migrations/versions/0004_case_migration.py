"""Migration of running demandes from one version of a démarche to another"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('migration_batches',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('procedure_id', sa.Uuid(), nullable=False),
    sa.Column('from_version_id', sa.Uuid(), nullable=False),
    sa.Column('to_version_id', sa.Uuid(), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('created_at', app.db.Instant(timezone=True), nullable=False),
    sa.Column('ended_at', app.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['from_version_id'], ['procedure_versions.id'], name=op.f('fk_migration_batches_from_version_id_procedure_versions')),
    sa.ForeignKeyConstraint(['procedure_id'], ['procedures.id'], name=op.f('fk_migration_batches_procedure_id_procedures')),
    sa.ForeignKeyConstraint(['to_version_id'], ['procedure_versions.id'], name=op.f('fk_migration_batches_to_version_id_procedure_versions')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_migration_batches'))
    )
    with op.batch_alter_table('migration_batches', schema=None) as batch_op:
        batch_op.create_index('ix_migration_batches_procedure_id_created_at', ['procedure_id', 'created_at'], unique=False)

    op.create_table('case_migrations',
    sa.Column('batch_id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('reference', sa.String(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('target', sa.String(), nullable=False),
    sa.Column('state', sa.LargeBinary(), nullable=True),
    sa.Column('serializer', sa.String(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['batch_id'], ['migration_batches.id'], name=op.f('fk_case_migrations_batch_id_migration_batches')),
    sa.PrimaryKeyConstraint('batch_id', 'case_id', name=op.f('pk_case_migrations'))
    )
    with op.batch_alter_table('case_migrations', schema=None) as batch_op:
        batch_op.create_index('ix_case_migrations_batch_id_outcome', ['batch_id', 'outcome'], unique=False)

    op.create_table('migration_mappings',
    sa.Column('from_version_id', sa.Uuid(), nullable=False),
    sa.Column('to_version_id', sa.Uuid(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('target', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['from_version_id'], ['procedure_versions.id'], name=op.f('fk_migration_mappings_from_version_id_procedure_versions')),
    sa.ForeignKeyConstraint(['to_version_id'], ['procedure_versions.id'], name=op.f('fk_migration_mappings_to_version_id_procedure_versions')),
    sa.PrimaryKeyConstraint('from_version_id', 'to_version_id', 'node', name=op.f('pk_migration_mappings'))
    )


def downgrade() -> None:
    op.drop_table('migration_mappings')
    op.drop_table('case_migrations')
    op.drop_table('migration_batches')
