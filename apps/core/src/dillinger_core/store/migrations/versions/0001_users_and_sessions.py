"""Users, their logins, and the history of sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Moves the schema one step on."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "users",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
    )
    op.create_table(
        "logins",
        sa.Column("token_sha256", sa.String(64), primary_key=True),
        sa.Column("user_name", sa.String(32), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
    )
    op.create_index("ix_logins_user_name", "logins", ["user_name"])
    op.create_index("ix_logins_expires_at", "logins", ["expires_at"])
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(20), primary_key=True),
        sa.Column("user_name", sa.String(32), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
        sa.Column("game_id", sa.String(64), nullable=False),
        sa.Column("game_title", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("profile", sa.JSON()),
        sa.Column("stop_reason", sa.String(32)),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("ended_at", moment),
        sa.Column("end_reason", sa.String(32)),
        sa.Column("end_message", sa.Text(), nullable=False),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("signal", sa.String(32)),
        sa.Column("log_tail", sa.JSON(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
    )
    is_live = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_sessions_live", "sessions", ["user_name", "game_id"],
        unique=True, sqlite_where=is_live, postgresql_where=is_live,
    )  # fmt: skip
    op.create_index("ix_sessions_created_at", "sessions", ["created_at"])
