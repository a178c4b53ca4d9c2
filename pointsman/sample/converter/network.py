"""Addresses, hosts and ports, and the Forwarded field (manual 7.3.1; RFC 7239)."""

import re
from collections.abc import Callable
from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import address_text, ipv4_of, text_to_address
from pointsman.sample.registry import converter, converter_with
from pointsman.sample.types import Packed, Type, Value


@converter_with("ipmask", "(IPv4 mask[,IPv6 mask])", Type.ADDR, Type.ADDR)
def mask_address(args: Arguments) -> Callable[[bytes], bytes | None]:
    """ipmask(<mask4>[,<mask6>]): the network of an address. Without mask6 there is no sample for IPv6.

    As in HAProxy, an IPv6 address that holds an IPv4 address (manual 7.1.6) counts as that.
    """
    mask4, mask6 = args.text(0), args.text(1)

    def apply(value: bytes) -> bytes | None:
        value = ipv4_of(value) or value
        mask = mask4 if len(value) == 4 else mask6
        if not mask:
            return None
        return (int.from_bytes(value, "big") & int.from_bytes(mask, "big")).to_bytes(len(value), "big")

    return apply


def _host_and_port(value: bytes) -> tuple[bytes, bytes]:
    """A Host field's value in two; the colons of an IPv6 address in brackets belong to the host."""
    host, mark, port = value.rpartition(b":")
    if not mark or b"]" in port:
        return value, b""
    return host, port


@converter("host_only", Type.STR, Type.STR)
def host_only(value: bytes) -> bytes:
    """A Host field's value without its port, in lower case."""
    return _host_and_port(value)[0].lower()


@converter("port_only", Type.STR, Type.SINT)
def port_only(value: bytes) -> int:
    """The port of a Host field's value; 0 without one."""
    port = _host_and_port(value)[1]
    return int(port) if port.isdigit() and len(port) < 10 else 0


# RFC 7239 4 and 6.
PAIR: Final = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|\"((?:\\.|[^\"\\])*)\")", re.DOTALL
)
NODE: Final = re.compile(rb"(unknown|_[A-Za-z0-9._-]+|[0-9.]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}|_[A-Za-z0-9._-]+))?")
HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5})?")
OBFUSCATED: Final = re.compile(rb"[A-Za-z0-9._-]+")


def forwarded(value: bytes) -> dict[bytes, bytes] | None:
    """The parameters of one element of a Forwarded field; None if it does not follow RFC 7239."""
    found: dict[bytes, bytes] = {}
    index = 0
    while True:
        pair = PAIR.match(value, index)
        if pair is None:
            return None
        name = pair.group(1).lower()
        text = pair.group(2)
        if text is None:
            text = re.sub(rb"\\(.)", rb"\1", pair.group(3), flags=re.DOTALL)
        if name in found or not _valid(name, text):
            return None
        found[name] = text
        index = pair.end()
        if index == len(value):
            return found
        if value[index : index + 1] != b";":
            return None
        index += 1


def _valid(name: bytes, text: bytes) -> bool:
    if name in (b"for", b"by"):
        return _node(text) is not None
    if name == b"proto":
        return text in (b"http", b"https")
    return name == b"host" and HOST.fullmatch(text) is not None


def _node(text: bytes) -> tuple[Value, Value | None] | None:
    """Name and port of a node (RFC 7239 6): an address as text, or an identifier; None if it is wrong."""
    found = NODE.fullmatch(text)
    if found is None:
        return None
    name, port = found.group(1), found.group(2)
    if name[:1] in b"[0123456789":
        packed = text_to_address(name.strip(b"[]"))
        if packed is None or (len(packed) == 16) != name.startswith(b"["):
            return None
        name = Packed(packed)
    if port is None or port.startswith(b"_"):
        return name, port
    return (name, int(port)) if int(port) < 65536 else None


@converter("rfc7239_is_valid", Type.STR, Type.BOOL)
def forwarded_is_valid(value: bytes) -> bool:
    """Whether the value of a Forwarded field follows RFC 7239."""
    return forwarded(value) is not None


@converter_with("rfc7239_field", "(string)", Type.STR, Type.STR)
def forwarded_field(args: Arguments) -> Callable[[bytes], bytes | None]:
    """rfc7239_field(<field>): one of proto, host, for and by."""
    name = args.text(0)
    if name not in (b"proto", b"host", b"for", b"by"):
        raise args.wrong(f"unknown field '{args.word(0)}'", "one of proto, host, for, by")

    def get(value: bytes) -> bytes | None:
        found = forwarded(value)
        return None if found is None else found.get(name)

    return get


@converter("rfc7239_n2nn", Type.STR, Type.ANY)
def node_name(value: bytes) -> Value | None:
    """The name of a node: an address, "unknown", or an identifier that begins with "_"."""
    found = _node(value)
    return None if found is None else found[0]


@converter("rfc7239_n2np", Type.STR, Type.ANY)
def node_port(value: bytes) -> Value | None:
    """The port of a node: a number, or an identifier that begins with "_". No sample without one."""
    found = _node(value)
    return None if found is None else found[1]


@converter_with("rfc7239_nn", "", Type.ANY, Type.STR)
def make_node_name(args: Arguments) -> Callable[[Value], bytes | None]:
    """A node's name of an address, or of a string: "_" is put before it; an empty one is "unknown"."""
    address = args.input in (Type.ADDR, Type.IPV4, Type.IPV6)

    def make(value: Value) -> bytes | None:
        if address:
            text = address_text(value)
            return b"[" + text + b"]" if text is not None and b":" in text else text
        text = value if isinstance(value, bytes) else b"%d" % value
        if not text:
            return b"unknown"
        return b"_" + text if OBFUSCATED.fullmatch(text) else None

    return make


@converter("rfc7239_np", Type.ANY, Type.STR)
def make_node_port(value: Value) -> bytes | None:
    """A node's port of a number, or of a string: "_" is put before it."""
    if isinstance(value, int):
        return b"%d" % value if 0 <= value < 65536 else None
    return b"_" + value if OBFUSCATED.fullmatch(value) else None
