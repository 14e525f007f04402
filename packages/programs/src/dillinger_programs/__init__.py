"""What a program file is and which libraries it needs, read from its bytes: nothing here runs anything.

Standard library only, since a part of it runs inside a cell too. Every file is hostile: what is read of one is bounded,
and whatever its bytes say, a reader returns or raises `Unreadable`.
"""

from .kinds import Format, Program, identify

__all__ = ["Format", "Program", "identify"]
