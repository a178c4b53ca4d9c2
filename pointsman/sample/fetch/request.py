"""The request line: method, URI and what is in it (manual 7.3.6)."""

import socket
from typing import Final

from pointsman.core.hashes import avalanche, sdbm
from pointsman.proto.message import path_start
from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import text_to_int
from pointsman.sample.context import Context
from pointsman.sample.fetch.connection import source
from pointsman.sample.head import authority, parameters
from pointsman.sample.registry import fetch, fetch_with
from pointsman.sample.source import Getter, Source
from pointsman.sample.types import Reads, Type, Value, Where

LINE = Reads.REQUEST_LINE
_QUESTION_MARK: Final = 0x3F  # as an integer: so it is found without a call
BOTH = Reads.REQUEST_LINE | Reads.HEADER_BLOCK


class RequestMethod(Source):
    """The method of the request."""

    def __init__(self) -> None:
        self.many = False

    def get(self, ctx: Context) -> bytes | None:
        request = ctx.request
        return request.method if request is not None else None


@fetch_with("method", "", Type.METH, Where.STREAM, LINE, "7.3.6")
def method(_: Arguments) -> Source:
    """The method. In an ACL the known ones are compared with their case."""
    return RequestMethod()


@fetch("url", Type.STR, Where.REQUEST, LINE, "7.3.6")
def url(ctx: Context) -> bytes | None:
    """The URI as it stands in the request: a path, an absolute URI, or "*"."""
    return ctx.request.uri if ctx.request is not None else None


class Path(Source):
    """The path of the request."""

    def __init__(self) -> None:
        self.many = False

    def get(self, ctx: Context) -> bytes | None:
        request = ctx.request
        if request is None:
            return None
        uri = request.uri
        if _QUESTION_MARK not in uri and uri.startswith(b"/"):
            return uri
        return request.path


@fetch_with("path", "", Type.STR, Where.REQUEST, LINE, "7.3.6")
def path(_: Arguments) -> Source:
    """From the first slash behind the authority up to the question mark. No sample for "*"."""
    return Path()


@fetch("pathq", Type.STR, Where.REQUEST, LINE, "7.3.6")
def path_and_query(ctx: Context) -> bytes | None:
    """The path with the query string."""
    return path_and_query_of(ctx.request.uri) if ctx.request is not None else None


def path_and_query_of(uri: bytes) -> bytes | None:
    """The URI from behind an authority; None if there is nothing."""
    start = path_start(uri)
    if start < 0 and uri.find(b"://") >= 0:
        start = uri.find(b"?")
    return uri[start:] if start >= 0 else None


@fetch_with("query", "([string])", Type.STR, Where.REQUEST, LINE, "7.3.6")
def query(args: Arguments) -> Getter:
    """query([with_qm]): what follows the first question mark; with it, if it is not empty, on demand."""
    option = args.text(0)
    if option not in (b"", b"with_qm"):
        raise args.wrong(f"unknown option '{args.word(0)}'", "with_qm")
    mark = b"?" if option else b""

    def get(ctx: Context) -> Value | None:
        found = ctx.request.query if ctx.request is not None else None
        return mark + found if found else found

    return get


def _base(ctx: Context, with_query: bool) -> bytes | None:
    if ctx.request is None:
        return None
    host = ctx.request.get(b"host") or b""
    rest = path_and_query_of(ctx.request.uri) if with_query else ctx.request.path
    return host + (rest or b"") if host or rest else None


@fetch("base", Type.STR, Where.REQUEST, BOTH, "7.3.6")
def base(ctx: Context) -> bytes | None:
    """The first Host field and the path."""
    return _base(ctx, False)


@fetch("baseq", Type.STR, Where.REQUEST, BOTH, "7.3.6")
def base_and_query(ctx: Context) -> bytes | None:
    """The first Host field, the path and the query string."""
    return _base(ctx, True)


@fetch("base32", Type.SINT, Where.REQUEST, BOTH, "7.3.6")
def base_hash(ctx: Context) -> int | None:
    """A hash of `base` in 32 bits: the same as base,sdbm(1)."""
    found = _base(ctx, False)
    return avalanche(sdbm(found)) if found is not None else None


@fetch("base32+src", Type.BIN, Where.REQUEST, BOTH | Reads.SOURCE, "7.3.6")
def base_hash_and_source(ctx: Context) -> bytes | None:
    """base32 in 4 bytes and the client's address in 4 or 16."""
    found = base_hash(ctx)
    return found.to_bytes(4, "big") + (source(ctx) or b"") if found is not None else None


@fetch("url32", Type.SINT, Where.REQUEST, BOTH, "7.3.6")
def url_hash(ctx: Context) -> int | None:
    """A hash in 32 bits of the first Host field and the whole of the URL with its query string."""
    found = _base(ctx, True)
    return avalanche(sdbm(found)) if found is not None else None


@fetch("url32+src", Type.BIN, Where.REQUEST, BOTH | Reads.SOURCE, "7.3.6")
def url_hash_and_source(ctx: Context) -> bytes | None:
    """url32 in 4 bytes and the client's address in 4 or 16."""
    found = url_hash(ctx)
    return found.to_bytes(4, "big") + (source(ctx) or b"") if found is not None else None


@fetch("url_ip", Type.IPV4, Where.REQUEST, LINE, "7.3.6")
def url_ip(ctx: Context) -> bytes | None:
    """The host of an absolute URI, where it is an IPv4 address."""
    host = authority(ctx.request.uri) if ctx.request is not None else None
    if host is None:
        return None
    try:
        return socket.inet_pton(socket.AF_INET, host.partition(b":")[0].decode("ascii"))
    except (OSError, ValueError):
        return None


@fetch("url_port", Type.SINT, Where.REQUEST, LINE, "7.3.6")
def url_port(ctx: Context) -> int | None:
    """The port of an absolute URI, 80 if it has none."""
    host = authority(ctx.request.uri) if ctx.request is not None else None
    if host is None:
        return None
    _, mark, port = host.rpartition(b":")
    if not mark or port.endswith(b"]"):
        return 80
    return int(port) if port.isdigit() and len(port) < 6 else None


def ignores_case(args: Arguments, place: int) -> bool:
    """The argument that may be "i". ConfigError for another."""
    option = args.word(place)
    if option not in ("", "i"):
        raise args.wrong(f"unknown option '{option}'", "i, to ignore the case")
    return option == "i"


class UrlParameter(Source):
    """The parameters of one name (b"": of any) in the request's URI."""

    def __init__(self, args: Arguments) -> None:
        self.name = args.text(0)
        self.delimiter = args.text(1)[:1] or b"?"
        self.loose = ignores_case(args, 2)
        if self.loose:
            self.name = self.name.lower()

    def get(self, ctx: Context) -> Value | None:
        found = self.texts(ctx)
        return found[0] if found else None

    def values(self, ctx: Context) -> list[Value]:
        return list(self.texts(ctx))

    def texts(self, ctx: Context) -> list[bytes]:
        if ctx.request is None:
            return []
        return [
            value
            for name, value in parameters(ctx.request.uri, self.delimiter)
            if not self.name or self.name == (name.lower() if self.loose else name)
        ]


class NumberParameter(UrlParameter):
    """The same, as integers."""

    def get(self, ctx: Context) -> Value | None:
        found = self.values(ctx)
        return found[0] if found else None

    def values(self, ctx: Context) -> list[Value]:
        return [text_to_int(text) or 0 for text in self.texts(ctx)]


@fetch_with("url_param urlp", "([string,string,string])", Type.STR, Where.REQUEST, LINE, "7.3.6")
def url_parameter(args: Arguments) -> Source:
    """urlp([<name>[,<delim>[,i]]]): the first parameter of that name behind "?" or the delimiter; ACLs look at all."""
    return UrlParameter(args)


@fetch_with("urlp_val", "([string,string,string])", Type.SINT, Where.REQUEST, LINE, "7.3.6")
def url_parameter_value(args: Arguments) -> Source:
    """urlp_val([<name>[,<delim>[,i]]]): such a parameter as an integer."""
    return NumberParameter(args)


@fetch("req.ver req_ver", Type.STR, Where.STREAM, LINE, "7.3.6")
def request_version(ctx: Context) -> bytes | None:
    """ "1.0", "1.1" or "2.0"."""
    request = ctx.request
    if request is None:
        return None
    return b"1.%d" % request.minor if request.major == 1 else b"%d.0" % request.major


@fetch("http_first_req", Type.BOOL, Where.STREAM, Reads.MOVING, "7.3.6")
def first_request(ctx: Context) -> bool:
    """Whether this is the first request of its connection."""
    return ctx.record.first


@fetch("fc_http_major", Type.SINT, Where.TRAFFIC, Reads.CONNECTION, "7.3.3")
def client_major(ctx: Context) -> int | None:
    """The major version of HTTP that the client speaks. No sample in TCP mode."""
    major = ctx.session.major
    return major if ctx.frontend.http or major > 1 else None


@fetch("bc_http_major", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_major(ctx: Context) -> int | None:
    """The major version of HTTP that is spoken with the server. No sample in TCP mode or without a server."""
    if ctx.server is None:
        return None
    if ctx.server_streams is not None:
        return 2
    return 1 if ctx.backend is not None and ctx.backend.http else None


@fetch("unique-id", Type.STR, Where.EVERYWHERE, Reads.MOVING, "7.3.6")
def unique_id(ctx: Context) -> bytes | None:
    """What unique-id-format made of this request. No sample without that directive."""
    return ctx.unique_id or None
