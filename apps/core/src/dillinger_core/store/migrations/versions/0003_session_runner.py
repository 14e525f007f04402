"""Which runner has a session."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Moves the schema one step on."""
    op.add_column("sessions", sa.Column("runner", sa.String(300)))
