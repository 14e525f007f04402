"""The database: users, logins, the history of sessions, invitations to them and the index of games.

The only room that knows SQLAlchemy.
"""

from .database import Database
from .games import GameEntry, GameIndex
from .invitations import GuestRole, InvitationRow, InvitationRows
from .logins import LoginRow, Logins
from .sessions import SessionRow, SessionRows
from .users import User, Users

__all__ = [
    "Database",
    "GameEntry",
    "GameIndex",
    "GuestRole",
    "InvitationRow",
    "InvitationRows",
    "LoginRow",
    "Logins",
    "SessionRow",
    "SessionRows",
    "User",
    "Users",
]
