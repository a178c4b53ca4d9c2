"""What decides the texts of the tags in tags.py, as small numbers (sample/key.py says what for).

A tag that comes to read something else must get another key.
"""

from typing import Final

from mypy_extensions import i64

from pointsman.core.address import NetAddress
from pointsman.log.dates import local_date
from pointsman.sample.context import Context
from pointsman.sample.key import AddressKey, CommonChain, Family, Key, Text
from pointsman.sample.record import Record


class ClientAddressKey(AddressKey):
    def address(self, ctx: Context) -> NetAddress | None:
        return ctx.source


class Destination(AddressKey):
    def address(self, ctx: Context) -> NetAddress | None:
        return ctx.destination


class ServerSource(AddressKey):
    def address(self, ctx: Context) -> NetAddress | None:
        return ctx.server_source


class ServerAddress(AddressKey):
    def address(self, ctx: Context) -> NetAddress | None:
        return ctx.server_address


SOURCE: Final = ClientAddressKey(Family.SOURCE)
DESTINATION: Final = Destination(Family.DESTINATION)
SERVER_SOURCE: Final = ServerSource(Family.SERVER_SOURCE)
SERVER_ADDRESS: Final = ServerAddress(Family.SERVER_ADDRESS)
REQUEST_LINE: Final = Key(Family.REQUEST_LINE)
_NAME_BITS: Final = 12
_NAMES: Final[dict[bytes, int]] = {}  # numbers of the names that lines showed: of the configuration, so not many
_DATE_BITS: Final = 48  # a wall clock in ms needs no more


def _number(name: bytes) -> i64:
    found = _NAMES.get(name)
    if found is not None:
        return found
    if len(_NAMES) >= 1 << _NAME_BITS:
        return -1
    _NAMES[name] = len(_NAMES)
    return _NAMES[name]


class FrontendName(Key):
    """The key of %f."""

    def __init__(self) -> None:
        super().__init__(Family.NAMES, _NAME_BITS)

    def of(self, ctx: Context) -> i64:
        frontend = ctx.frontend
        if frontend.spot < 0:
            frontend.spot = _number(frontend.name)
        return frontend.spot


def transport_name(ctx: Context) -> bytes:
    """The frontend's name as %ft has it."""
    name = ctx.frontend.name
    return name + b"~" if ctx.session.tls is not None else name


class FrontendTransport(Key):
    """The key of %ft."""

    def __init__(self) -> None:
        super().__init__(Family.NAMES, _NAME_BITS)

    def of(self, ctx: Context) -> i64:
        frontend = ctx.frontend
        if frontend.transport_spot >= 0:
            return frontend.transport_spot
        if frontend.secures:
            return _number(transport_name(ctx))
        frontend.transport_spot = _number(frontend.name)
        return frontend.transport_spot


class BackendName(Key):
    """The key of %b."""

    def __init__(self) -> None:
        super().__init__(Family.NAMES, _NAME_BITS)

    def of(self, ctx: Context) -> i64:
        backend = ctx.backend
        proxy = ctx.frontend if backend is None else backend
        if proxy.spot < 0:
            proxy.spot = _number(proxy.name)
        return proxy.spot


class ServerName(Key):
    """The key of %s."""

    def __init__(self) -> None:
        super().__init__(Family.NAMES, _NAME_BITS)

    def of(self, ctx: Context) -> i64:
        server = ctx.server
        if server is None:
            return _number(ctx.record.stand_in)
        if server.spot < 0:
            server.spot = _number(server.name)
        return server.spot


def letters_of(record: Record) -> i64:
    """The four termination letters (%tsc) as one number; -1: one of them is no ASCII letter."""
    cause: i64 = record.cause
    step: i64 = record.step
    third: i64 = record.cookie_request
    fourth: i64 = record.cookie_response
    if (cause | step | third | fourth) >= 128:  # not one expression, which would be made of objects
        return -1
    return cause << 21 | step << 14 | third << 7 | fourth


class Letters(Key):
    """The key of %ts and %tsc."""

    def __init__(self) -> None:
        super().__init__(Family.STATES, 28)

    def of(self, ctx: Context) -> i64:
        return letters_of(ctx.record)


class NoRequestCookie(Key):
    """The key of %CC: 0 where there is no cookie. A captured one is no small number."""

    def __init__(self) -> None:
        super().__init__(Family.STATES)

    def of(self, ctx: Context) -> i64:
        return 0 if ctx.record.request_cookie is None else -1


class NoResponseCookie(Key):
    """The key of %CS: 0 where there is no cookie. A captured one is no small number."""

    def __init__(self) -> None:
        super().__init__(Family.STATES)

    def of(self, ctx: Context) -> i64:
        return 0 if ctx.record.response_cookie is None else -1


class NoRequestCaptures(Key):
    """The key of %hr and %hrl: 0 where nothing is captured of requests."""

    def __init__(self) -> None:
        super().__init__(Family.CAPTURES)

    def of(self, ctx: Context) -> i64:
        return -1 if ctx.request_captures else 0


class NoResponseCaptures(Key):
    """The key of %hs and %hsl: 0 where nothing is captured of responses."""

    def __init__(self) -> None:
        super().__init__(Family.CAPTURES)

    def of(self, ctx: Context) -> i64:
        return -1 if ctx.response_captures else 0


class AcceptDate(Key):
    """The key of %t and the other tags of the date of the accept."""

    def __init__(self) -> None:
        super().__init__(Family.ACCEPT, _DATE_BITS)

    def of(self, ctx: Context) -> i64:
        return ctx.record.accept_date


def request_date(ctx: Context) -> i64:
    """The wall clock (ms) at the request's first byte."""
    record = ctx.record
    waited: i64 = record.begun - record.accepted
    accepted: i64 = record.accept_date
    return accepted + waited if waited > 0 else accepted


class RequestDate(Key):
    """The key of %tr and the other tags of the date of the request's first byte."""

    def __init__(self) -> None:
        super().__init__(Family.REQUEST_DATE, _DATE_BITS)

    def of(self, ctx: Context) -> i64:
        return request_date(ctx)


class LocalRequestDate(Text):
    """The request's date, local, with milliseconds."""

    def __init__(self) -> None:
        super().__init__(Family.REQUEST_DATE, _DATE_BITS)

    def of(self, ctx: Context) -> i64:
        return request_date(ctx)

    def value(self, ctx: Context) -> bytes:
        return local_date(request_date(ctx))


class FrontendBackendServer(CommonChain):
    """The keys of "%ft %b/%s" in one go, where there is a server and each of the three names has its number."""

    def of(self, ctx: Context) -> i64:
        backend = ctx.backend
        server = ctx.server
        if backend is None or server is None:
            return self.slowly(ctx)
        first: i64 = ctx.frontend.transport_spot
        second: i64 = backend.spot
        third: i64 = server.spot
        if (first | second | third) < 0:
            return self.slowly(ctx)
        return first << 24 | second << 12 | third  # _NAME_BITS each


FRONTEND_NAME: Final = FrontendName()
FRONTEND_TRANSPORT: Final = FrontendTransport()
BACKEND_NAME: Final = BackendName()
SERVER_NAME: Final = ServerName()
LETTERS: Final = Letters()
NO_REQUEST_COOKIE: Final = NoRequestCookie()
NO_RESPONSE_COOKIE: Final = NoResponseCookie()
NO_REQUEST_CAPTURES: Final = NoRequestCaptures()
NO_RESPONSE_CAPTURES: Final = NoResponseCaptures()
FrontendBackendServer((FRONTEND_TRANSPORT, BACKEND_NAME, SERVER_NAME))
ACCEPTED: Final = AcceptDate()
REQUESTED: Final = RequestDate()
