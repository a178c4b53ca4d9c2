"""One request to each HTTP port (`--self-test`), or to URLs (`--once`): asked from here, as a client would ask."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final
from urllib.parse import urlsplit

from pointsman.verbs.trial.order import Listening
from pointsman.verbs.trial.running import Running

TIMEOUT: Final = 10.0  # s that an answer may take
PORTS: Final = {"http": 80, "https": 443}
PROXY_HEADER: Final = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 %d\r\n"
LONGEST: Final = 1 << 20


@dataclass(slots=True)
class Answer:
    """What came back. `error`: nothing that is HTTP did."""

    frontend: str
    place: str
    wanted: str
    host: str
    status: int = 0
    server: str = ""  # the echo server that has answered; "": the balancer itself, or a real one
    error: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""


async def ask(running: Running, urls: Sequence[str], *, as_json: bool) -> int:
    """Print what came. 1: something was not answered."""
    if urls:
        answers = [await _once(running, url) for url in urls]
    else:
        answers = [await _asked(running, one, _host(running, one), "/") for one in running.plan.listening if one.http]
    if as_json:
        print(json.dumps([asdict(one) for one in answers], indent=2), flush=True)
    elif urls:
        for url, one in zip(urls, answers):
            _print_whole(url, one)
    else:
        _print_table(running, answers)
    return 1 if any(one.error for one in answers) else 0


def _print_whole(url: str, one: Answer) -> None:
    print(f"{url}  ({one.place}, frontend {one.frontend})")
    if one.error:
        print(f"no answer: {one.error}\n")
        return
    print(f"{one.status}")
    for name, value in one.headers:
        print(f"{name}: {value}")
    print(f"\n{one.body}", flush=True)


def _print_table(running: Running, answers: Sequence[Answer]) -> None:
    rows = [
        (one.place, one.frontend, one.wanted, one.error or f"{one.status} {one.server}".rstrip()) for one in answers
    ]
    rows += [(one.place, one.frontend, one.wanted, "TCP, not asked") for one in running.plan.listening if not one.http]
    widths = [max([len(row[index]) for row in rows], default=0) for index in range(3)]
    for row in rows:
        print("  ".join([f"{text:<{width}}" for text, width in zip(row, widths)] + [row[3]]))
    answered = sum(not one.error for one in answers)
    print(f"{answered} of {len(answers)} HTTP ports have answered", flush=True)


def _host(running: Running, one: Listening) -> str:
    """A name that the file's rules know, so that the request goes where most do."""
    names = [name for name in running.plan.names if not name.startswith("*")]
    return names[0] if names else "localhost"


async def _once(running: Running, url: str) -> Answer:
    """A URL as the world outside would ask it: its port is that of the file; or as here, with a port of this run."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    host = parts.hostname or "localhost"
    port = parts.port or PORTS.get(parts.scheme, 80)
    listening = [one for one in running.plan.listening if one.port]
    found = [one for one in listening if one.wanted.rpartition(":")[2] == str(port)]
    if host in ("127.0.0.1", "localhost"):
        found = [one for one in listening if one.port == port] or found
    found.sort(key=lambda one: (one.tls != (parts.scheme == "https"), not one.http))
    if not found:
        return Answer("-", "-", "-", host, error=f"nothing listens at port {port}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    shown = host if parts.port is None else f"{host}:{parts.port}"
    return await _asked(running, found[0], shown, path)


async def _asked(running: Running, one: Listening, host: str, path: str) -> Answer:
    answer = Answer(one.frontend, one.place, one.wanted, host)
    try:
        await asyncio.wait_for(_exchange(running, one, host, path, answer), TIMEOUT)
    except TimeoutError:
        answer.error = f"nothing within {TIMEOUT:.0f} s"
    except (OSError, EOFError, ValueError, ssl.SSLError) as error:
        answer.error = str(error) or type(error).__name__
    return answer


def _context(running: Running, one: Listening) -> ssl.SSLContext:
    """Trusts the CA of the run, where it has made one; certificates of the user's own are taken as they are."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if one.verify:
        context.load_cert_chain(running.path("client.pem"))
    return context


async def _exchange(running: Running, one: Listening, host: str, path: str, answer: Answer) -> None:
    if one.port:
        reader, writer = await asyncio.open_connection(one.address, one.port)
    else:
        reader, writer = await asyncio.open_unix_connection(one.address)
    try:
        if one.proxied:
            writer.write(PROXY_HEADER % (one.port or 80))
        if one.tls:
            name = host.rpartition(":")[0] or host
            await writer.start_tls(_context(running, one), server_hostname=name)
        if one.proto == "h2":
            await _ask_h2(reader, writer, host, path, answer, one.tls)
            return
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: pointsman-try\r\nAccept: */*\r\nConnection: close\r\n"
        )
        writer.write(f"{head}\r\n".encode())
        await _read(reader, answer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1)


async def _read(reader: asyncio.StreamReader, answer: Answer) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    answer.status = int(first.split(" ")[1])
    answer.headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    answer.server = next((value for name, value in answer.headers if name.lower() == "x-echo-server"), "")
    body = b""
    length = next((int(value) for name, value in answer.headers if name.lower() == "content-length"), -1)
    while len(body) < LONGEST and length not in (0, len(body)):
        piece = await reader.read(65_536)
        if not piece:
            break
        body += piece
    answer.body = body.decode("utf-8", "replace")


async def _ask_h2(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, path: str, answer: Answer, secure: bool
) -> None:
    """By HTTP/2, where nothing else is spoken."""
    from pointsman.server.checks.h2 import CheckH2  # noqa: PLC0415
    from pointsman.server.checks.http_request import CheckRequest  # noqa: PLC0415
    from pointsman.server.checks.http_response import CheckResponse  # noqa: PLC0415

    client = CheckH2(secure)
    reply = CheckResponse(LONGEST)
    asked = CheckRequest(b"GET", path.encode(), [(b"host", host.encode())], b"")
    writer.write(client.ask(asked, reply))
    while not reply.full and not reply.broken:
        data = await reader.read(65_536)
        if not data:
            raise EOFError("the connection was closed")
        writer.write(client.feed(data))
    if reply.head is None:
        raise ValueError("no answer by HTTP/2")
    answer.status = reply.head.status
    answer.headers = [(one.name.decode("latin-1"), one.value.decode("latin-1")) for one in reply.head.fields]
    answer.server = next((value for name, value in answer.headers if name == "x-echo-server"), "")
    answer.body = reply.body.decode("utf-8", "replace")
