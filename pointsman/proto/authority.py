"""Request targets that are no plain path (RFC 9112 3.2): absolute, authority and asterisk form, and the Host beside
them.

A target and a Host that name different places are refused; a port that is its scheme's default counts as absent, and
where an absolute target writes one it is taken from target and Host, so that rules compare one spelling (RFC 3986
6.2.3). For the same reason an absolute target that ends with its authority gets the path "/", but for OPTIONS, where
that means another thing (RFC 9112 3.2.4).
"""

from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.proto.message import HOST, Request, field
from pointsman.proto.tokens import HOSTS, SCHEMES

_DEFAULTS: Final = {b"http": b"80", b"https": b"443"}


def check_target(head: Request, strict: bool, unsafe: bool = False) -> None:
    """For a target that does not begin with "/", and for CONNECT. Raises ProtocolError. `unsafe`: whatever host it
    names, and whatever Host says."""
    if head.method == b"CONNECT" and unsafe and head.uri.find(b"/") < 0:
        if head.host is None:
            head.host = head.uri
    elif head.method == b"CONNECT":
        _connect(head)
    elif head.uri == b"*":
        if head.method != b"OPTIONS":
            raise ProtocolError("only OPTIONS may ask for *")
    else:
        _absolute(head, strict, unsafe)


def split_port(authority: bytes) -> tuple[bytes, bytes | None]:
    """Host and port; None if there is no colon behind the host. "[::1]:80" has the host "[::1]"."""
    colon = authority.rfind(b":")
    if colon < 0 or colon < authority.rfind(b"]"):
        return authority, None
    return authority[:colon], authority[colon + 1 :]


def is_host(text: bytes) -> bool:
    """Host and port as they may stand in a Host field. Brackets stand about the whole of the host or nowhere (RFC 3986
    3.2.2): "[::1" would be somebody else's "::1"."""
    if not text.translate(HOSTS).isascii():
        return False
    opened = text.rfind(b"[")
    closed = text.find(b"]")
    if opened < 0 and closed < 0:
        return True
    return opened == 0 and closed == text.rfind(b"]") > 0 and text[closed + 1 : closed + 2] in (b"", b":")


def _connect(head: Request) -> None:
    """authority-form: host and port; a Host without port, or with an empty one, means 80 or 443."""
    host, port = split_port(head.uri)
    if not port or not port.isdigit() or not is_host(head.uri):
        raise ProtocolError("CONNECT needs host and port")
    given = head.host
    if given is None:
        head.host = head.uri
        return
    default = port in (b"80", b"443")
    if given.lower() == head.uri.lower():
        if default:
            _set_host(head, given[: len(host)])
    elif not default or given.lower() not in (host.lower(), host.lower() + b":"):
        raise ProtocolError("authority differs from Host")


def _absolute(head: Request, strict: bool, unsafe: bool) -> None:
    scheme, mark, rest = head.uri.partition(b"://")
    authority = rest.partition(b"/")[0].partition(b"?")[0].partition(b"#")[0]
    user, at, place = authority.rpartition(b"@")
    if not mark or not scheme[:1].isalpha() or not scheme.translate(SCHEMES).isascii() or (strict and at):
        raise ProtocolError("invalid request target")
    host, port = split_port(place)
    if not unsafe and (not is_host(place) or host[:1] != b"[" and host.find(b":") >= 0):
        raise ProtocolError("invalid authority")
    default = _DEFAULTS.get(scheme.lower())
    shortened = default is not None and port is not None and port in (b"", default)
    tail = rest[len(authority) :]
    if shortened or not tail and head.method != b"OPTIONS":
        if shortened:
            place = host
            port = None
        if not tail and head.method != b"OPTIONS":
            tail = b"/"
        uri = scheme + b"://" + user + at + place + tail
        head.line = head.line.replace(head.uri, uri, 1)
        head.uri = uri
    given = head.host
    if given is None:
        head.host = place
        return
    if unsafe or given.lower() == place.lower():
        return
    given_host, given_port = split_port(given)
    if port is not None or given_host.lower() != host.lower() or default is None or given_port not in (b"", default):
        raise ProtocolError("authority differs from Host")
    if shortened:
        _set_host(head, given_host)


def _set_host(head: Request, host: bytes) -> None:
    head.host = host
    head.fields = [one if one.kind != HOST else field(b"host", host) for one in head.fields]
