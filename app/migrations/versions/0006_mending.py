"""Try-outs that mend a scenario"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('procedure_tryouts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('mends', sa.JSON(), nullable=False, server_default='{}'))


def downgrade() -> None:
    with op.batch_alter_table('procedure_tryouts', schema=None) as batch_op:
        batch_op.drop_column('mends')
