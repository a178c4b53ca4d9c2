"""set-src, set-dst and their ports (manual 4.4): other addresses for this exchange.

What an exchange says of itself (src, dst, logs, forwardfor, PROXY headers, servers at 0.0.0.0) follows; the next
request of the same connection begins with those of its connection. tcp-request connection and session rules write the
latter.
"""

from collections.abc import Callable
from typing import Final

from pointsman.config.action import (
    CONTINUE,
    HTTP_REQUEST,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_SESSION,
    Action,
    RuleArgs,
    action,
)
from pointsman.core.address import AF_INET, AF_INET6, NetAddress
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.casts import address_text
from pointsman.sample.context import Context
from pointsman.sample.registry import Getter
from pointsman.sample.types import Reads, Type, Writes

_REQUEST: Final = TCP_CONNECTION | TCP_SESSION | TCP_CONTENT | HTTP_REQUEST
NO_ADDRESS: Final = (AF_INET, bytes(4), b"0.0.0.0")


class SetAddress(Action):
    """Write one end's address or port."""

    def __init__(self, get: Getter, source: bool, port: bool) -> None:
        super().__init__()
        self.get = get
        self.source = source
        self.port = port

    def run(self, context: Context) -> int:
        value = self.get(context)
        if value is None:
            return CONTINUE
        old = context.source if self.source else context.destination
        made = _with_port(old, value) if self.port else _with_host(old, value)
        if self.source:
            context.source = made
        else:
            context.destination = made
        return CONTINUE


def _with_port(old: NetAddress, value: object) -> NetAddress:
    """Another port; what has none becomes 0.0.0.0."""
    assert isinstance(value, int)
    port = value & 0xFFFF
    if old.packed:
        return NetAddress(old.family, old.packed, old.text, port)
    family, packed, text = NO_ADDRESS
    return NetAddress(family, packed, text, port)


def _with_host(old: NetAddress, value: object) -> NetAddress:
    """Another address with the port that there was."""
    assert isinstance(value, bytes)
    text = address_text(value) or b""
    return NetAddress(AF_INET if len(value) == 4 else AF_INET6, bytes(value), text, old.port)


def _parser(source: bool, port: bool) -> Callable[[RuleArgs], Action]:
    def parse(args: RuleArgs) -> Action:
        """<expr>: the value of the expression is the new address or port."""
        at = args.here
        expression = args.expression()
        wanted = Type.SINT if port else Type.ADDR
        get = expression.cast_to(wanted)
        if get is None:
            raise ConfigError(
                f"'{args.keyword}': '{expression.text}' yields no {'port' if port else 'address'}",
                at,
                "an expression that yields one",
            )
        return SetAddress(get, source, port)

    return parse


# Of address and port one stays as it was.
action("set-src", _REQUEST, "4.4", reads=Reads.CONNECTION, writes=Writes.CONNECTION | Writes.SOURCE)(
    _parser(True, False)
)
action("set-src-port", _REQUEST, "4.4", reads=Reads.CONNECTION, writes=Writes.CONNECTION | Writes.SOURCE)(
    _parser(True, True)
)
action("set-dst", _REQUEST, "4.4", reads=Reads.CONNECTION, writes=Writes.CONNECTION)(_parser(False, False))
action("set-dst-port", _REQUEST, "4.4", reads=Reads.CONNECTION, writes=Writes.CONNECTION)(_parser(False, True))
