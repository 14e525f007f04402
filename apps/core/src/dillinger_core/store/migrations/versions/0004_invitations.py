"""Invitations to watch or to play along in a session."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Moves the schema one step on."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.String(16), primary_key=True),
        sa.Column(
            "session_id", sa.String(20), sa.ForeignKey("sessions.session_id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_by", sa.String(32), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment),
    )
    op.create_index("ix_invitations_session_id", "invitations", ["session_id"])
