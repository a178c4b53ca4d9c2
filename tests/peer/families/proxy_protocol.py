"""PROXY protocol, versions 1 and 2, received by `accept-proxy` and sent by `send-proxy` and `send-proxy-v2`."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from support.actor import Close, End, Pass, Pause, Recv, Send, Silence, Step, Take, Until
from support.origin import ok
from support.scenario import TCP, Open, Scenario

from families.requests import get
from families.simple import simple
from pointsman.proto.proxy import crc32c

ACCEPT = """
frontend web
    bind 127.0.0.1:{port:front} accept-proxy
    option forwardfor
    http-request set-header X-From %[src]:%[src_port]>%[dst]:%[dst_port]
    http-request set-header X-Known %[fc_rcvd_proxy],%[fe_defbe]
    default_backend app
backend app
    server s1 {server:a}
"""
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version2(command: int, family: int, payload: bytes) -> bytes:
    """A version 2 header (PROXY protocol 2.2)."""
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, family, len(payload)) + payload


OPTIONS = (  # words of the server line, bytes of TLVs, and some of them
    ("send-proxy-v2-ssl", 8, r"\x00\x05\x00\x00\x00\x00\x00"),
    ("send-proxy-v2-ssl-cn", 8, r"\x00\x05\x00\x00\x00\x00\x00"),
    ("send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key", 8, r"\x00\x05\x00\x00\x00\x00\x00"),
    ("send-proxy-v2 proxy-v2-options crc32c", 7, r"\x03\x00\x04~<y\xf4"),
    ("send-proxy-v2 proxy-v2-options authority", 0, r"\x01\xbb"),
    ("send-proxy-v2 proxy-v2-options unique-id", 3, r"\x05\x00\x00"),
    ("send-proxy-v2 proxy-v2-options unique-id,ssl,crc32c", 18, r"\x05\x00\x00"),
    ("send-proxy-v2-ssl no-send-proxy", 8, r"\x00\x05\x00\x00\x00\x00\x00"),
    ("send-proxy send-proxy-v2", 0, r"\x01\xbb"),
)
INET = socket.inet_aton("10.1.2.3") + socket.inet_aton("10.9.9.9") + struct.pack(">HH", 1234, 443)
INET6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::2")
    + struct.pack(">HH", 1234, 443)
)
BAD_LINES = {
    "address": b"PROXY TCP4 10.1.2 10.9.9.9 1234 443\r\n",
    "port": b"PROXY TCP4 10.1.2.3 10.9.9.9 99999 443\r\n",
}


def accept(name: str, header: bytes, *expect: str, talk: tuple[Step, ...] = (Recv(),), logs: int = 1) -> Scenario:
    """This header, then a GET."""
    return Scenario(name=name, config=ACCEPT, talk=[Send(header + get("/")), *talk], expect=expect, logs=logs)


TELL = ACCEPT.replace(
    "    option forwardfor\n",
    """    http-request set-header x-told auth=%[fc_pp_authority],id=%[fc_pp_unique_id]
    http-request set-header x-found yes if { fc_pp_authority -m found }
""",
)


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def checked(tlvs: bytes) -> bytes:
    """A header for these addresses and TLVs, with a CRC32c in front of them (section 2.2.3)."""
    plain = version2(1, 0x11, INET + tlv(3, b"\0\0\0\0") + tlvs)
    return tlv(3, struct.pack(">I", crc32c(plain))) + tlvs


def told(
    name: str,
    tlvs: bytes,
    *expect: str,
    differs: str = "",
    ours: Sequence[str] = (),
) -> Scenario:
    """A version 2 header with these TLVs, then a GET."""
    return Scenario(
        name=f"v2 with {name}",
        config=TELL,
        talk=[Send(version2(1, 0x11, INET + tlvs) + get("/")), Recv()],
        expect=expect,
        differs=differs,
        ours=ours,
    )


TOLD = (
    ("an authority", tlv(2, b"a.example"), "x-told: auth=a.example,id=", "x-found: yes"),
    ("an empty authority", tlv(2, b""), "x-told: auth=,id=", "x-found: yes"),
    ("a unique ID", tlv(5, b"id-1"), "x-told: auth=,id=id-1"),
    ("a unique ID of 128 bytes", tlv(5, b"i" * 128), "i" * 128),
    ("an authority of 255 bytes", tlv(2, b"i" * 255), "i" * 255),
    ("padding", tlv(4, b"pad") + tlv(2, b"a.example"), "x-told: auth=a.example,id="),
    ("a checksum", checked(tlv(2, b"a.example")), "x-told: auth=a.example,id="),
)
BAD_TLVS = {
    "a wrong checksum": tlv(3, b"\0\0\0\0") + tlv(2, b"a.example"),
    "a short checksum": tlv(3, b"\0\0\0"),
    "a unique ID of 129 bytes": tlv(5, b"i" * 129),
    "an authority of 256 bytes": tlv(2, b"i" * 256),
    "a TLV that is cut": tlv(2, b"a.example")[:-1],
}

SCENARIOS = [
    accept(
        "v1 TCP4",
        b"PROXY TCP4 10.1.2.3 10.9.9.9 1234 443\r\n",
        "x-from: 10.1.2.3:1234>10.9.9.9:443",
        "10.1.2.3:1234 [",
        "x-known: 1,app",
    ),
    accept("v1 TCP6", b"PROXY TCP6 2001:db8::1 2001:db8::2 1234 443\r\n", "x-forwarded-for: 2001:db8::1"),
    accept("v1 UNKNOWN", b"PROXY UNKNOWN\r\n", "x-forwarded-for: 127.0.0.1"),
    accept("v2 TCP4", version2(1, 0x11, INET), "x-from: 10.1.2.3:1234>10.9.9.9:443"),
    accept("v2 TCP6", version2(1, 0x21, INET6), "x-forwarded-for: 2001:db8::1"),
    accept("v2 LOCAL", version2(0, 0x00, b""), "x-forwarded-for: 127.0.0.1"),
    accept("v2 with a TLV to skip", version2(1, 0x11, INET + b"\xe0\0\x03abc"), "x-from: 10.1.2.3:1234"),
    *(told(name, tlvs, *expect) for name, tlvs, *expect in TOLD),
    *(
        told(
            name,
            tlvs,
            "10.1.2.3:1234 [",
            "Received an invalid PROXY protocol header",
            differs="the error log has the connection's own address where a PROXY header is refused; HAProxy has "
            "what the header said before its fault",
            ours=["127.0.0.1:<client 1> [<date>] web/1: Received an invalid PROXY protocol header", "(closed"],
        )
        for name, tlvs in BAD_TLVS.items()
    ),
    told(
        "a TLV of 1025 bytes",
        tlv(0xE0, b"i" * 1025),
        "web",
        differs="a PROXY header with a TLV of more than 1,024 bytes is an invalid one; 2.6 takes it, and 3.2 says "
        "`Success` in the log",
        ours=["Received an invalid PROXY protocol header", "(closed"],
    ),
    accept("no header", b"", "(closed)", talk=(End(),)),
    accept("bad v1", b"PROXY TCP4 10.1.2.3\r\n", "(closed)", talk=(End(),)),
    accept("bad v2 version", SIGNATURE + b"\x11\x11\0\x0c" + INET, "(closed)", talk=(End(),)),
    Scenario(
        name="v1 in pieces",
        config=ACCEPT,
        talk=[Send(b"PROXY TCP4 10.1."), Pause(0.2), Send(b"2.3 10.9.9.9 1234 443\r\n" + get("/")), Recv()],
        expect=["Truncated PROXY protocol header"],
        differs="a PROXY header (`accept-proxy`) may come in pieces; HAProxy refuses one that is not whole in its "
        "first read",
        ours=["x-from: 10.1.2.3:1234>10.9.9.9:443"],
    ),
    *(
        Scenario(
            name=f"v1 with a bad {name}",
            config=ACCEPT,
            talk=[Send(header + get("/")), Recv()],
            expect=["HTTP/1.1 200 OK"],
            differs="bad addresses and ports in a version 1 PROXY header are refused; HAProxy reads something "
            "out of them",
            ours=["Received an invalid PROXY protocol header", "(closed"],
        )
        for name, header in BAD_LINES.items()
    ),
    Scenario(
        name="v2 of datagrams",
        config=ACCEPT,
        talk=[Send(version2(1, 0x12, INET) + get("/")), Recv()],
        expect=["Received an invalid PROXY protocol header", "(closed"],
        differs="a version 2 PROXY header that speaks of datagrams is taken for its addresses; HAProxy refuses it",
        ours=["x-from: 10.1.2.3:1234>10.9.9.9:443"],
    ),
    Scenario(
        name="send-proxy",
        config=simple(server="send-proxy"),
        servers={"a": ((Until(b"\r\n"), Recv(), Send(ok(b"a")), End()),)},
        talk=[Send(get("/")), Recv()],
        expect=["PROXY TCP4 127.0.0.1 127.0.0.1 <client 1> <port front>"],
    ),
    Scenario(
        name="send-proxy-v2",
        config=simple(server="send-proxy-v2"),
        servers={"a": ((Take(24), Pass(4), Recv(), Send(ok(b"a")), End()),)},
        talk=[Send(get("/")), Recv()],
        expect=["QUIT", "GET / HTTP/1.1"],
    ),
    Scenario(
        name="from v1 to v2",
        config=ACCEPT.replace("{server:a}", "{server:a} send-proxy-v2"),
        servers={"a": ((Take(28), Recv(), Send(ok(b"a")), End()),)},
        talk=[Send(b"PROXY TCP4 10.1.2.3 10.9.9.9 1234 443\r\n" + get("/")), Recv()],
        expect=[r"\n\x01\x02\x03\n\t\t\t\x04\xd2\x01\xbb"],
    ),
    Scenario(
        name="an authority is sent on",
        config=ACCEPT.replace("{server:a}", "{server:a} send-proxy-v2 proxy-v2-options authority"),
        servers={"a": ((Take(28 + 12), Recv(), Send(ok(b"a")), End()),)},
        talk=[Send(version2(1, 0x11, INET + tlv(2, b"a.example") + tlv(5, b"x")) + get("/")), Recv()],
        expect=[r"\x02\x00\ta.example"],
    ),
    *(
        Scenario(
            name=f"from v1 to v2 with {words}",
            config=ACCEPT.replace("{server:a}", f"{{server:a}} {words}"),
            servers={"a": ((Take(28 + size), Recv(), Send(ok(b"a")), End()),)},
            talk=[Send(b"PROXY TCP4 10.1.2.3 10.9.9.9 1234 443\r\n" + get("/")), Recv()],
            expect=[told],
        )
        for words, size, told in OPTIONS
    ),
    Scenario(
        name="send-proxy in TCP mode",
        prelude=TCP,
        config="""
listen door
    bind 127.0.0.1:{port:front}
    server s1 {server:a} send-proxy
""",
        servers={"a": ((Until(b"\r\n"), Until(b"ping"), Send(b"pong"), End()),)},
        talk=[Send(b"ping"), Until(b"pong"), Close()],
        expect=["PROXY TCP4 127.0.0.1 127.0.0.1"],
    ),
    Scenario(
        name="a server that speaks first still gets the header",
        prelude=TCP,
        config="""
listen door
    bind 127.0.0.1:{port:front}
    server s1 {server:a} send-proxy
""",
        servers={"a": ((Until(b"\r\n"), Send(b"220 hello\r\n"), End()),)},
        talk=[Open(), Until(b"hello\r\n"), Silence(0.05), Close()],
        expect=["PROXY TCP4 127.0.0.1 127.0.0.1", "220 hello"],
    ),
]
