"""Which streams are logged, at which level, and when (manual 8.3): pure functions of what a stream left behind.

A stream is *null* when the client never sent a byte (port probes); it is *normal* when nothing went wrong: no error, no
timeout, no retry, no redispatch and, in HTTP, no status of 500 or above. Answers that the proxy gave by itself on
request (termination "L": redirects, the statistics page) are normal; denied requests ("P") are not.
"""

from enum import IntEnum
from typing import Final

from pointsman.sample.context import Context
from pointsman.sample.ending import failed
from pointsman.sample.format import Format


class When(IntEnum):
    """The moment at which a stream's line is written."""

    ACCEPT = 0  # as soon as the stream exists
    REQUEST = 1  # when the request's head is whole; a stream that never has one is not logged
    DATA = 2  # before data is forwarded: server connected (TCP) or response head received (HTTP); else at the end
    END = 3


# What is only known at the end (or is taken so far, with a "+", by option logasap): sizes, times, states, gauges.
AT_END: Final = frozenset(
    {
        "B",
        "U",
        "ID",
        "ts",
        "tsc",
        "rc",
        "ac",
        "fc",
        "bc",
        "sc",
        "sq",
        "bq",
        "Ta",
        "Tc",
        "Td",
        "Th",
        "Ti",
        "Tq",
        "TR",
        "Tr",
        "Tt",
        "Tu",
        "Tw",
    }
)
# Expressions that wait for the end too: what they measure is still moving.
AT_END_FETCHES: Final = (
    "txn.timer.",
    "fc.timer.",
    "bc.timer.",
    "req.timer.",
    "res.timer.",
    "req.bytes_",
    "res.bytes_",
    "fc.bytes_",
    "bc.bytes_",
    "bytes_in",
    "bytes_out",
    "txn.sess_term_state",
    "txn.conn_retries",
    "txn.redispatched",
)


def null(ctx: Context) -> bool:
    """The client sent nothing (manual 4.2, option dontlognull)."""
    return ctx.record.uploaded == 0


def wanted(ctx: Context, log_null: bool, log_normal: bool) -> bool:
    """Whether a stream is logged at all: `log_null` is false under option dontlognull, `log_normal` under
    option dontlog-normal (manual 8.3.1, 8.3.4)."""
    if not log_null and null(ctx):
        return False
    return log_normal or failed(ctx)


def when(line: Format | None, http: bool) -> When:
    """When a line of that format can be written (manual 4.2, option logasap): once all that it shows is there.

    None is the default format, which speaks of the connection only.
    """
    if line is None:
        return When.REQUEST if http else When.ACCEPT
    for item in line.items:
        if item.tag is not None and item.tag.name in AT_END:
            return When.END
        if item.expression is not None and item.expression.text.startswith(AT_END_FETCHES):
            return When.END
    return When.DATA
