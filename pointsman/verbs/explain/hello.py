"""The hello with which a TLS client begins, for frontends that look into it and let others decrypt (RFC 8446 4.1.2)."""

SUITES = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030)  # as common clients offer them
GROUPS = (0x001D, 0x0017, 0x0018)
ALGORITHMS = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501)
VERSIONS = (0x0304, 0x0303)


def client_hello(name: str, protocols: tuple[bytes, ...]) -> bytes:
    """One record. It offers TLS 1.3 and 1.2. `protocols`: of ALPN."""
    extensions = [
        (10, _sized(2, _numbers(GROUPS))),
        (13, _sized(2, _numbers(ALGORITHMS))),
        (16, _sized(2, b"".join(_sized(1, one) for one in protocols))),
        (43, _sized(1, _numbers(VERSIONS))),
        (51, _sized(2, _numbers((GROUPS[0],)) + _sized(2, bytes(32)))),
    ]
    if name:
        host = name.encode("idna") if not name.isascii() else name.encode()
        extensions.insert(0, (0, _sized(2, b"\0" + _sized(2, host))))
    body = b"\x03\x03" + bytes(32) + _sized(1, bytes(32)) + _sized(2, _numbers(SUITES)) + b"\x01\0"
    body += _sized(2, b"".join(_numbers((kind,)) + _sized(2, data) for kind, data in extensions))
    return b"\x16\x03\x01" + _sized(2, b"\x01" + _sized(3, body))


def _sized(octets: int, data: bytes) -> bytes:
    return len(data).to_bytes(octets, "big") + data


def _numbers(those: tuple[int, ...]) -> bytes:
    return b"".join(one.to_bytes(2, "big") for one in those)
