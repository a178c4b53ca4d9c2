"""`pointsman.http`: a small HTTP/1.1 client for async functions; any asyncio library may take its place.

    answer = await pointsman.http.get("http://127.0.0.1:9000/check", headers={"x-user": user}, timeout=1)
    if answer.status == 200: ...

Each request has a connection of its own. Names are looked up by the system, in a thread. What takes longer than
`timeout`, or answers what is no HTTP, raises HttpError.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pointsman.extension.values import raw, text
from pointsman.extension.views import field_name, field_value
from pointsman.server.checks.http_response import CheckResponse

LARGEST: Final = 1 << 20  # bytes of a response's body
_READ: Final = 65_536
_PORTS: Final = {"http": 80, "https": 443}


class HttpError(OSError):
    """There is no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers`: names in lower case; of several fields with one name the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> object:
        """Raises ValueError."""
        found: object = json.loads(self.body)
        return found


async def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: str | bytes = b"",
    timeout: float = 5.0,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Ask. `context`: of https, where the system's authorities will not do."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    if not host or parts.scheme not in _PORTS:
        raise ValueError(f"{url!r} is no URL of http or https")
    message = _message(method, parts.netloc.rpartition("@")[2], f"{parts.path or '/'}", parts.query, headers, body)
    secure = (context or ssl.create_default_context()) if parts.scheme == "https" else None
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, port, ssl=secure)
            writer.write(message)
            return await _read(reader, method == "HEAD")
    except TimeoutError:
        raise HttpError(f"{method} {url}: no answer within {timeout} s") from None
    except OSError as error:
        raise HttpError(f"{method} {url}: {error}") from None
    finally:
        if writer is not None:
            writer.close()


async def get(url: str, *, headers: Mapping[str, str] | None = None, timeout: float = 5.0) -> Answer:
    return await request("GET", url, headers=headers, timeout=timeout)


async def post(
    url: str, body: str | bytes, *, headers: Mapping[str, str] | None = None, timeout: float = 5.0
) -> Answer:
    return await request("POST", url, headers=headers, body=body, timeout=timeout)


def _message(
    method: str, host: str, path: str, query: str, headers: Mapping[str, str] | None, body: str | bytes
) -> bytes:
    content = raw(body) if isinstance(body, str) else body
    target = field_value(f"{path}?{query}" if query else path)
    if b" " in target or not method.isalpha():
        raise ValueError(f"{method} {target!r} is no request")
    fields = {field_name(name): field_value(value) for name, value in (headers or {}).items()}
    fields.setdefault(b"host", raw(host))
    fields[b"connection"] = b"close"
    if content or method in ("POST", "PUT", "PATCH"):
        fields[b"content-length"] = b"%d" % len(content)
    lines = [b"%b %b HTTP/1.1" % (method.encode(), target), *[b"%b: %b" % one for one in fields.items()], b"", content]
    return b"\r\n".join(lines)


async def _read(reader: asyncio.StreamReader, bodiless: bool) -> Answer:
    found = CheckResponse(LARGEST + 1, bodiless)
    while not found.full and not found.broken:
        data = await reader.read(_READ)
        if not data:
            found.end()
            break
        found.feed(data)
    head = found.head
    if head is None or found.broken or head.length > len(found.body) and not bodiless:
        raise OSError("what came is no whole response of HTTP")
    if len(found.body) > LARGEST:
        raise OSError(f"a body of more than {LARGEST} bytes")
    return Answer(head.status, {text(one.name): text(one.value) for one in head.fields}, found.body)
