"""What connections to one server may differ in: the key by which its idle ones are shared among equals.

Most servers have no such key: all that a connection is, its configuration says. Where the request or its client has a
say in it (where it goes, what its PROXY header tells), each such thing is a part of the key; it is computed where a
connection is begun and where one is looked for, from the same facts. Parts are collected at start-up, and anew when the
server's address changes (`key_of`).
"""

from mypy_extensions import mypyc_attr

from pointsman.sample.context import Context
from pointsman.sample.expression import Expression


@mypyc_attr(allow_interpreted_subclasses=True)
class KeyPart:
    """One thing in which connections to a server may differ."""

    def value(self, context: Context) -> bytes:
        """What it is for this request. Two values are equal only if the connections are, as far as it goes."""
        raise NotImplementedError


class DestinationAddress(KeyPart):
    """The server is at 0.0.0.0 or ::, the request goes where its client has connected to (`set-dst`)."""

    def value(self, context: Context) -> bytes:
        return context.destination.packed


class DestinationPort(KeyPart):
    """The server has no port of its own: it is that of the client's destination (`set-dst-port`), or relative to it."""

    def value(self, context: Context) -> bytes:
        return b"%d" % context.destination.port


class Marks(KeyPart):
    """What rules want of the packets (`set-bc-mark`, `set-bc-tos`)."""

    def value(self, context: Context) -> bytes:
        return b"%d,%d" % (context.server_mark, context.server_tos)


class Name(KeyPart):
    """What the line's expression yields (`pool-conn-name`)."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def value(self, context: Context) -> bytes:
        return self.expression.get_bytes(context) or b""


class PoolKey:
    """The parts in their order. There is at least one."""

    def __init__(self, parts: list[KeyPart]) -> None:
        self.parts = parts

    def value(self, context: Context) -> bytes:
        """Never empty: that is the key of connections that are all alike."""
        parts = self.parts
        if len(parts) == 1:
            return b"=" + parts[0].value(context)
        key = b""
        for part in parts:
            value = part.value(context)
            key += b"%d:" % len(value) + value  # its length keeps it apart from the next one
        return key


def key_of(follow_address: bool, follow_port: bool, header: KeyPart | None, more: list[KeyPart]) -> PoolKey | None:
    """For a server like that; `header`: its connections begin with that PROXY header. None: they are all alike."""
    parts: list[KeyPart] = []
    if follow_address:
        parts.append(DestinationAddress())
    if follow_port:
        parts.append(DestinationPort())
    if header is not None:
        parts.append(header)
    parts += more
    return PoolKey(parts) if parts else None
