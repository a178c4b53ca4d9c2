"""Small actions: set-status, set-log-level, set-nice, strict-mode, disable-l7-retry (manual 4.4)."""

from typing import Final

from pointsman.config.action import (
    CONTINUE,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    TCP_CONTENT,
    TCP_RESPONSE,
    Action,
    RuleArgs,
    action,
)
from pointsman.core.diagnostics import ConfigError
from pointsman.log.target import LOG_LEVELS
from pointsman.proto.reasons import reason_of
from pointsman.rules.room import failed, take
from pointsman.sample.context import Context
from pointsman.sample.record import SILENT
from pointsman.sample.types import Reads, Writes

_CONTENT: Final = TCP_CONTENT | TCP_RESPONSE
_HTTP: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER


class SetStatus(Action):
    """Another status for the response, and the reason that goes with it."""

    def __init__(self, status: int, reason: bytes) -> None:
        super().__init__()
        self.status = status
        self.reason = reason

    def run(self, context: Context) -> int:
        response = context.response
        if response is not None:
            grows = len(self.reason) - len(response.reason)
            if grows > 0 and not take(context, response, grows):
                return failed(context)
            response.status = self.status
            response.reason = self.reason
            context.record.status = self.status
        return CONTINUE


# The status of the log is what moves.
@action(
    "set-status",
    HTTP_RESPONSE | HTTP_AFTER,
    "4.4",
    reads=Reads.NOTHING,
    writes=Writes.RESPONSE_LINE | Writes.MOVING,
)
def parse_set_status(args: RuleArgs) -> Action:
    """set-status <status> [reason <str>]: answer with another status, from 100 to 999."""
    status = args.integer("<status>", 100, 999)
    reason = reason_of(status)
    if args.accept("reason"):
        reason = args.word("<str>").text.encode("utf-8", "surrogateescape")
    return SetStatus(status, reason)


class SetLogLevel(Action):
    """The level of this exchange's line; the last one that was set holds."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level

    def run(self, context: Context) -> int:
        context.record.level = self.level
        return CONTINUE


@action("set-log-level", _CONTENT | _HTTP, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)
def parse_set_log_level(args: RuleArgs) -> Action:
    """set-log-level <level>: one of the eight levels of syslog, or "silent" for no line."""
    names = [*LOG_LEVELS, "silent"]
    name = args.choice("<level>", names)
    return SetLogLevel(SILENT if name == "silent" else names.index(name))


class DisableRetry(Action):
    """Whatever retry-on says, this request is not sent again; failures to connect are still retried."""

    def run(self, context: Context) -> int:
        context.no_retry = True
        return CONTINUE


@action("disable-l7-retry", HTTP_REQUEST, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)
def parse_disable_retry(args: RuleArgs) -> Action:
    """disable-l7-retry: retry only failures to connect."""
    return DisableRetry()


class Nothing(Action):
    """Asks for something that is so anyhow."""

    def run(self, context: Context) -> int:
        return CONTINUE


@action("set-nice", _CONTENT | HTTP_REQUEST | HTTP_RESPONSE, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_set_nice(args: RuleArgs) -> Action:
    """set-nice <nice>: HAProxy's scheduler serves exchanges in the order of their niceness; here each has its turn."""
    word = args.word("<nice>")
    text = word.text.removeprefix("-")
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"'{args.keyword}': '{word.text}' is not a number", word.at, "a number from -1024 to 1024")
    args.diagnostics.notice("'set-nice' has no effect: exchanges are served in turn", word.at)
    return Nothing()


class StrictMode(Action):
    """Whether a rewrite that does not fit (rules/room.py) ends the exchange or is left out, for the rest of a list."""

    def __init__(self, lenient: bool) -> None:
        super().__init__()
        self.lenient = lenient

    def run(self, context: Context) -> int:
        context.lenient = self.lenient
        return CONTINUE


@action("strict-mode", _HTTP, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_strict_mode(args: RuleArgs) -> Action:
    """strict-mode {on | off}: whether a rewrite that does not fit into a buffer (tune.bufsize, tune.maxrewrite) ends
    the exchange with an internal error. It is on at the beginning of each list."""
    return StrictMode(args.choice("<mode>", ("on", "off")) == "off")
