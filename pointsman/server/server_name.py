"""Which name a connection to a server is for: what TLS says of it in its hello (SNI), and what the server's certificate
is compared with (manual 5.2, sni, sni-auto).

Idle connections are never shared by requests that want different names (pool_key.py): the server has chosen its
certificate, and perhaps the site, by the name. Where it is the same for all requests, there is nothing to tell apart.
"""

import re
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.head import last_value
from pointsman.server.pool_key import KeyPart

LONGEST: Final = 253  # bytes of a name, written with dots (RFC 1035 2.3.4)
# Labels of up to 63 letters, digits, "-", and "_" which many use, with dots between them. Addresses of IPv4 are such.
NAME: Final = re.compile(rb"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}")

ADDRESS: Final = re.compile(rb"[0-9A-Fa-f:.]{2,45}")  # of IPv6, or what looks like one


@mypyc_attr(allow_interpreted_subclasses=True)
class ServerName(KeyPart):
    """The same for all requests."""

    def __init__(self, fixed: bytes = b"") -> None:
        self.fixed = fixed
        self.varies = False  # it depends on the request or on its client

    def value(self, context: Context) -> bytes:
        """b"": none, or one that no host can have."""
        return self.fixed


class NameOfRequest(ServerName):
    """What the Host field of the request says that the server gets, without its port (sni-auto)."""

    def __init__(self) -> None:
        super().__init__()
        self.varies = True
        self.host = b""  # the last one, and what it came to: many requests name the same
        self.name = b""

    def value(self, context: Context) -> bytes:
        request = context.request
        host = last_value(request, b"host", True) if request is not None else None
        if not host:
            return b""
        if host != self.host:
            self.host = host
            self.name = as_name(host.partition(b":")[0])
        return self.name


class NameOfExpression(ServerName):
    """What an expression yields."""

    def __init__(self, expression: Expression) -> None:
        super().__init__()
        self.expression = expression
        self.varies = not expression.constant

    def value(self, context: Context) -> bytes:
        name = self.expression.get_bytes(context)
        return as_name(name) if name else b""


def as_name(name: bytes) -> bytes:
    """The name without the dot at its end, which it never has in a hello (RFC 6066 3), or the address; b"": no host can
    have it."""
    if name.endswith(b"."):
        name = name[:-1]
    if len(name) > LONGEST:
        return b""
    if NAME.fullmatch(name) is not None:
        return name
    return name if b":" in name and ADDRESS.fullmatch(name) is not None else b""
