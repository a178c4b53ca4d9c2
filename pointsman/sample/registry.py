"""Fetches and converters: the decorators that register them.

    @fetch("path", Type.STR, Where.REQUEST, Reads.REQUEST_LINE, "7.3.6")
    def path(ctx: Context) -> bytes | None:
        "..."  # the docstring is its documentation

    @fetch_with("str", "(string)", Type.STR, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
    def constant(args: Arguments) -> Getter: ...

    @fetch_of_heads("req.hdr_cnt hdr_cnt", "res.hdr_cnt shdr_cnt", "([string])", Type.SINT)
    def count(args: Arguments, side: int) -> Getter: ...

    @fetch_of_certificates("ssl_c_sha1", "ssl_f_sha1", "ssl_s_sha1", "", Type.BIN)
    def sha1(args: Arguments, side: int) -> Source: ...

    @converter("lower", Type.STR, Type.STR)
    def lower(value: bytes) -> bytes | None: ...

    @converter_with("field", "(integer,string[,integer])", Type.STR, Type.STR)
    def field(args: Arguments) -> Callable[[bytes], bytes | None]: ...

Those with arguments are factories: called once, when the configuration is compiled, with the parsed arguments
(arguments.py). Signatures are written as HAProxy's -dKall prints them. A fetch that has many values to offer to an ACL
returns a Source (source.py) instead of a plain callable, and so may one for the hot path.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from pointsman.core.registry import Registry
from pointsman.sample.arguments import Arguments, Signature, signature
from pointsman.sample.source import ContextStep, Convert, ConverterStep, Getter, Source
from pointsman.sample.types import Reads, Type, Value, Where

__all__ = [
    "CLIENT_CERTIFICATE",
    "CONVERTERS",
    "CURRENT_HEAD",
    "FETCHES",
    "HANDSHAKEN",
    "OWN_CERTIFICATE",
    "REQUEST_HEAD",
    "RESPONSE_HEAD",
    "SERVER_CERTIFICATE",
    "ContextStep",
    "Convert",
    "Converter",
    "ConverterStep",
    "Fetch",
    "Fetched",
    "Getter",
    "Source",
    "converter",
    "converter_with",
    "fetch",
    "fetch_of_certificates",
    "fetch_of_heads",
    "fetch_with",
]

Fetched = Getter | Source

REQUEST_HEAD: Final = 0  # which head a fetch looks at
RESPONSE_HEAD: Final = 1
CURRENT_HEAD: Final = 2  # the head of the message which is being processed

CLIENT_CERTIFICATE: Final = 0  # which certificate a fetch looks at
OWN_CERTIFICATE: Final = 1  # the one that was shown to the client
SERVER_CERTIFICATE: Final = 2
HANDSHAKEN: Final = Where.SESSION & ~Where.TCP_REQ_CON  # behind a handshake, which comes behind the first rules


@dataclass(frozen=True, slots=True)
class Fetch:
    name: str
    type: Type
    where: Where
    reads: Reads
    manual: str
    signature: Signature
    make: Callable[[Arguments], Fetched]
    documentation: str
    http: bool  # it asks about HTTP messages (manual 7.3.6)


@dataclass(frozen=True, slots=True)
class Converter:
    name: str
    accepts: Type
    returns: Type  # ANY: the type that came in
    reads: Reads
    manual: str
    signature: Signature
    make: Callable[[Arguments], Convert | ConverterStep]
    documentation: str


FETCHES: Final[Registry[Fetch]] = Registry("fetch", loads=True)
CONVERTERS: Final[Registry[Converter]] = Registry("converter", loads=True)

G = TypeVar("G", bound=Getter)
M = TypeVar("M", bound=Callable[[Arguments], Fetched])
H = TypeVar("H", bound=Callable[[Arguments, int], Fetched])
C = TypeVar("C", bound=Callable[..., Value | None])
N = TypeVar("N", bound=Callable[[Arguments], Callable[..., Value | None] | ConverterStep])


def fetch(names: str, kind: Type, where: Where, reads: Reads, manual: str) -> Callable[[G], G]:
    """Register a fetch without arguments under its names (separated by spaces)."""

    def record(function: G) -> G:
        def make(_: Arguments) -> Fetched:
            return function

        _add_fetch(names, kind, where, reads, manual, "", make, function.__doc__)
        return function

    return record


def fetch_with(names: str, arguments: str, kind: Type, where: Where, reads: Reads, manual: str) -> Callable[[M], M]:
    """Register the factory of a fetch with arguments."""

    def record(factory: M) -> M:
        _add_fetch(names, kind, where, reads, manual, arguments, factory, factory.__doc__)
        return factory

    return record


def fetch_of_heads(request: str, response: str, arguments: str, kind: Type) -> Callable[[H], H]:
    """Register the factory of a fetch that exists for requests and for responses, under the names of both (manual
    7.3.6). It is called with the arguments and with the side that it shall look at: REQUEST_HEAD or RESPONSE_HEAD."""

    def record(factory: H) -> H:
        def of_request(args: Arguments) -> Fetched:
            return factory(args, REQUEST_HEAD)

        def of_response(args: Arguments) -> Fetched:
            return factory(args, RESPONSE_HEAD)

        text = factory.__doc__
        _add_fetch(request, kind, Where.REQUEST, Reads.HEADER_BLOCK, "7.3.6", arguments, of_request, text)
        _add_fetch(response, kind, Where.ANSWERED, Reads.RESPONSE_BLOCK, "7.3.6", arguments, of_response, text)
        return factory

    return record


def fetch_of_certificates(client: str, own: str, server: str, arguments: str, kind: Type) -> Callable[[H], H]:
    """Register the factory of a fetch that exists for all certificates of an exchange, under its three names (manual
    7.3.4). It is called with the arguments and with the certificate that it shall look at: CLIENT_CERTIFICATE,
    OWN_CERTIFICATE or SERVER_CERTIFICATE."""

    def record(factory: H) -> H:
        def of_client(args: Arguments) -> Fetched:
            return factory(args, CLIENT_CERTIFICATE)

        def of_own(args: Arguments) -> Fetched:
            return factory(args, OWN_CERTIFICATE)

        def of_server(args: Arguments) -> Fetched:
            return factory(args, SERVER_CERTIFICATE)

        text = factory.__doc__
        _add_fetch(client, kind, HANDSHAKEN, Reads.CONNECTION, "7.3.4", arguments, of_client, text)
        _add_fetch(own, kind, HANDSHAKEN, Reads.CONNECTION, "7.3.4", arguments, of_own, text)
        _add_fetch(server, kind, HANDSHAKEN, Reads.MOVING, "7.3.4", arguments, of_server, text)
        return factory

    return record


def converter(
    names: str, accepts: Type, returns: Type, reads: Reads = Reads.NOTHING, manual: str = "7.3.1"
) -> Callable[[C], C]:
    """Register a converter without arguments. It is called with a value of the type it accepts."""

    def record(function: C) -> C:
        def make(_: Arguments) -> Convert:
            return cast(Convert, function)

        _add_converter(names, accepts, returns, reads, manual, "", make, function.__doc__)
        return function

    return record


def converter_with(
    names: str, arguments: str, accepts: Type, returns: Type, reads: Reads = Reads.NOTHING, manual: str = "7.3.1"
) -> Callable[[N], N]:
    """Register the factory of a converter with arguments."""

    def record(factory: N) -> N:
        _add_converter(
            names,
            accepts,
            returns,
            reads,
            manual,
            arguments,
            cast(Callable[[Arguments], Convert | ConverterStep], factory),
            factory.__doc__,
        )
        return factory

    return record


def _add_fetch(
    names: str,
    kind: Type,
    where: Where,
    reads: Reads,
    manual: str,
    arguments: str,
    make: Callable[[Arguments], Fetched],
    documentation: str | None,
) -> None:
    shape = signature(arguments)
    for name in names.split():
        FETCHES.add(name, Fetch(name, kind, where, reads, manual, shape, make, documentation or "", manual == "7.3.6"))


def _add_converter(
    names: str,
    accepts: Type,
    returns: Type,
    reads: Reads,
    manual: str,
    arguments: str,
    make: Callable[[Arguments], Convert | ConverterStep],
    documentation: str | None,
) -> None:
    shape = signature(arguments)
    for name in names.split():
        CONVERTERS.add(name, Converter(name, accepts, returns, reads, manual, shape, make, documentation or ""))
