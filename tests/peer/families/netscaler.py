"""NetScaler's Client IP insertion, received by `accept-netscaler-cip` and `expect-netscaler-cip`: both forms, and
what is none of them."""

from __future__ import annotations

import socket
import struct

from support.actor import Close, End, Pause, Recv, Send
from support.scenario import Open, Scenario

from families.requests import get

ACCEPT = """
frontend web
    bind 127.0.0.1:{port:front} accept-netscaler-cip 1234
    option forwardfor
    http-request set-header X-From %[src]:%[src_port]>%[dst]:%[dst_port]
    http-request set-header X-Known %[fc_rcvd_proxy],%[fe_defbe]
    default_backend app
backend app
    server s1 {server:a}
"""
EXPECT = ACCEPT.replace(" accept-netscaler-cip 1234", "").replace(
    "    option forwardfor\n",
    """    tcp-request connection expect-netscaler-cip layer4 if { src 127.0.0.5 }
    tcp-request connection set-var(sess.real) src
    http-request set-header x-real %[var(sess.real)]
""",
)
TCP = struct.pack(">HHIIHHHH", 1234, 443, 0, 0, 0x5010, 100, 0, 0)


def four(protocol: int = 6, version: int = 4, options: bytes = b"") -> bytes:
    """The headers of a packet from 10.1.2.3:1234 to 10.9.9.9:443 (RFC 791 3.1, RFC 9293 3.1)."""
    first = version << 4 | 5 + len(options) // 4
    ends = socket.inet_aton("10.1.2.3") + socket.inet_aton("10.9.9.9")
    return struct.pack(">BBHHHBBH", first, 0, 40, 0, 0, 64, protocol, 0) + ends + options + TCP


def six(following: int = 6) -> bytes:
    """The same of IPv6 (RFC 8200 3)."""
    ends = [socket.inet_pton(socket.AF_INET6, f"2001:db8::{number}") for number in (1, 2)]
    return struct.pack(">IHBB", 6 << 28, 20, following, 64) + b"".join(ends) + TCP


def legacy(packet: bytes, magic: int = 1234, length: int = 0) -> bytes:
    return struct.pack(">II", magic, length or len(packet)) + packet


def standard(packet: bytes, kind: int = 1) -> bytes:
    return struct.pack(">IIHH", 1234, len(packet) + 12, kind, len(packet)) + packet


def taken(name: str, header: bytes, source: str = "10.1.2.3:1234>10.9.9.9:443") -> Scenario:
    """Such a header, then a GET."""
    return Scenario(
        name=name,
        config=ACCEPT,
        talk=[Send(header + get("/")), Recv()],
        expect=[f"x-from: {source}", f"{source.partition('>')[0]} [", "x-known: 0,app"],
    )


def refused(name: str, header: bytes, said: str) -> Scenario:
    """What is no such header, then a GET."""
    return Scenario(
        name=name,
        config=ACCEPT,
        talk=[Send(header + get("/")), End()],
        expect=[f"web/1: {said}", "(closed)"],
    )


BAD_PROTOCOL = "Received an unhandled protocol in the NetScaler Client IP header"
BAD_MAGIC = "Received an invalid NetScaler Client IP magic number"
SCENARIOS = [
    taken("legacy", legacy(four())),
    taken("legacy with options", legacy(four(options=b"\1" * 8) + b"\1" * 8)),
    taken("legacy of IPv6", legacy(six()), "2001:db8::1:1234>2001:db8::2:443"),
    taken("standard", standard(four())),
    taken("standard of IPv6", standard(six()), "2001:db8::1:1234>2001:db8::2:443"),
    taken("standard of another type", standard(four(), 7)),
    refused("another magic", legacy(four(), 1235), BAD_MAGIC),
    refused("UDP", legacy(four(17)), BAD_PROTOCOL),
    refused("IPv6 with an extension", legacy(six(60)), BAD_PROTOCOL),
    refused("another version of IP", legacy(four(version=5)), BAD_PROTOCOL),
    refused("another version of IP in a standard one", standard(four(version=5)), BAD_PROTOCOL),
    refused("no header", b"", BAD_MAGIC),
    Scenario(
        name="expected of some",
        config=EXPECT,
        talk=[
            *(Open(source="127.0.0.5"), Send(legacy(four(), 0) + get("/")), Recv(), Close()),
            *(Open(source="127.0.0.6"), Send(get("/")), Recv(), Close()),
            *(Open(source="127.0.0.5"), Send(legacy(four()) + get("/")), End(), Close()),
        ],
        logs=3,
        expect=["x-from: 10.1.2.3:1234>10.9.9.9:443", "x-real: 127.0.0.5", "x-real: 127.0.0.6", BAD_MAGIC],
    ),
    Scenario(
        name="in pieces",
        config=ACCEPT,
        talk=[Send(legacy(four())[:20]), Pause(0.2), Send(legacy(four())[20:] + get("/")), Recv()],
        expect=["Truncated NetScaler Client IP header"],
        differs="a NetScaler header (`accept-netscaler-cip`) may come in pieces; HAProxy refuses one that is not whole "
        "in its first read",
        ours=["x-from: 10.1.2.3:1234>10.9.9.9:443"],
    ),
    Scenario(
        name="too short for its headers",
        config=ACCEPT,
        talk=[Send(legacy(four(), length=20) + get("/")), Recv()],
        expect=["400 Bad request"],
        differs="a NetScaler header whose length leaves out a part of the TCP header is refused; HAProxy takes the "
        "rest for the client's first bytes",
        ours=[f"web/1: {BAD_PROTOCOL}", "(closed"],
    ),
]
