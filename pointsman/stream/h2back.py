"""A connection to a server that speaks HTTP/2: many exchanges at once, each in a place of its own (h2place.py).

      read --> endpoint.take --> places that something has come for  --woken behind the read--> their exchanges
      exchanges --> endpoint's frames  --written once, behind all events of the turn (h2writer.py)--> write

A place is told of frames while the endpoint looks at what was read. What its exchange makes of them waits until all of
that was looked at: so a response whose head, body and end came together goes on in one piece.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.net.wire import BRIEF, LARGE, Wire
from pointsman.proto.h2 import ENHANCE_YOUR_CALM, LARGEST, H2Error
from pointsman.proto.h2_options import H2Options
from pointsman.proto.unsafe import UNSAFE
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Carried, ServerConnection, Speaker, Spoken
from pointsman.server.server import Server
from pointsman.server.shared import SharedPlace
from pointsman.stream.glitches import END, KILL, Glitches
from pointsman.stream.h1back import H1Speaker
from pointsman.stream.h2place import H2Carrier, H2Place
from pointsman.stream.proxies import BackendProxy, Program
from pointsman.tls.options import HTTP1, wire, without_http2

_ROUNDS: Final = 4  # reads of a go, so that one who sends fast starves nobody
_CLOGGED: Final = 1_024  # frames that the server does not take, with which nothing more is read of it
_STUCK: Final = 64  # such frames, with which no other exchange begins there
_LAST: Final = LARGEST - 2  # a number of a stream that no other follows
PING: Final = b"pointsmn"  # what idle connections are asked with: 8 bytes of no meaning


class H2Speaker(Speaker):
    """Connections to a server of HTTP/2."""

    def __init__(self, backend: BackendProxy, program: Program) -> None:
        self.backend = backend
        self.program = program
        self.places = program.h2_back.streams
        self.outer: Speaker = self  # whose connections they are

    def learn(self, most: int) -> None:
        """A server has said how many exchanges it takes at once on a connection: others may be as the last one was, as
        long as they have not said anything."""
        self.places = most
        self.outer.places = most

    def speak(self, server: Server, wire: Wire) -> ServerConnection:
        assert isinstance(server, LiveServer)
        program = self.program
        lax = program.lax | UNSAFE if self.backend.unsafe else program.lax
        back = H2Back(server, wire, program.h2_back, program.head_limit, lax)
        back.field_limit = program.field_limit
        back.threshold = program.h2_glitches
        back.most = self.places
        back.speaker = self
        return back


class AlpnSpeaker(Speaker):
    """Connections on which the server says by ALPN what it speaks (manual 5.2, alpn).

    Those that wait for one which turns out to be of HTTP/1 have to look for others: so for the next ones nobody waits,
    until HTTP/2 is found again.
    """

    def __init__(self, backend: BackendProxy, program: Program) -> None:
        self.http1 = H1Speaker(backend)
        self.http2 = H2Speaker(backend, program)
        self.http2.outer = self
        self.places = self.http2.places
        self.decided = False

    def speak(self, server: Server, wire: Wire) -> ServerConnection:
        tls = wire.tls()
        if tls is not None and tls.alpn == b"h2":
            self.places = self.http2.places
            return self.http2.speak(server, wire)
        self.places = 1
        return self.http1.speak(server, wire)


def speaker_of(proto: str, alpn: bytes, backend: BackendProxy, program: Program) -> Speaker:
    """Of a server. `proto`: what its line says is spoken, h1 or h2; "": it is what `alpn` finds, the offer of its
    handshakes; b"": there is none."""
    if proto == "h2":
        return H2Speaker(backend, program)
    if not proto and without_http2(alpn) != alpn:
        return AlpnSpeaker(backend, program)
    return H1Speaker(backend)


def websockets_of(ws: str, usual: Speaker, alpn: bytes, backend: BackendProxy, program: Program) -> Spoken | None:
    """What WebSockets go by, where that is not the usual (manual 5.2, ws). Without a word they go by HTTP/1.1 where
    ALPN offers that beside HTTP/2."""
    if ws == "h2":
        return None if isinstance(usual, H2Speaker) else Spoken(H2Speaker(backend, program), b"\0h2")
    if isinstance(usual, H1Speaker):
        return None
    if ws == "h1" or isinstance(usual, AlpnSpeaker) and wire(HTTP1) in alpn:
        return Spoken(H1Speaker(backend), b"\0h1")
    return None


@mypyc_attr(free_list_len=1)
class H2Back(H2Carrier):
    def __init__(self, server: LiveServer, wire: Wire, options: H2Options, head_limit: int, lax: int) -> None:
        super().__init__(server, wire, options, head_limit, lax)
        self.lent = 0  # exchanges that it has carried, or carries
        self.threshold: Glitches | None = None  # of glitches
        self.speaker: H2Speaker | None = None  # who has made it
        self.writer.ask()

    # Places.

    def place(self, exchange: Carried) -> SharedPlace:
        self.lent += 1
        if not self.places and self.target.idle_ping:
            self.wire.reactor.wheel.disarm(self.wire)
        return H2Place(exchange, self)

    def has_room(self) -> bool:
        most = self.target.max_reuse
        endpoint = self.endpoint
        return (
            super().has_room()
            and (most < 0 or self.lent <= most)
            and endpoint.next < _LAST
            and not (self.wire.blocked and len(endpoint.out) > _STUCK)
        )

    def give_back(self, exchange: Carried) -> bool:
        place = self.places.get(exchange)
        if isinstance(place, H2Place):
            place.part()
        if self.endpoint.next >= _LAST:
            self.retire()
        idle = super().give_back(exchange)
        if idle:
            self._rest()
        return idle

    def leave(self, exchange: Carried, reset: bool) -> None:
        """Where the server takes nothing at the moment, that may be why the exchange is given up: nobody else need
        find it out."""
        if self.wire.blocked:
            self.retire()
        super().leave(exchange, reset)
        if not self.places and self.is_open:
            self._rest()

    # While it carries nothing (manual 5.2, idle-ping).

    def _rest(self) -> None:
        ping = self.target.idle_ping
        if ping:
            wire = self.wire
            wire.reactor.wheel.arm(wire, wire.reactor.now + ping)

    def expired(self, now: int) -> None:
        """The time of a ping has come. One that was not answered since the last one says that nobody is there."""
        if self.places:
            return
        if self.endpoint.pinged:
            self.close()
            return
        self.endpoint.ask(PING)
        self.writer.ask()
        self._rest()

    # Its wire.

    def readable(self) -> None:
        wire = self.wire
        endpoint = self.endpoint
        if endpoint.more and not self._take(b""):
            return
        for _ in range(_ROUNDS):
            if wire.blocked and len(endpoint.out) > _CLOGGED:
                break  # `drained` reads on
            if endpoint.more:
                wire.reactor.another(wire)
                break
            data = wire.read(LARGE if wire.plenty else BRIEF)
            if data is None:
                break
            if not data:
                self.gone()
                return
            if not self._take(data):
                return
            if not wire.unread and not endpoint.more:
                break
        else:
            wire.reactor.another(wire)
        if endpoint.has_more():
            self.writer.ask()

    def _take(self, data: bytes) -> bool:
        """Look at what was read, and have those go on that it is about. False: the connection is closed."""
        endpoint = self.endpoint
        self.taking = True
        endpoint.take(data)
        if endpoint.failed:
            self.retire()
            endpoint.end_all()
            self.writer.write()  # GOAWAY says what was wrong
        self.taking = False
        self.wake_all()
        if endpoint.failed or self.retired and not self.places:
            self.close()
        self.facts.count()
        return self.is_open

    def again(self) -> None:
        self.readable()

    def drained(self) -> None:
        self.writer.ask()
        if self.wire.unread or self.endpoint.more:
            self.wire.reactor.another(self.wire)

    def moved(self) -> None:
        for place in list(self.places.values()):
            if isinstance(place, H2Place) and place.waits() and place.exchange is not None:
                place.exchange.server_moved()

    def lost(self) -> None:
        """Nothing can be written any more. What the server has said before may still be read."""
        wire = self.wire
        if wire.unread or not wire.finished:
            self._read_rest()
        if self.is_open:
            self.gone()

    def _read_rest(self) -> None:
        wire = self.wire
        failed = wire.failed
        while self.is_open and not wire.finished:
            data = wire.read(BRIEF)
            if not data or not self._take(data):
                break
        wire.failed = wire.failed or failed

    def gone(self) -> None:
        """The server has closed it, or it has failed: all that it carries is over."""
        self.retire()
        endpoint = self.endpoint
        endpoint.stop()
        self.taking = True
        endpoint.end_all()
        self.taking = False
        self.wake_all()
        self.close()

    def close(self) -> None:
        if self.is_open:
            endpoint = self.endpoint
            if not endpoint.failed and not self.wire.failed and not self.wire.finished:
                endpoint.part()
                self.writer.write()
            endpoint.stop()
            self.facts.end()
        super().close()

    # What concerns all of it.

    def glitch_came(self) -> None:
        """What its frames have that they should not have is counted, and may be too much (manual 3.2)."""
        self.glitches = self.endpoint.budget.glitches
        glitches = self.threshold
        if glitches is not None:
            verdict = glitches.verdict(self.glitches, glitches.back)
            if verdict == KILL:
                raise H2Error(ENHANCE_YOUR_CALM, "too many glitches")
            if verdict == END:
                self.retire()

    def goaway_came(self, last: int, code: int) -> None:
        self.retire()

    def settings_came(self) -> None:
        endpoint = self.endpoint
        self.most = min(self.options.streams, endpoint.most)
        if not self.most:
            self.retire()
        elif self.speaker is not None:
            self.speaker.learn(self.most)
        for place in list(self.places.values()):
            if isinstance(place, H2Place):
                place.settings_came()
