"""Sessions: core owns the wishes and the history, the runner owns what runs."""

from .feed import Feed, FeedEvent
from .follower import Followers
from .guests import Guest, Invitations
from .on_demand import OnDemand
from .runner_client import RunnerClient
from .runners import Runner, Runners
from .sessions import Sessions
from .views import SessionView

__all__ = [
    "Feed",
    "FeedEvent",
    "Followers",
    "Guest",
    "Invitations",
    "OnDemand",
    "Runner",
    "RunnerClient",
    "Runners",
    "SessionView",
    "Sessions",
]
