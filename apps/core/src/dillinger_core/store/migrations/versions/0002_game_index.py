"""The index of the library volume."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Moves the schema one step on."""
    op.create_table(
        "games",
        sa.Column("game_id", sa.String(64), primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("source", sa.String(500), nullable=False),
        sa.Column("launch_kind", sa.String(16)),
        sa.Column("icon", sa.String(128)),
        sa.Column("problem", sa.Text()),
        sa.Column("fingerprint", sa.String(100), nullable=False),
    )
