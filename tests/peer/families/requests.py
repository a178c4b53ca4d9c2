"""Short spellings of requests and responses for the scenarios."""

from __future__ import annotations


def request(
    method: str, target: str, *lines: str, body: bytes = b"", version: str = "HTTP/1.1", host: str = "h"
) -> bytes:
    """A request; a Host line comes first unless `host` is empty, a Content-Length last when there is a body."""
    head = [f"{method} {target} {version}"]
    if host:
        head.append(f"Host: {host}")
    head += lines
    if body:
        head.append(f"Content-Length: {len(body)}")
    return "".join(line + "\r\n" for line in head).encode("latin-1") + b"\r\n" + body


def get(target: str = "/", *lines: str, version: str = "HTTP/1.1", host: str = "h") -> bytes:
    """A GET."""
    return request("GET", target, *lines, version=version, host=host)


def post(target: str, body: bytes, *lines: str) -> bytes:
    """A POST with that body."""
    return request("POST", target, *lines, body=body)


def response(status: str, *lines: str, body: bytes = b"", version: str = "HTTP/1.1") -> bytes:
    """A response with exactly these header lines."""
    return "".join(line + "\r\n" for line in (f"{version} {status}", *lines)).encode("latin-1") + b"\r\n" + body
