"""A client's connection may change what is spoken on it while it lives: its wire gets another user, the session stays,
and what was read goes along.

      TCP --chosen backend speaks HTTP, or a rule wants it--> HTTP/1 (RawFront.become_http)
      HTTP/1 --its first bytes are a preface--> another protocol (ClientProtocol)
      HTTP/1 --101, CONNECT--> a tunnel: the stream goes on, over the same wire (tunnel.py)

The stream that the connection had until then is parted. Nothing was counted of it yet, and no log line is written.
"""

from mypy_extensions import mypyc_attr

from pointsman.net.wire import Wire
from pointsman.sample.context import Session


@mypyc_attr(allow_interpreted_subclasses=True)
class ClientProtocol:
    """What else may be spoken on the connections of a frontend: whoever begins with `preface` speaks it."""

    def __init__(self, preface: bytes) -> None:
        self.preface = preface

    def take_over(self, session: Session, wire: Wire, data: bytes) -> None:
        """The connection is its own from now on: it makes itself the user of the wire. `data`: what was read so far,
        from the preface on. If there may be more, the wire's user gets another go."""
        raise NotImplementedError
