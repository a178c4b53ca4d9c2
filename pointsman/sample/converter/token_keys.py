"""Keys of JSON web tokens: of files, of certificates, and JSON web keys (RFC 7517, RFC 7518 6).

OpenSSL reads DER (X.690), so whatever form a key has, it is written as that.

Keys of files are read while the configuration is (manual 7.3.1, jwt_verify), and found by their path later on.
Certificates are those of the memory of TLS, which change while the program runs: it is asked through CERTIFICATES.
"""

import json
import math
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pointsman.core.crypt import Key
from pointsman.core.diagnostics import Position
from pointsman.sample.converter.secrets import decoded

INTEGER, BITS, OCTETS, NULL, OBJECT, SEQUENCE = 0x02, 0x03, 0x04, 0x05, 0x06, 0x30  # tags
RSA: Final = bytes.fromhex("2a864886f70d010101")  # object identifiers: rsaEncryption (RFC 8017),
EC: Final = bytes.fromhex("2a8648ce3d0201")  # id-ecPublicKey (RFC 5480),
CURVES: Final = {  # and of curves; with the bytes of a coordinate
    "P-256": (bytes.fromhex("2a8648ce3d030107"), 32),
    "P-384": (bytes.fromhex("2b81040022"), 48),
    "P-521": (bytes.fromhex("2b81040023"), 66),
}
PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\s]+)-----END \1-----")


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def der_integer(number: int) -> bytes:
    return der(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def public_of_rsa(pkcs1: bytes) -> Key:
    """Of PKCS#1's form of a public key."""
    return Key("public", der(SEQUENCE, der(SEQUENCE, der(OBJECT, RSA), der(NULL)), der(BITS, b"\0", pkcs1)))


def key_of_pem(text: bytes) -> Key:
    """The first public key or certificate of a file. ValueError: there is none."""
    for kind, body in PEM.findall(text):
        data = decoded(b"".join(body.split()))
        if data is None:
            continue
        if kind == b"PUBLIC KEY":
            return Key("public", data)
        if kind == b"RSA PUBLIC KEY":
            return public_of_rsa(data)
        if kind == b"CERTIFICATE":
            return Key("certificate", data)
    raise ValueError("no public key")


class Files:
    """Keys by the path of their file."""

    def __init__(self) -> None:
        self.keys: dict[bytes, Key] = {}

    def load(self, path: str) -> None:
        """OSError, ValueError: it cannot be had."""
        name = path.encode("utf-8", "surrogateescape")
        if name not in self.keys:
            with open(path, "rb") as file:
                self.keys[name] = key_of_pem(file.read())


FILES: Final = Files()


@dataclass(frozen=True, slots=True)
class TokenCertificate:
    """One of the memory of TLS. `leaf`: its DER; `key` gives its private key as PEM, or b""; `usable`: its `jwt` is
    on."""

    leaf: bytes
    key: Callable[[], bytes]
    usable: bool


def _no_certificate(_: bytes) -> TokenCertificate | None:
    return None


class Certificates:
    """What converters know of certificates in memory. assemble sets `find`, and loads what is `wanted`."""

    def __init__(self) -> None:
        self.reset()
        self._public: dict[bytes, Key] = {}  # by their DER; what is not asked for any more goes with the first overflow
        self._private: dict[bytes, Key] = {}

    def reset(self) -> None:
        """A configuration is read."""
        self.find: Callable[[bytes], TokenCertificate | None] = _no_certificate
        self.wanted: dict[str, Position] = {}  # paths that converters name: their certificates are loaded

    def public(self, found: TokenCertificate) -> Key | None:
        return self._made(self._public, found.leaf, lambda: Key("certificate", found.leaf))

    def private(self, found: TokenCertificate) -> Key | None:
        return self._made(self._private, found.leaf, lambda: private_of_pem(found.key()))

    def _made(self, memory: dict[bytes, Key], name: bytes, make: Callable[[], Key]) -> Key | None:
        known = memory.get(name)
        if known is None:
            if len(memory) >= MOST:
                memory.clear()
            try:
                known = memory[name] = make()
            except ValueError:
                return None
        return known


MOST: Final = 256  # keys of certificates, and JSON web keys, that are remembered
CERTIFICATES: Final = Certificates()


def private_of_pem(text: bytes) -> Key:
    for kind, body in PEM.findall(text):
        data = decoded(b"".join(body.split()))
        if data is not None and kind.endswith(b"PRIVATE KEY"):
            return Key("private", data)
    raise ValueError("no private key")


# JSON web keys.


@dataclass(frozen=True, slots=True)
class WebKey:
    """`kind`: its "kty". `secret`: of an oct one; `key`: of the others, with its private part where that is told."""

    kind: str
    secret: bytes = b""
    key: Key | None = None


def _bytes(members: dict[str, object], name: str) -> bytes:
    text = members.get(name)
    value = decoded(text.encode("ascii", "replace")) if isinstance(text, str) else None
    if value is None:
        raise ValueError(f"no member {name}")
    return value


def _number(members: dict[str, object], name: str) -> int:
    return int.from_bytes(_bytes(members, name), "big")


def _primes(n: int, e: int, d: int) -> tuple[int, int]:
    """Of an RSA key that does not tell them (NIST SP 800-56B, appendix C)."""
    odd = d * e - 1
    if odd <= 0 or odd % 2:
        raise ValueError("no RSA key")
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for _ in range(100):
        x = pow(secrets.randbelow(n - 3) + 2, odd, n)
        for _ in range(twos):
            y = x * x % n
            if y == 1 and x not in (1, n - 1):
                p = math.gcd(x - 1, n)
                return p, n // p
            x = y
    raise ValueError("no RSA key")


def _rsa(members: dict[str, object]) -> Key:
    n, e = _number(members, "n"), _number(members, "e")
    if not 1 < e < n or n.bit_length() > 16384:
        raise ValueError("no RSA key")
    if "d" not in members:
        return public_of_rsa(der(SEQUENCE, der_integer(n), der_integer(e)))
    d = _number(members, "d")
    if not 0 < d < n:
        raise ValueError("no RSA key")
    p, q = (_number(members, "p"), _number(members, "q")) if "p" in members else _primes(n, e, d)
    if p * q != n or p < 3 or q < 3 or math.gcd(p, q) != 1:
        raise ValueError("no RSA key")
    numbers = (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    return Key("private", der(SEQUENCE, *[der_integer(number) for number in numbers]))


def _ec(members: dict[str, object]) -> Key:
    curve = members.get("crv")
    if not isinstance(curve, str) or curve not in CURVES:
        raise ValueError("no curve")
    identifier, size = CURVES[curve]
    x, y = _bytes(members, "x"), _bytes(members, "y")
    if len(x) != size or len(y) != size:
        raise ValueError("no point")
    point = der(BITS, b"\0\x04", x, y)
    if "d" not in members:
        return Key("public", der(SEQUENCE, der(SEQUENCE, der(OBJECT, EC), der(OBJECT, identifier)), point))
    d = _bytes(members, "d")
    if len(d) != size:
        raise ValueError("no key")
    named, told = der(0xA0, der(OBJECT, identifier)), der(0xA1, point)
    return Key("private", der(SEQUENCE, der_integer(1), der(OCTETS, d), named, told))


def web_key(members: object) -> WebKey:
    """A JSON web key (RFC 7517), parsed. ValueError: it is none that can be used here."""
    if not isinstance(members, dict):
        raise ValueError("no JSON object")
    kind = members.get("kty")
    if kind == "oct":
        return WebKey("oct", _bytes(members, "k"))
    if kind == "RSA":
        return WebKey("RSA", key=_rsa(members))
    if kind == "EC":
        return WebKey("EC", key=_ec(members))
    raise ValueError("no known type of key")


_WEB_KEYS: Final[dict[bytes, WebKey]] = {}


def web_key_of(text: bytes) -> WebKey | None:
    """Of its text; None: it is none."""
    known = _WEB_KEYS.get(text)
    if known is None:
        try:
            known = web_key(json.loads(text))
        except (ValueError, RecursionError):
            return None
        if len(_WEB_KEYS) >= MOST:
            _WEB_KEYS.clear()
        _WEB_KEYS[text] = known
    return known
