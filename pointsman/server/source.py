"""Whose address servers see: `source ... usesrc` (manual 4.2 "source").

The address need not be the machine's own: the socket is made transparent (IP_TRANSPARENT, which asks for CAP_NET_ADMIN)
and bound to it. Answers only come back where the servers route them through this machine.

An idle connection is used again only for the address that it comes from, so an address that varies is a part of its
server's key (pool_key.py). Where there is nothing to present, connections come from the address that `source` names.
"""

from mypy_extensions import mypyc_attr

from pointsman.core.address import NetAddress, from_packed
from pointsman.sample.context import Context
from pointsman.sample.fetch.headers import field_address
from pointsman.sample.head import field_values, pick
from pointsman.server.pool_key import KeyPart


@mypyc_attr(allow_interpreted_subclasses=True)
class Presented(KeyPart):
    """An address that servers see in place of ours."""

    varies = True  # it depends on the request or on its client
    lenient = False  # one of the other family than the server's counts as none; else the connection fails

    def address(self, context: Context) -> NetAddress | None:
        """Its port 0: any. None: there is nothing to present."""
        raise NotImplementedError

    def value(self, context: Context) -> bytes:
        found = self.address(context)
        return b"" if found is None else b"%d:" % found.port + found.packed


class FixedAddress(Presented):
    """usesrc <addr2>[:<port2>]"""

    def __init__(self, fixed: NetAddress) -> None:
        self.fixed = fixed
        self.varies = False

    def address(self, context: Context) -> NetAddress | None:
        return self.fixed


class ClientAddress(Presented):
    """usesrc clientip; `with_port`: usesrc client."""

    def __init__(self, with_port: bool) -> None:
        self.with_port = with_port

    def address(self, context: Context) -> NetAddress | None:
        source = context.source
        if not source.packed:  # a client of a UNIX socket
            return None
        return source if self.with_port else NetAddress(source.family, source.packed, source.text, 0)


class FieldAddress(Presented):
    """usesrc hdr_ip(<name>[,<occ>]): a value of a field of the request; 1 is the first one, -1 the last, 0 none."""

    def __init__(self, name: bytes, occurrence: int) -> None:
        self.name = name
        self.occurrence = occurrence
        self.lenient = True

    def address(self, context: Context) -> NetAddress | None:
        request = context.request
        if request is None or not self.occurrence:
            return None
        found = pick(field_values(request, self.name, True), self.occurrence)
        packed = field_address(found) if found is not None else None
        return from_packed(packed, 0) if packed is not None else None
