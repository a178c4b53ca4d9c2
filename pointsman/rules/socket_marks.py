"""set-fc-mark, set-fc-tos, set-bc-mark, set-bc-tos and the old names of the first two (manual 4.4): what the kernel
does with the packets of a connection.

Those of the client's connection are set at once. Those of the server's are kept in the context until it is opened
(server/dial.py), and idle connections are used again only by exchanges that want the same of them (server/pool_key.py).
As in HAProxy, nobody is told that the kernel has refused: a mark asks for CAP_NET_ADMIN.
"""

from collections.abc import Callable
from typing import Final

from pointsman.config.action import (
    CONTINUE,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
    Action,
    RuleArgs,
    action,
)
from pointsman.core.diagnostics import ConfigError
from pointsman.core.wishes import WISHES
from pointsman.net.marks import MOST_MARK, MOST_TOS, set_mark, set_tos
from pointsman.sample.context import Context
from pointsman.sample.registry import Getter
from pointsman.sample.types import Reads, Type, Writes

_FRONT: Final = TCP_CONNECTION | TCP_SESSION | TCP_CONTENT | TCP_RESPONSE | HTTP_REQUEST | HTTP_RESPONSE
_BACK: Final = TCP_CONTENT | HTTP_REQUEST


class SetMark(Action):
    """A number, `fixed` or what `ask` says, for the packets of one of the two connections."""

    def __init__(self, fixed: int, ask: Getter | None, most: int) -> None:
        super().__init__()
        self.fixed = fixed
        self.ask = ask
        self.most = most

    def number(self, context: Context) -> int:
        """-1: the expression has no sample."""
        if self.ask is None:
            return self.fixed
        found = self.ask(context)
        return found & self.most if isinstance(found, int) else -1


class ClientMark(SetMark):
    def run(self, context: Context) -> int:
        number = self.number(context)
        if number >= 0:
            set_mark(context.session.descriptor, number)
        return CONTINUE


class ClientTos(SetMark):
    def run(self, context: Context) -> int:
        number = self.number(context)
        if number >= 0:
            set_tos(context.session.descriptor, number)
        return CONTINUE


class ServerMark(SetMark):
    def run(self, context: Context) -> int:
        number = self.number(context)
        if number >= 0:
            context.server_mark = number
        return CONTINUE


class ServerTos(SetMark):
    def run(self, context: Context) -> int:
        number = self.number(context)
        if number >= 0:
            context.server_tos = number
        return CONTINUE


def _parser(kind: type[SetMark], most: int) -> Callable[[RuleArgs], Action]:
    def parse(args: RuleArgs) -> Action:
        """{ <number> | <expr> }: decimal, or hexadecimal with 0x in front; or an expression that gives a number."""
        expected = "a number, perhaps as 0x.., or an expression that gives one"
        at = args.here
        if not args.more():
            args.word(expected)
        text = args.peek()
        if text[:1].isdecimal():
            args.word(expected)
            number = _number(text)
            if number < 0 or number > most:
                raise ConfigError(
                    f"'{args.keyword}': '{text}' is not a number from 0 to {most}", at, f"a number up to {most}"
                )
            return kind(number, None, most)
        expression = args.expression("<expr>")
        ask = expression.cast_to(Type.SINT)
        if ask is None:
            raise ConfigError(f"'{args.keyword}': '{expression.text}' yields no number", at, expected)
        return kind(0, ask, most)

    return parse


def _number(text: str) -> int:
    """-1: it is none."""
    digits, base = (text[2:], 16) if text[:2].lower() == "0x" else (text, 10)
    try:
        return int(digits, base) if digits.isascii() and digits.isalnum() else -1
    except ValueError:
        return -1


def _server(kind: type[SetMark], most: int) -> Callable[[RuleArgs], Action]:
    inner = _parser(kind, most)

    def parse(args: RuleArgs) -> Action:
        """{ <number> | <expr> }: the same of the server's connection, from the first packet on."""
        WISHES.server_marks = True
        return inner(args)

    return parse


# What they write is no context: the kernel keeps it.
action("set-fc-mark", _FRONT, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)(_parser(ClientMark, MOST_MARK))
action("set-mark", _FRONT, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)(_parser(ClientMark, MOST_MARK))
action("set-fc-tos", _FRONT, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)(_parser(ClientTos, MOST_TOS))
action("set-tos", _FRONT, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)(_parser(ClientTos, MOST_TOS))
action("set-bc-mark", _BACK, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)(_server(ServerMark, MOST_MARK))
action("set-bc-tos", _BACK, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)(_server(ServerTos, MOST_TOS))
