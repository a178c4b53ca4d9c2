"""The request that is asked about, as its connection would bring it."""

from urllib.parse import urlsplit

from pointsman.verbs.explain.entrance import PORTS, AskedError, Entrance
from pointsman.verbs.explain.hello import client_hello
from pointsman.verbs.explain.model import Asked

VERSIONS = {"1.0": 0, "1.1": 1, "2": 1}


def head_of(asked: Asked) -> bytes:
    """In HTTP/1, as a client would write it. Raises AskedError."""
    if asked.version not in VERSIONS:
        raise AskedError(f"'{asked.version}' is no version of HTTP that can be asked about: 1.0, 1.1, 2")
    target, host = (asked.url, asked.url) if asked.method == "CONNECT" else _target(asked.url)
    names = {name.lower() for name, _ in asked.headers}
    lines = [f"{asked.method} {target} HTTP/1.{VERSIONS[asked.version]}"]
    if host and "host" not in names:
        lines.append(f"Host: {host}")
    elif not host and "host" not in names and asked.version != "1.0":
        lines.append("Host: localhost")
    lines += [f"{name}: {value}" for name, value in asked.headers]
    if asked.body and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(asked.body)}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("utf-8", "surrogateescape")


def sent(asked: Asked, entrance: Entrance) -> tuple[bytes, bytes]:
    """What the client sends first, and what behind that: a request; in TCP mode what is asked for, or the hello of a
    TLS client where the URL says https, or a server name is given, and nobody before the frontend decrypts."""
    if asked.payload is not None:
        return asked.payload, b""
    if not entrance.frontend.http and not entrance.secure and entrance.sni:
        try:
            return client_hello(entrance.sni, (b"h2", b"http/1.1") if asked.version == "2" else (b"http/1.1",)), b""
        except (UnicodeError, OverflowError):  # no text, a label that IDNA refuses; longer than a hello can hold
            raise AskedError(f"'{entrance.sni}' is no name of a host, which TLS would have") from None
    return head_of(asked), asked.body


def _target(url: str) -> tuple[str, str]:
    """What stands in the request line, and the host."""
    parts = urlsplit(url)
    if parts.scheme in PORTS and parts.netloc:
        target = parts.path or "/"
        if parts.query or url.partition("#")[0].endswith("?"):
            target += f"?{parts.query}"
        return target, parts.netloc.rpartition("@")[2]
    return url, ""
