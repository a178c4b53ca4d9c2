"""What the first bytes of a connection say about TLS, where nobody decrypts it (manual 7.3.5). No I/O.

Each question takes the bytes that are here and gives a value, NO, or NOT_YET: further bytes may still bring one. What
was answered once stays so when more bytes come.

    record      type (1), version (2), length (2)             RFC 8446 5.1
    handshake   type (1), length (3)                          RFC 8446 4
    hello       version (2), random (32), session id (1+), cipher suites (2+), compressions (1+), extensions (2+)
    extension   type (2), length (2)                          RFC 8446 4.2

One handshake message is looked at, the first, and it is read as if it stood in one record: of a hello in several
records the second record's header is taken for a part of it, as HAProxy takes it. So a client that splits its hello has
no name here. Thresholds that no RFC knows, and when exactly an answer is given, were measured on HAProxy.
"""

from typing import Final

NO: Final = -1
NOT_YET: Final = -2

CHANGE_CIPHER_SPEC: Final = 20  # types of records, from this one to APPLICATION_DATA
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23
UNKNOWN_RECORD: Final = 255
CLIENT_HELLO: Final = 1
SSL_3: Final = 3  # the major version of SSL 3.0 and of every TLS
TLS_1: Final = 0x0301
SERVER_NAME: Final = 0  # types of extensions (RFC 6066 3, RFC 8422 5.1, RFC 8446 4.2, RFC 7301 3.1, RFC 5077 3.2)
GROUPS: Final = 10
ALGORITHMS: Final = 13
ALPN: Final = 16
TICKET: Final = 35
KEY_SHARES: Final = 51

_HEADER: Final = 5  # bytes of a record's header
_MESSAGE: Final = 9  # where a handshake message begins, behind both headers
_LEAST_HELLO: Final = 45  # bytes of a hello that is looked into
_LARGEST_RECORD: Final = (1 << 14) + 2048  # bytes of a record with all that encryption may add (RFC 5246 6.2.3)
_LONGEST_SESSION: Final = 32  # bytes of a session id (RFC 5246 7.4.1.2)
_HOST: Final = 0  # the type of a name (RFC 6066 3)
_SESSION: Final = 34  # where the length of the session id stands in a hello


def handshake_type(data: bytes) -> int:
    """The type of the handshake message, once it is here to its end: 1 of a client's hello, 2 of a server's."""
    if not data:
        return NOT_YET
    if not _is_record(data[0]):
        return NO
    if len(data) < _MESSAGE:
        return NOT_YET
    if data[1] < SSL_3 or _number(data, 3) < _MESSAGE - _HEADER:
        return NO
    return data[_HEADER] if len(data) >= _MESSAGE + _length_of_message(data) else NOT_YET


def version(data: bytes) -> int:
    """The version that a hello asks for, major * 65536 + minor: 196611 of TLS 1.2 and of what is later. SSL 2.0's form
    of a hello is one as well."""
    if not data:
        return NOT_YET
    if not _is_record(data[0]):
        return _version_of_ssl_2(data)
    if len(data) < _MESSAGE + 2:
        return NOT_YET
    size = _number(data, 3)
    if data[1] < SSL_3 or not _MESSAGE + 2 - _HEADER <= size <= _LARGEST_RECORD:
        return NO
    return data[9] << 16 | data[10] if len(data) >= _HEADER + size else NOT_YET


def _version_of_ssl_2(data: bytes) -> int:
    """length (2, or 3 with that of a padding), type (1), version (2), three lengths (2 each), and what these are of:
    cipher specs, session id, challenge (SSL 2.0's description, 1.2 and 2.5)."""
    start = 2 if data[0] & 0x80 else 3
    if len(data) < 4:
        return NOT_YET
    if data[start] != CLIENT_HELLO:
        return NO
    if len(data) < start + 9:
        return NOT_YET
    specs, session, challenge = _number(data, start + 3), _number(data, start + 5), _number(data, start + 7)
    size = _number(data, 0) & (0x7FFF if start == 2 else 0x3FFF)
    if specs % 3 or session not in (0, 16) or not 16 <= challenge <= 32 or size != 9 + specs + session + challenge:
        return NO
    whole = start + size + (data[2] if start == 3 else 0)
    return data[start + 1] << 16 | data[start + 2] if len(data) >= whole else NOT_YET


def server_name(data: bytes) -> bytes | int:
    """The name of the server that the client wants to speak to (RFC 6066 3): the first one, which is a host's."""
    start, last = _extensions(data, True)
    while start >= 0:
        start, size = _walk(data, SERVER_NAME, start, last)
        if start < 0:
            break
        names = _number(data, start) if size >= 2 else 0
        if not 4 <= names <= size - 2:
            return NO
        length = _number(data, start + 3)
        if length > names - 3:
            return NO
        if data[start + 2] == _HOST:
            return data[start + 5 : start + 5 + length]
        start += size  # another extension of the kind may follow
    return start


def alpn(data: bytes) -> bytes | int:
    """The first protocol that the client would speak (RFC 7301 3.1)."""
    start, size = _extension(data, ALPN, True)
    if start < 0:
        return start
    if size < 3 or data[start + 2] > size - 3:
        return NO
    return data[start + 3 : start + 3 + data[start + 2]]


def ticket(data: bytes) -> int:
    """0: no session ticket is offered; 1: the client takes one (RFC 5077 3.2); 2: it brings one."""
    start, size = _extension(data, TICKET, True)
    if start < 0:
        return start if size else 0
    return 2 if size else 1


def has_curves(data: bytes) -> int:
    """Whether the client says which elliptic curves it knows (RFC 8422 5.1): 1 or 0."""
    start, size = _extension(data, GROUPS, False)
    if start < 0:
        return start if size else 0
    return 1


def suites(data: bytes) -> bytes | int:
    """The list of cipher suites, two octets each."""
    start, end = _suites(data, False)
    return start if start < 0 else data[start:end]


def groups(data: bytes) -> bytes | int:
    """The list of groups for the agreement on keys (RFC 8446 4.2.7), two octets each."""
    return _list(data, GROUPS)


def algorithms(data: bytes) -> bytes | int:
    """The list of algorithms of signatures (RFC 8446 4.2.3), two octets each."""
    return _list(data, ALGORITHMS)


def key_shares(data: bytes) -> bytes | int:
    """The groups for which the client brings a key (RFC 8446 4.2.8), two octets each."""
    start, size = _extension(data, KEY_SHARES, False)
    if start < 0:
        return start
    if size < 2 or _number(data, start) + 2 > size:
        return NO
    at = start + 2
    end = at + _number(data, start)
    found: list[bytes] = []
    while at + 4 <= end:
        found.append(data[at : at + 2])
        at += 4 + _number(data, at + 2)
    return b"".join(found) if found else NO


def _number(data: bytes, at: int) -> int:
    """Of two octets."""
    return data[at] << 8 | data[at + 1]


def _is_record(kind: int) -> bool:
    return CHANGE_CIPHER_SPEC <= kind <= APPLICATION_DATA or kind == UNKNOWN_RECORD


def _length_of_message(data: bytes) -> int:
    return data[6] << 16 | data[7] << 8 | data[8]


def _list(data: bytes, kind: int) -> bytes | int:
    """The list that is all of an extension."""
    start, size = _extension(data, kind, False)
    if start < 0:
        return start
    length = _number(data, start) if size >= 2 else 0
    return data[start + 2 : start + 2 + length] if 2 <= length <= size - 2 else NO


def _suites(data: bytes, whole: bool) -> tuple[int, int]:
    """Where the suites of a client's hello begin and end. `whole`: once record and message are here to their ends.

    HAProxy looks at lists when the last four bytes of the message may still be missing. So do we; what would be read
    behind the bytes that are here is NOT_YET.
    """
    size = len(data)
    if size and data[0] != HANDSHAKE or size >= 3 and data[1] < SSL_3:
        return NO, 0
    if size < _HEADER:
        return NOT_YET, 0
    record = _number(data, 3)
    if record < _LEAST_HELLO + _MESSAGE - _HEADER:
        return NO, 0
    if whole and size < _HEADER + record:
        return NOT_YET, 0
    if size > _HEADER and data[_HEADER] != CLIENT_HELLO:
        return NO, 0
    if size < _MESSAGE:
        return NOT_YET, 0
    length = _length_of_message(data)
    if length < _LEAST_HELLO:
        return NO, 0
    if size < (_MESSAGE if whole else _HEADER) + length:
        return NOT_YET, 0
    return _find_suites(data, _MESSAGE + length)


def _find_suites(data: bytes, end: int) -> tuple[int, int]:
    if _number(data, _MESSAGE) < TLS_1:
        return NO, 0
    at = _MESSAGE + _SESSION
    if data[at] > _LONGEST_SESSION:
        return NO, 0
    at += 1 + data[at]
    if at + 2 > end:
        return NO, 0
    if at + 2 > len(data):
        return NOT_YET, 0
    length = _number(data, at)
    at += 2
    if length < 2 or at + length > end:
        return NO, 0
    return (at, at + length) if at + length <= len(data) else (NOT_YET, 0)


def _extension(data: bytes, kind: int, whole: bool) -> tuple[int, int]:
    """Where the first extension of that kind begins, and its size. It is not there: NO, and 0 if the hello was read to
    its end, else 1. NOT_YET: and 1."""
    start, last = _extensions(data, whole)
    return (start, 1) if start < 0 else _walk(data, kind, start, last)


def _extensions(data: bytes, whole: bool) -> tuple[int, int]:
    """Where extensions begin and end; or NO, or NOT_YET."""
    start, at = _suites(data, whole)
    if start < 0:
        return start, 1
    end = _MESSAGE + _length_of_message(data)
    if at + 1 > end:
        return NO, 1
    if at + 1 > len(data):
        return NOT_YET, 1
    if not data[at]:  # at least one way of compression, which is none
        return NO, 1
    at += 1 + data[at]
    if at + 2 > end:
        return NO, 1
    if at + 2 > len(data):
        return NOT_YET, 1
    last = at + 2 + _number(data, at)
    if last > end:
        return NO, 1
    return at + 2, last


def _walk(data: bytes, kind: int, at: int, last: int) -> tuple[int, int]:
    """The next extension of that kind, as `_extension` gives it."""
    here = len(data)
    while at + 4 <= last:
        if at + 4 > here:
            return NOT_YET, 1
        size = _number(data, at + 2)
        start = at + 4
        if start + size > last:
            return NO, 1
        if _number(data, at) == kind:
            return (start, size) if start + size <= here else (NOT_YET, 1)
        at = start + size
    return NO, 0
