"""The alphabets of HTTP, as translation tables: one pass in C tells whether all bytes of a text are allowed.

A table maps what is allowed to ASCII and everything else to 0x80, so that `text.translate(TABLE).isascii()` is the
test.
"""

from typing import Final

TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 9110 5.6.2
# RFC 3986 3.2.2, less ","
_HOST: Final = b"-._~!$&'()*+;=:[]%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEX: Final = b"0123456789abcdefABCDEF"
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_SCHEME: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-."  # RFC 3986 3.1


def _only(allowed: bytes) -> bytes:
    return bytes([c if c in allowed else 0x80 for c in range(256)])


NAMES: Final = _only(TOKEN).lower()  # also makes it lower case
HOSTS: Final = _only(_HOST)
HEXES: Final = _only(_HEX)
BASE64S: Final = _only(_BASE64)
SCHEMES: Final = _only(_SCHEME)
TARGETS: Final = _only(bytes([c for c in range(0x21, 0x7F) if c != 0x23]))  # VCHAR but "#" (RFC 9112 3.2)
# What may stand in a field's line (RFC 9110 5.5): these two change what may not and are compared with the original.
CLEAN: Final = bytes([c if c not in (0, 10, 13) else c + 1 for c in range(256)])
# The same test by comparison, which compiled code does in half the time.
PLAIN_TARGETS: Final = bytes([c if 0x21 <= c < 0x7F and c != 0x23 else c ^ 1 for c in range(256)])
PLAIN_HOSTS: Final = bytes([c if c in _HOST and c not in b"[]" else c ^ 0xFF for c in range(256)])
TEXT: Final = bytes([c if (c >= 0x20 and c != 0x7F) or c == 9 else 0x20 for c in range(256)])


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma-separated list, in lower case, without the empty ones (RFC 9110 5.6.1)."""
    found: list[bytes] = []
    for part in value.split(b","):
        token = part.strip(b" \t")
        if token:
            found.append(token.lower())
    return found
