"""A client's hello, byte by byte: with what clients send that no library knows (GREASE, RFC 8701, and the like)."""

from __future__ import annotations

from collections.abc import Sequence

HOST = b"www.example.test"
SUITES = (0x0A0A, 0x1301, 0x1302, 0xC02B, 0xC02F, 0x1A1A, 0xFE01, 0x00FF)
GROUPS = (0x2A2A, 0x11EC, 0x001D, 0x0017, 0x6399)
ALGORITHMS = (0x3A3A, 0x0403, 0x0804, 0x0401)
VERSIONS = (0x4A4A, 0x0304, 0x0303)


def sized(octets: int, data: bytes) -> bytes:
    return len(data).to_bytes(octets, "big") + data


def numbers(those: Sequence[int]) -> bytes:
    return b"".join(one.to_bytes(2, "big") for one in those)


EXTENSIONS = (
    (0x5A5A, b""),
    (0, sized(2, b"\0" + sized(2, HOST))),
    (0x17, b""),
    (0xFF01, b"\0"),
    (10, sized(2, numbers(GROUPS))),
    (11, sized(1, b"\0\1")),
    (13, sized(2, numbers(ALGORITHMS))),
    (43, sized(1, numbers(VERSIONS))),
    (0x4469, b"abc"),
    (0x6A6A, b"\0"),
)


def client_hello(suites: Sequence[int] = SUITES, extensions: Sequence[tuple[int, bytes]] | None = EXTENSIONS) -> bytes:
    """The record. extensions None: nothing stands in their place. It offers no key, so no handshake comes of it."""
    body = b"\x03\x03" + b"R" * 32 + sized(1, b"S" * 32) + sized(2, numbers(suites)) + b"\x01\0"
    if extensions is not None:
        body += sized(2, b"".join(numbers((kind,)) + sized(2, data) for kind, data in extensions))
    return b"\x16\x03\x01" + sized(2, b"\x01" + sized(3, body))


def extension(kind: int, data: bytes) -> tuple[int, bytes]:
    """One whose value is a list, or a list of such, with its length in front."""
    return kind, sized(2, data)


WHOLE = (
    extension(0, b"\0" + sized(2, HOST)),
    extension(16, sized(1, b"h2") + sized(1, b"http/1.1")),
    extension(10, numbers(GROUPS)),
    extension(13, numbers(ALGORITHMS)),
    (35, b"ticket"),
    extension(51, numbers((GROUPS[0],)) + sized(2, b"\0") + numbers((0x001D,)) + sized(2, b"K" * 32)),
)  # extensions of which each is asked for by a fetch of the manual's 7.3.5
RDP = b"\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00Cookie: mstshash=User1\r\n\x01\x00\x08\x00\x03\x00\x00\x00"
