"""Who is asking: passwords, logins, and how often one may be wrong."""

from .gate import Gate, Login
from .limits import FailureLimit, TooManyAttempts
from .passwords import Passwords

__all__ = ["FailureLimit", "Gate", "Login", "Passwords", "TooManyAttempts"]
