"""What the first bytes of a connection say (TLS, RDP): a value, NO, or NOT_YET, whatever the bytes are; and what was
answered once stays so when more bytes come."""

from collections.abc import Callable
from typing import Final

from pointsman.proto.rdp_cookie import find_rdp_cookie
from pointsman.proto.tls_hello import (
    NO,
    NOT_YET,
    algorithms,
    alpn,
    groups,
    handshake_type,
    has_curves,
    key_shares,
    server_name,
    suites,
    ticket,
    version,
)


def rdp_cookie(data: bytes) -> bytes | int:
    found = find_rdp_cookie(data)
    return NOT_YET if found.waits else NO if found.value is None else found.value


def rdp_user(data: bytes) -> bytes | int:
    found = find_rdp_cookie(data, b"mstshash")
    return NOT_YET if found.waits else NO if found.value is None else found.value


QUESTIONS: Final[tuple[Callable[[bytes], bytes | int], ...]] = (
    handshake_type,
    version,
    server_name,
    alpn,
    ticket,
    has_curves,
    suites,
    groups,
    algorithms,
    key_shares,
    rdp_cookie,
    rdp_user,
)


def _sized(octets: int, data: bytes) -> bytes:
    return len(data).to_bytes(octets, "big") + data


def _hello(*extensions: tuple[int, bytes]) -> bytes:
    block = b"".join(kind.to_bytes(2, "big") + _sized(2, data) for kind, data in extensions)
    body = b"\3\3" + b"R" * 32 + _sized(1, b"SID") + _sized(2, b"\x13\1\x13\2") + b"\1\0" + _sized(2, block)
    return b"\x16\3\1" + _sized(2, b"\1" + _sized(3, body))


_SPECS: Final = b"\1\3\1\0\3\0\0\0\x10\0\0\4" + b"C" * 16  # a hello of SSL 2.0, behind its length

SEEDS: Final = [
    _hello(
        (0, _sized(2, b"\0" + _sized(2, b"a.test"))), (16, _sized(2, b"\2h2")), (35, b""), (51, _sized(2, bytes(5)))
    ),
    _hello((10, _sized(2, b"\0\x1d\0\x17")), (13, _sized(2, b"\4\3\x08\4")), (0, _sized(2, b"\1\0\1x")), (0, b"")),
    _hello(),
    b"\x16\3\3\0\4\2\0\0\0",
    b"\x80" + _sized(1, _SPECS),
    b"\0" + _sized(1, _SPECS)[:1] + b"\1" + _SPECS + b"p",
    b"\3\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=User1\r\n\1\0\x08\0\3\0\0\0",
    b"\3\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: msts=1.2.3\r\n",
]


def fuzz_one(data: bytes) -> None:
    for ask in QUESTIONS:
        last: bytes | int = NOT_YET
        for end in range(min(len(data), 400) + 1):
            found = ask(data[:end])
            assert isinstance(found, bytes) or found >= NOT_YET
            assert last in (NOT_YET, found), (ask, end, last, found)
            last = found
        assert last in (NO, NOT_YET) or ask(data) == last
