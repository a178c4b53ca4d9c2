"""One HTTP exchange with sockets that may block: for what is looked at outside of the load. HTTP/2 is curl's."""

from __future__ import annotations

import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.rows import Row


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, whole."""

    status: int
    lines: list[bytes]
    body: bytes

    def has(self, name: bytes) -> bool:
        """Whether there is a header of that name (lower case)."""
        return any(line.lower().startswith(name + b":") for line in self.lines)


def content_length(lines: list[bytes]) -> int:
    """Of a response's header lines; 0 where there is none."""
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def exchange(sock: socket.socket, request: bytes) -> Answer:
    """Send a request, read its answer. EOFError if the other side closes before that."""
    sock.sendall(request)
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(sock)
    first, *lines = data[:end].split(b"\r\n")
    length = content_length(lines)
    body = data[end + 4 :]
    while len(body) < length:
        body += _more(sock)
    return Answer(int(first.split(b" ")[1]), lines, body)


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(262144)
    if not data:
        raise EOFError("closed before the end of an answer")
    return data


def trusting() -> ssl.SSLContext:
    """For clients that take any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def once(port: int, request: bytes, timeout: float = 10, tls: bool = False) -> Answer:
    """An exchange on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        if not tls:
            return exchange(sock, request)
        with trusting().wrap_socket(sock, server_hostname="www.example.com") as secured:
            return exchange(secured, request)


def once_h2(port: int, row: Row, folder: Path, timeout: float = 10) -> Answer:
    """A request of the row in HTTP/2; trailers stand behind the header lines. SystemExit in another version."""
    sent, lines, body = (folder / f"curl.{name}" for name in ("sent", "lines", "body"))
    command = ["curl", "--silent", "--show-error", "--insecure", "--max-time", f"{timeout}", "--output", f"{body}"]
    command += ["--dump-header", f"{lines}", "--write-out", "%{http_version} %{http_code}"]
    command += ["--http2" if row.tls else "--http2-prior-knowledge", "--header", f"Host: {row.host}"]
    for line in row.lines:
        command += ["--header", line]
    if row.post:
        sent.write_bytes(row.sent)
        command += ["--data-binary", f"@{sent}"]
    command.append(f"http{'s' * row.tls}://127.0.0.1:{port}{row.path}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    version, _, status = done.stdout.partition(" ")
    if done.returncode or version != "2":
        raise SystemExit(f"row {row.name}: curl failed: {done.stdout} {done.stderr}")
    return Answer(int(status), lines.read_bytes().split(b"\r\n"), body.read_bytes())
