"""Actions that end a connection without an answer: reject and silent-drop (manual 4.4)."""

from typing import Final

from pointsman.config.action import (
    DROP,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    SILENT_DROP,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
    Action,
    RuleArgs,
    action,
)
from pointsman.sample.context import Context
from pointsman.sample.types import Reads, Writes

_TCP: Final = TCP_CONNECTION | TCP_SESSION | TCP_CONTENT | TCP_RESPONSE
HIDDEN: Final = 0  # no time to live was named: leave no trace at all, if the system allows it


class Reject(Action):
    """Close the connection."""

    def run(self, context: Context) -> int:
        return DROP


class SilentDrop(Action):
    """Forget the connection, so that its client goes on believing in it."""

    def __init__(self, ttl: int) -> None:
        super().__init__()
        self.ttl = ttl

    def run(self, context: Context) -> int:
        context.answer = self.ttl
        return SILENT_DROP


@action("reject", _TCP | HTTP_REQUEST, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_reject(args: RuleArgs) -> Action:
    """reject: close the connection without an answer."""
    return Reject()


@action("silent-drop", _TCP | HTTP_REQUEST | HTTP_RESPONSE, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_silent_drop(args: RuleArgs) -> Action:
    """silent-drop [rst-ttl <ttl>]: forget the connection without telling the client; `rst-ttl` sends a reset that dies
    after so many hops, for the firewalls on the way."""
    ttl = HIDDEN
    if args.accept("rst-ttl"):
        ttl = args.integer("<ttl>", 1, 255)
    return SilentDrop(ttl)
