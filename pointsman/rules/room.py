"""Whether a rewrite fits (manual 3.2, tune.bufsize, tune.maxrewrite; 4.4, strict-mode).

A message that comes leaves at least tune.maxrewrite free. So `Context.room` begins with that, a rewrite takes from it
what it adds, and only one that finds too little there weighs the whole head. One that does not fit is counted (wrew)
and ends the exchange with an internal error, unless `strict-mode off` has come before it in its list.
"""

from pointsman.config.verdict import CONTINUE, FAILED
from pointsman.proto.message import Field, Head
from pointsman.proto.weight import PIECE, weight
from pointsman.rules.plan import MOVING
from pointsman.sample.context import Context


def weigh(context: Context, head: Head) -> int:
    """Note how much room there is beside the head as it is and the body that waits. Negative: they are too large."""
    room = context.room = context.buffer.size - context.waiting - weight(head)
    return room


def take(context: Context, head: Head, grows: int) -> bool:
    """A rewrite is going to add so many bytes to it: is there room?"""
    room = context.room
    if room < grows:
        room = weigh(context, head)
        if room < grows:
            return False
    context.room = room - grows
    return True


def failed(context: Context) -> int:
    """A rewrite does not fit: the verdict of its rule. What counts is never remembered."""
    context.asked |= MOVING
    context.frontend.counters.failed_header_rewrites += 1
    context.listener.rewrite_failed()
    if context.backend is not None:
        context.backend.counters.failed_header_rewrites += 1
    if context.server is not None:
        context.server.counters.failed_header_rewrites += 1
    return CONTINUE if context.lenient else FAILED


def add_field(context: Context, head: Head, made: Field) -> bool:
    """What options add, whatever the mode of rules before them was. False: it does not fit."""
    if not take(context, head, PIECE + len(made.name) + len(made.value)):
        failed(context)
        return False
    head.fields = [*head.fields, made]
    return True
