"""Asking OCSP responders over HTTP (RFC 6960, appendix A; manual 3.2 `httpclient.*`, `ocsp-update.httpproxy`).

In the process that controls, on its event loop; nothing waits in a lane. Names are resolved by a resolvers section
(`httpclient.resolvers.*`), and where that is the implicit choice and has no address, by the system, in a thread. A
responder gets GET where the request is short, which caches can answer, and POST otherwise.
"""

import asyncio
import base64
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from pointsman.config.resolvers import DEFAULT
from pointsman.core.address import AddressSpec, is_ip
from pointsman.net.clock import monotonic_ms
from pointsman.resolve.resolution import RESOLVERS
from pointsman.server.checks.http_response import CheckResponse

LARGEST: Final = 65_536  # bytes of a response
SHORT: Final = 255  # bytes of a request in a URI (RFC 6960, A.1)
PATIENCE: Final = 10.0  # s from the connection to the end of the response
PAUSE: Final = 1.0  # s between two attempts (manual 4.2, retries)
PORTS: Final = {"http": 80, "https": 443}
KIND: Final = "application/ocsp-response"
HTTP_ERROR: Final = 2  # numbers of `show ssl ocsp-updates` (management manual 9.3)
NO_RESPONSE: Final = 3


class ResponderError(Exception):
    """No response was had. `exchange`: what the log tells of it."""

    def __init__(self, number: int, exchange: "Exchange") -> None:
        super().__init__(exchange.fault)
        self.number = number
        self.exchange = exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    connect: int = 5_000  # ms
    retries: int = 3
    proxy: AddressSpec | None = None
    verifies: bool = True  # certificates of responders whose URI is https
    authorities: bytes = b""  # PEM
    resolvers: str = DEFAULT  # the section that is asked about names
    explicit: bool = False  # and nobody else
    disabled: bool = False  # names are not resolved at all
    prefer: int = 6


@dataclass(slots=True)
class Exchange:
    """An attempt to ask: for the log."""

    line: str = ""  # of the request
    began: int = 0  # monotonic ms
    connected: int = -1  # ms from then on
    answered: int = -1
    status: int = 503
    size: int = 0  # bytes of the body
    state: str = "SC--"  # as %tsc has it
    retries: int = 0
    fault: str = ""

    def took(self) -> int:
        return monotonic_ms() - self.began


async def ask(uri: str, request: bytes, settings: ClientSettings) -> bytes:
    """The DER that a responder has sent. ResponderError: it has sent none."""
    exchange = Exchange(began=monotonic_ms())
    message, host, port, secure = _message(uri, request, settings.proxy, exchange)
    if not host:
        exchange.fault = f"'{uri}' is no URI of a responder"
        raise ResponderError(HTTP_ERROR, exchange)
    try:
        context = _context(settings) if secure else None
    except OSError as error:
        exchange.fault = f"the CAs of responders cannot be read: {error}"
        raise ResponderError(HTTP_ERROR, exchange) from None
    reader, writer = await _connected(host, port, context, settings, exchange)
    answer = CheckResponse(LARGEST + 1)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(message)
            while not answer.full and not answer.broken:
                data = await reader.read(LARGEST)
                if exchange.answered < 0 and data:
                    exchange.answered = exchange.took() - exchange.connected
                if not data:
                    answer.end()
                    break
                answer.feed(data)
    except (OSError, TimeoutError) as error:
        exchange.state = "sH--" if isinstance(error, TimeoutError) else "SH--"
        exchange.fault = "no response in time" if isinstance(error, TimeoutError) else str(error)
        exchange.status = 504 if isinstance(error, TimeoutError) else 502
        raise ResponderError(HTTP_ERROR, exchange) from None
    finally:
        writer.close()
    return _content(answer, exchange)


def _content(answer: CheckResponse, exchange: Exchange) -> bytes:
    head = answer.head
    exchange.size = len(answer.body)
    if head is None or answer.broken or (head.length > len(answer.body)) or len(answer.body) > LARGEST:
        exchange.state, exchange.status, exchange.fault = "PH--", 502, "no HTTP response"
        raise ResponderError(HTTP_ERROR, exchange)
    exchange.state, exchange.status = "----", head.status
    if head.status != 200:
        exchange.fault = f"status {head.status}"
        raise ResponderError(HTTP_ERROR, exchange)
    kind = next((field.value for field in head.fields if field.name == b"content-type"), b"")
    if kind.partition(b";")[0].strip().lower() != KIND.encode():
        exchange.fault = "another content-type"
        raise ResponderError(NO_RESPONSE, exchange)
    return answer.body


async def _connected(
    host: str, port: int, context: ssl.SSLContext | None, settings: ClientSettings, exchange: Exchange
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            async with asyncio.timeout(settings.connect / 1000):
                address = await _address(host, settings)
                name = None if context is None else host
                found = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
        except (OSError, TimeoutError, ValueError) as error:
            exchange.fault = str(error) or "no connection in time"
            if exchange.retries >= settings.retries:
                raise ResponderError(HTTP_ERROR, exchange) from None
            exchange.retries += 1
            await asyncio.sleep(PAUSE)
        else:
            exchange.connected = exchange.took()
            return found


async def _address(host: str, settings: ClientSettings) -> str:
    """Where to connect to. OSError: there is no address."""
    if is_ip(host):
        return host
    section = None if settings.disabled else RESOLVERS.by_name.get(settings.resolvers)
    found = await section.address(host, settings.prefer) if section is not None else ""
    if not found and (settings.disabled or settings.explicit):
        raise OSError(f"the name '{host}' is not resolved")
    return found or host  # which the system resolves


def _message(uri: str, request: bytes, proxy: AddressSpec | None, exchange: Exchange) -> tuple[bytes, str, int, bool]:
    """What is sent to whom: message, host, port, over TLS. Host "": the URI is none."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return b"", "", 0, False
    if parts.scheme not in PORTS or not uri.isascii() or any(char <= " " for char in uri):
        return b"", "", 0, False
    inside = quote(base64.b64encode(request).decode(), safe="")
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    method = "GET" if len(inside) < SHORT else "POST"
    if method == "GET":
        path = f"{path.rstrip('/')}/{inside}"
    absolute = f"{parts.scheme}://{parts.netloc}{path}"
    through = proxy is not None and parts.scheme == "http"
    lines = [
        f"{method} {absolute if through else path} HTTP/1.1",
        f"host: {parts.netloc.rpartition('@')[2]}",
        f"accept: {KIND}",
        "user-agent: Pointsman",
        "connection: close",
    ]
    body = b""
    if method == "POST":
        body = request
        lines += ["content-type: application/ocsp-request", f"content-length: {len(body)}"]
    exchange.line = f"{method} {absolute} HTTP/1.1"
    message = "".join(line + "\r\n" for line in [*lines, ""]).encode() + body
    if through and proxy is not None:
        return message, proxy.host, proxy.port or PORTS["http"], False
    return message, host, port, parts.scheme == "https"


def _context(settings: ClientSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not settings.verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.authorities:
        context.load_verify_locations(cadata=settings.authorities.decode("ascii", "ignore"))
    return context
