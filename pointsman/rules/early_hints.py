"""http-request early-hint (manual 4.4): a response 103 (RFC 8297) before any other one, for what the page will need.

A rule only notes its field, in `Context.hints`; the stream sends what is noted when it goes on with the request, be it
to wait, to answer or to ask a server. Rules that follow one another directly, those behind the first one without a
condition, share a response, as in HAProxy.
"""

from typing import Final

from pointsman.config.action import HTTP_REQUEST, RuleArgs, action
from pointsman.config.verdict import CONTINUE, Action
from pointsman.proto.message import field
from pointsman.rules.headers import header_name
from pointsman.rules.rule import Rule
from pointsman.sample.context import Context
from pointsman.sample.format import Format
from pointsman.sample.hints import Hints
from pointsman.sample.types import Reads, Writes

# What frames a message or is about one connection cannot be said of the response that comes later.
UNSAID: Final = (b"connection", b"content-length", b"transfer-encoding")


class EarlyHint(Action):
    def __init__(self, name: bytes, value: Format) -> None:
        super().__init__()
        self.header = name
        self.value = value
        self.continues = False  # the rule behind it adds to the same response, in any case

    def run(self, context: Context) -> int:
        hints = context.hints
        if hints is None:
            hints = context.hints = Hints()
        hints.add(field(self.header, self.value.render_header(context)), self.continues)
        return CONTINUE


class NoHint(Action):
    """Of a field that cannot be said early."""

    def run(self, context: Context) -> int:
        return CONTINUE


@action("early-hint", HTTP_REQUEST, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)
def parse_early_hint(args: RuleArgs) -> Action:
    """early-hint <name> <fmt>: tell the client a field of the response early, in a 103. Clients of HTTP/1.0, who know
    no such responses, are told nothing."""
    at = args.here
    name = header_name(args)
    value = args.format("<fmt>")
    if name in UNSAID:
        args.diagnostics.warning(
            f"'{args.keyword}': '{name.decode()}' is about this one message, and is left out", at, "another field"
        )
        args.only(writes=Writes.NOTHING)
        return NoHint()
    made = EarlyHint(name, value)
    before = [one for one in args.section.typed.get(Rule, ()) if isinstance(one, Rule) and one.rule_set == HTTP_REQUEST]
    if before and isinstance(before[-1].action, EarlyHint) and args.peek() not in ("if", "unless"):
        before[-1].action.continues = True
    return made
