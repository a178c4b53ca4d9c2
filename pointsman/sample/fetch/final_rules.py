"""What has ended the evaluation of rules, or was waiting when an exchange failed (manual 7.3.2)."""

from typing import Final

from pointsman.core.diagnostics import Position
from pointsman.sample.context import Context
from pointsman.sample.registry import fetch
from pointsman.sample.types import Reads, Type, Where

NO_EVENTS: Final = b"{-,-,-,-,-,-,-}"


def _place(rule: Position | None) -> bytes | None:
    return None if rule is None else b"%b:%d" % (rule.file.encode("utf-8", "surrogateescape"), rule.line)


@fetch("last_rule_file", Type.STR, Where.RUNNING, Reads.MOVING, "7.3.2")
def last_rule_file(ctx: Context) -> bytes | None:
    """The file of the last rule that has ended its list, by `allow`, `deny`, `return` and the like.

    Rules of tcp-request connection and session do not count, nor do `redirect` lines. No sample without any.
    """
    rule = ctx.last_rule
    return None if rule is None else rule.file.encode("utf-8", "surrogateescape")


@fetch("last_rule_line", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def last_rule_line(ctx: Context) -> int | None:
    """The line of that rule."""
    rule = ctx.last_rule
    return None if rule is None else rule.line


@fetch("last_entity", Type.STR, Where.RUNNING, Reads.MOVING, "7.3.2")
def last_entity(ctx: Context) -> bytes | None:
    """The place of that rule, "file:line"."""
    return _place(ctx.last_rule)


@fetch("waiting_entity", Type.STR, Where.RUNNING, Reads.MOVING, "7.3.2")
def waiting_entity(ctx: Context) -> bytes | None:
    """The place of the rule that waits, or that was waiting when the exchange failed."""
    return _place(ctx.waiting_rule)


@fetch("term_events", Type.STR, Where.RUNNING, Reads.NOTHING, "7.3.2")
def termination_events(_: Context) -> bytes:
    """A "-" for each of seven layers: what ends a stream is told by its termination state (manual 8.5) alone."""
    return NO_EVENTS
