"""Where a session is seen: in browsers, or on its machine's own display."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Moves the schema one step on."""
    op.add_column("sessions", sa.Column("show", sa.String(8), nullable=False, server_default="stream"))
