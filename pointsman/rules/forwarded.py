"""option forwarded (manual 4.2): who the client is, whom it asked and how, in one field of RFC 7239. What its line says
stands in forwarded_words.py.

    proto   http or https                       host   the Host field, or an expression
    by      our address, or an expression       for    the client's, or an expression; either may have a port

The parameters stand in this order, however the line orders them. What cannot name a node is "unknown"; what can be no
port is left out. An identifier that is no address gets the "_" that marks it as one (RFC 7239 6.3).

Where all elements of what the request has already are valid, ours follows them in the last field, else in one of its
own: nobody shall take a part of what somebody made up for ours.
"""

import re
from typing import Final

from pointsman.core.address import AF_UNIX, NetAddress
from pointsman.proto.message import Request, field
from pointsman.rules.plan import CONNECTION, HEADER_BLOCK
from pointsman.rules.room import add_field, failed, take
from pointsman.sample.casts import address_text, text_to_address
from pointsman.sample.context import Context
from pointsman.sample.converter.network import OBFUSCATED, forwarded
from pointsman.sample.expression import Expression
from pointsman.sample.types import Packed, Type, Value

HEADER: Final = b"forwarded"
UNKNOWN: Final = b"unknown"
IPV4: Final = re.compile(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
NAME: Final = re.compile(rb"(?:[A-Za-z0-9.-]+|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?")
ADDRESSES: Final = (Type.ADDR, Type.IPV4, Type.IPV6)
HIGHEST_PORT: Final = 65535


class Parameter:
    """One name and its value."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.asks = 0  # bits of Reads

    def text(self, context: Context) -> bytes:
        raise NotImplementedError


class Proto(Parameter):
    def text(self, context: Context) -> bytes:
        if context.frontend.secures:
            context.asked |= CONNECTION
        return b"proto=https" if context.session.tls is not None else b"proto=http"


class Host(Parameter):
    """What is no host is shown as an empty one."""

    def __init__(self, expression: Expression | None) -> None:
        super().__init__(b"host")
        self.expression = expression
        self.asks = HEADER_BLOCK if expression is None else expression.reads

    def text(self, context: Context) -> bytes:
        if self.expression is not None:
            value = self.expression.get_bytes(context)
        else:
            value = context.request.get(b"host") if context.request is not None else None
        return b'host="%b"' % (value if value is not None and is_host(value) else b"")


class Node(Parameter):
    """by, for: a name, perhaps with a port."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name)
        self.near = name == b"by"  # whose address it is: ours, not the client's
        self.node: Expression | None = None
        self.has_port = False
        self.port: Expression | None = None

    def prepare(self) -> None:
        """All is said about it."""
        if self.near and self.node is None or self.has_port and self.port is None:
            self.asks |= CONNECTION
        self.asks |= self.node.reads if self.node is not None else 0
        self.asks |= self.port.reads if self.port is not None else 0

    def text(self, context: Context) -> bytes:
        address = context.destination if self.near else context.source
        name = node_name(self.node.get(context), self.node.type) if self.node is not None else own_name(address)
        port = b""
        if self.has_port:
            if self.port is not None:
                port = node_port(self.port.get_bytes(context))
            elif address.family != AF_UNIX:
                port = b"%d" % address.port
        if port:
            return b'%b="%b:%b"' % (self.name, name, port)
        return (b'%b="%b"' if name.startswith(b"[") else b"%b=%b") % (self.name, name)


def is_host(value: bytes) -> bool:
    """A name or an address, perhaps with a port. Underscores and such are no part of it, as in HAProxy."""
    found = NAME.fullmatch(value)
    if found is None:
        return False
    address, port = found.group(1), found.group(2)
    return (address is None or text_to_address(address) is not None) and (port is None or 0 < int(port) <= HIGHEST_PORT)


def own_name(address: NetAddress) -> bytes:
    if address.family == AF_UNIX or not address.packed:
        return UNKNOWN
    return b"[%b]" % address.text if b":" in address.text else address.text


def node_name(value: Value | None, kind: Type) -> bytes:
    """The name of a node from a sample of that type (RFC 7239 6)."""
    if isinstance(value, bytes) and (kind in ADDRESSES or isinstance(value, Packed)):
        text = address_text(value) or UNKNOWN
        return b"[%b]" % text if b":" in text else text
    text = value if isinstance(value, bytes) else b"" if value is None else b"%d" % value
    if IPV4.fullmatch(text) and text_to_address(text) is not None:
        return text
    if text.startswith(b"[") and text.endswith(b"]"):
        packed = text_to_address(text[1:-1])
        return text if packed is not None and len(packed) == 16 else UNKNOWN
    if text == UNKNOWN or not OBFUSCATED.fullmatch(text):
        return UNKNOWN
    return _marked(text)


def node_port(text: bytes | None) -> bytes:
    """The port of a node; b"": none."""
    if not text:
        return b""
    if text.isdigit() and len(text) < 10 and 0 < int(text) <= HIGHEST_PORT:
        return text
    return _marked(text) if OBFUSCATED.fullmatch(text) else b""


def _marked(text: bytes) -> bytes:
    """An identifier begins with "_" (RFC 7239 6.3)."""
    return text if text.startswith(b"_") and len(text) > 1 else b"_" + text


class Forwarded:
    """The field of a backend."""

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters
        self.asks = HEADER_BLOCK
        for one in parameters:
            self.asks |= one.asks
        self.made = field(HEADER, b"")  # the last one: fields are never changed

    def apply(self, context: Context, request: Request) -> bool:
        """Add it. False: it does not fit."""
        context.asked |= self.asks
        value = b";".join([one.text(context) for one in self.parameters])
        if request.get(HEADER) is not None and self._follows(request):
            return self._append(context, request, value)
        made = self.made
        if made.value != value:
            made = self.made = field(HEADER, value)
        return add_field(context, request, made)

    def _follows(self, request: Request) -> bool:
        """What is here already is valid."""
        for one in request.fields:
            if one.name == HEADER and not is_valid(one.value):
                return False
        return True

    def _append(self, context: Context, request: Request, value: bytes) -> bool:
        if not take(context, request, len(value) + 1):
            failed(context)
            return False
        fields = request.fields.copy()
        index = len(fields) - 1
        while fields[index].name != HEADER:
            index -= 1
        fields[index] = field(HEADER, b"%b,%b" % (fields[index].value, value))
        request.fields = fields
        return True


def is_valid(value: bytes) -> bool:
    """All elements of a Forwarded field follow RFC 7239."""
    start = 0
    quoted = False
    escaped = False
    for index, byte in enumerate(value):
        if escaped:
            escaped = False
        elif byte == 0x5C and quoted:
            escaped = True
        elif byte == 0x22:
            quoted = not quoted
        elif byte == 0x2C and not quoted:
            if forwarded(value[start:index].strip(b" \t")) is None:
                return False
            start = index + 1
    return forwarded(value[start:].strip(b" \t")) is not None
