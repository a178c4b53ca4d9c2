"""Addresses, and the names and numbers of listeners, proxies and servers (manual 7.3.2 and 7.3.3).

A UNIX socket has no address and no port: no sample.
"""

from typing import Final

from pointsman.core.address import AF_UNIX, NetAddress
from pointsman.core.registry import nearest
from pointsman.proto.proxy import (
    ALPN,
    AUTHORITY,
    CRC32C,
    NETNS,
    NOOP,
    SSL,
    SSL_CIPHER,
    SSL_CN,
    SSL_KEY_ALG,
    SSL_SIG_ALG,
    SSL_VERSION,
    UNIQUE_ID,
    first_tlv,
    inner_tlvs,
)
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import EXPECTS_PROXY, Context
from pointsman.sample.record import NOT_REACHED
from pointsman.sample.registry import HANDSHAKEN, fetch, fetch_with
from pointsman.sample.source import Source
from pointsman.sample.types import Reads, Type, Value, Where

TLVS: Final = {  # names of fc_pp_tlv (manual 7.3.3), and the one of the protocol
    "ALPN": ALPN,
    "AUTHORITY": AUTHORITY,
    "CRC32": CRC32C,
    "CRC32C": CRC32C,
    "NETNS": NETNS,
    "NOOP": NOOP,
    "SSL": SSL,
    "SSL_CIPHER": SSL_CIPHER,
    "SSL_CN": SSL_CN,
    "SSL_KEY_ALG": SSL_KEY_ALG,
    "SSL_SIG_ALG": SSL_SIG_ALG,
    "SSL_VERSION": SSL_VERSION,
    "UNIQUE_ID": UNIQUE_ID,
}


def _packed(address: NetAddress | None) -> bytes | None:
    return address.packed if address is not None and address.family != AF_UNIX else None


def _port(address: NetAddress | None) -> int | None:
    return address.port if address is not None and address.family != AF_UNIX else None


def is_local(address: NetAddress) -> bool:
    """Whether an address belongs to this machine: loopback, or the other end's own (then both ends are the same)."""
    packed = address.packed
    if len(packed) == 4:
        return packed[0] == 127
    return packed == bytes(15) + b"\x01" or packed.startswith(bytes(10) + b"\xff\xff\x7f")


def _local(address: NetAddress, other: NetAddress) -> bool | None:
    """A client that has the address which it connected to sits on this machine."""
    if address.family == AF_UNIX:
        return None
    return is_local(address) or address.packed == other.packed


def source(ctx: Context) -> bytes | None:
    """The client's address, as the PROXY protocol or a rule says."""
    address = ctx.source
    return address.packed if address.family != AF_UNIX else None


class ClientAddress(Source):
    """src as a Source: the client's address."""

    def __init__(self) -> None:
        self.many = False

    def get(self, ctx: Context) -> bytes | None:
        return source(ctx)


@fetch_with("src", "", Type.ADDR, Where.TRAFFIC, Reads.SOURCE, "7.3.3")
def client_address(_: Arguments) -> Source:
    """The client's address, as the PROXY protocol or a rule says."""
    return ClientAddress()


@fetch("src_port", Type.SINT, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def source_port(ctx: Context) -> int | None:
    """The client's port; no sample for port 0, which a rule may have set."""
    return _port(ctx.source) or None


@fetch("src_is_local", Type.BOOL, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def source_is_local(ctx: Context) -> bool | None:
    """Whether the client is on this machine."""
    return _local(ctx.source, ctx.session.destination)


@fetch("dst", Type.ADDR, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def destination(ctx: Context) -> bytes | None:
    """The address the client connected to, as the PROXY protocol or a rule says."""
    return _packed(ctx.destination)


@fetch("dst_port", Type.SINT, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def destination_port(ctx: Context) -> int | None:
    """The port the client connected to."""
    return _port(ctx.destination)


@fetch("dst_is_local", Type.BOOL, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def destination_is_local(ctx: Context) -> bool | None:
    """Whether the address that the client connected to is one of this machine."""
    return _local(ctx.destination, ctx.session.destination)


@fetch("fc_src", Type.ADDR, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def connection_source(ctx: Context) -> bytes | None:
    """The client's address of the connection itself."""
    return _packed(ctx.session.real_source)


@fetch("fc_src_port", Type.SINT, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def connection_source_port(ctx: Context) -> int | None:
    """The client's port of the connection itself."""
    return _port(ctx.session.real_source)


@fetch("fc_src_is_local", Type.BOOL, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def connection_source_is_local(ctx: Context) -> bool | None:
    """Whether the other end of the connection is on this machine."""
    return _local(ctx.session.real_source, ctx.session.real_destination)


@fetch("fc_dst", Type.ADDR, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def connection_destination(ctx: Context) -> bytes | None:
    """Our address of the connection itself."""
    return _packed(ctx.session.real_destination)


@fetch("fc_dst_port", Type.SINT, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def connection_destination_port(ctx: Context) -> int | None:
    """Our port of the connection itself."""
    return _port(ctx.session.real_destination)


@fetch("fc_dst_is_local", Type.BOOL, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def connection_destination_is_local(ctx: Context) -> bool | None:
    """Whether the connection ends on this machine: not so where it was intercepted on its way."""
    return _local(ctx.session.real_destination, ctx.session.real_destination)


@fetch("bc_src", Type.ADDR, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_source(ctx: Context) -> bytes | None:
    """Our address towards the server."""
    return _packed(ctx.server_source)


@fetch("bc_src_port", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_source_port(ctx: Context) -> int | None:
    """Our port towards the server."""
    return _port(ctx.server_source)


@fetch("bc_dst", Type.ADDR, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_destination(ctx: Context) -> bytes | None:
    """The server's address."""
    return _packed(ctx.server_address)


@fetch("bc_dst_port", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_destination_port(ctx: Context) -> int | None:
    """The server's port."""
    return _port(ctx.server_address)


@fetch("bc_reused", Type.BOOL, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_connection_is_reused(ctx: Context) -> bool:
    """Whether the server connection had carried other exchanges before; false where no server was reached."""
    return ctx.reused and ctx.server is not None and ctx.record.connected != NOT_REACHED


@fetch("fc_rcvd_proxy", Type.BOOL, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def received_proxy_header(ctx: Context) -> bool:
    """Whether the client's connection began with a PROXY protocol header."""
    return ctx.listener.proxied or ctx.session.expects & EXPECTS_PROXY != 0


@fetch("fc_pp_authority", Type.STR, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def received_authority(ctx: Context) -> bytes | None:
    """Whom the client wants to speak to, as its PROXY header says: the first authority there."""
    tlvs = ctx.session.tlvs
    return first_tlv(tlvs, AUTHORITY) if tlvs is not None else None


@fetch("fc_pp_unique_id", Type.STR, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def received_unique_id(ctx: Context) -> bytes | None:
    """The first unique ID of the client's PROXY header."""
    tlvs = ctx.session.tlvs
    return first_tlv(tlvs, UNIQUE_ID) if tlvs is not None else None


class ReceivedTlv(Source):
    """Values of one type. Those of subtypes of SSL also stand inside of a TLV SSL."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.inside = SSL_VERSION <= kind <= SSL_KEY_ALG

    def get(self, ctx: Context) -> bytes | None:
        found = self._found(ctx)
        return found[0] if found else None

    def values(self, ctx: Context) -> list[Value]:
        return list(self._found(ctx))

    def _found(self, ctx: Context) -> list[bytes]:
        tlvs = ctx.session.tlvs
        if tlvs is None:
            return []
        found = [value for kind, value in tlvs if kind == self.kind]
        if self.inside:
            for kind, whole in tlvs:
                if kind == SSL:
                    found += [value for inner, value in inner_tlvs(whole) if inner == self.kind]
        return found


@fetch_with("fc_pp_tlv", "(string)", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.3")
def received_tlv(args: Arguments) -> Source:
    """The TLVs of that type, a number or a name, in the client's PROXY header; an ACL looks at all of them."""
    text = args.text(0).decode("utf-8", "surrogateescape")
    kind = TLVS.get(text.upper())
    if kind is None:
        digits = text[2:] if text[:2].lower() == "0x" else text
        try:
            kind = int(digits, 16 if digits is not text else 10)
        except ValueError:
            near = nearest(text, [name.lower() for name in TLVS])
            raise args.wrong(
                f"'{text}' is no TLV ID" + (f"; did you mean '{near.upper()}'?" if near else ""),
                "a number from 0 to 255, or one of " + ", ".join(TLVS),
            ) from None
    if not 0 <= kind <= 255:
        raise args.wrong(f"invalid TLV ID '{text}'", "a number from 0 to 255")
    return ReceivedTlv(kind)


@fetch("fc_glitches", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_glitches(ctx: Context) -> int:
    """What was odd, and accepted, in heads on the client's connection so far (proto/glitches.py)."""
    return ctx.session.glitches


@fetch("bc_glitches", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_glitches(ctx: Context) -> int | None:
    """The same on the server's connection. No sample where no server was reached."""
    return ctx.server_glitches if ctx.server is not None and ctx.record.connected != NOT_REACHED else None


@fetch("dst_conn", Type.SINT, Where.SESSION, Reads.MOVING, "7.3.3")
def listener_connections(ctx: Context) -> int:
    """Open connections of the socket that the client has connected to, in all lanes."""
    return ctx.listener.connections


@fetch("so_id", Type.SINT, Where.SESSION, Reads.CONNECTION, "7.3.3")
def listener_id(ctx: Context) -> int:
    """The number of the bind line."""
    return ctx.listener.number


@fetch("so_name", Type.STR, Where.SESSION, Reads.CONNECTION, "7.3.3")
def listener_name(ctx: Context) -> bytes | None:
    """The name of the bind line. No sample without one."""
    return ctx.listener.name or None


@fetch("fe_id", Type.SINT, Where.SESSION, Reads.CONNECTION, "7.3.3")
def frontend_id(ctx: Context) -> int:
    """The number of the frontend."""
    return ctx.frontend.number


@fetch("fe_name", Type.STR, Where.SESSION, Reads.CONNECTION, "7.3.3")
def frontend_name(ctx: Context) -> bytes:
    """The name of the frontend."""
    return ctx.frontend.name


@fetch("fe_defbe", Type.STR, Where.SESSION, Reads.CONNECTION, "7.3.3")
def default_backend_name(ctx: Context) -> bytes | None:
    """The name of the frontend's default backend. No sample without one, as in a listen section."""
    return ctx.frontend.default_backend_name or None


@fetch("be_id", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def backend_id(ctx: Context) -> int | None:
    """The number of the backend. In a response it is known even where the frontend answered itself."""
    return ctx.backend.number if ctx.backend is not None else None


@fetch("be_name", Type.STR, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def backend_name(ctx: Context) -> bytes | None:
    """The name of the backend."""
    return ctx.backend.name if ctx.backend is not None else None


@fetch("srv_id", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_id(ctx: Context) -> int | None:
    """The number of the server."""
    return ctx.server.number if ctx.server is not None else None


@fetch("srv_name", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_name(ctx: Context) -> bytes | None:
    """The name of the server."""
    return ctx.server.name if ctx.server is not None else None


@fetch("bc_be_queue", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def backend_queue(ctx: Context) -> int:
    """How many streams stood before this one in the backend's queue."""
    return ctx.record.backend_queue


@fetch("bc_srv_queue", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_queue(ctx: Context) -> int:
    """How many streams stood before this one in the server's queue."""
    return ctx.record.server_queue


@fetch("txn.conn_retries", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def connection_retries(ctx: Context) -> int:
    """How often the connection to the server was tried again."""
    return ctx.record.retries


@fetch("txn.redispatched", Type.BOOL, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def redispatched(ctx: Context) -> bool:
    """Whether a retry went to another server."""
    return ctx.record.redispatched
