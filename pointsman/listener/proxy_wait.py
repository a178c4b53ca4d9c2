"""`bind ... accept-proxy` (manual 5.1), and `tcp-request connection expect-proxy layer4` (4.4): a connection waits for
its PROXY header before it becomes a session.

      accepted --> waiting --header whole--> Acceptor.open with the addresses that the header says
                      '--timeout, end, garbage--> Acceptor.refused (the error log), closed without an answer

The wait lasts as long as `timeout client-hs` allows, or `timeout client`; a handshake of TLS behind it has what is left
of that. A LOCAL or UNKNOWN header keeps the connection's own addresses. What came behind the header goes on as
`pending`.
"""

import os
from typing import Final

from pointsman.core.address import NetAddress
from pointsman.core.connection_faults import (
    PROXY_ABORT,
    PROXY_BAD_HEADER,
    PROXY_BAD_PROTOCOL,
    PROXY_EMPTY,
    PROXY_NOT_A_HEADER,
    PROXY_TIMEOUT,
    PROXY_TRUNCATED,
)
from pointsman.core.wishes import WISHES
from pointsman.listener.listener import Listener
from pointsman.net.reactor import Channel
from pointsman.proto.errors import ProtocolError
from pointsman.proto.proxy import SIGNATURE, parse
from pointsman.sample.context import EXPECTS_PROXY
from pointsman.stream.acceptor import Arrival

_READ: Final = 16_384
_WORD: Final = b"PROXY "
_PROTOCOLS: Final = (b"TCP4", b"TCP6", b"UNKNOWN")


class ProxyListener(Listener):
    """Its connections say in their first bytes who the client is: all of them (`bind_state.proxied`), or those of which
    tcp-request connection rules say so (expect-proxy)."""

    def accepted(self, fd: int, source: NetAddress) -> None:
        frontend = self.frontend
        arrival = Arrival(fd, source, self.destination(fd), self.bind_state, self.reactor.now)
        if frontend.screens and not frontend.screen(arrival):
            return
        session = arrival.session
        if not self.bind_state.proxied and (session is None or not session.expects & EXPECTS_PROXY):
            frontend.open(arrival)
            return
        wait = ProxyWait(self, arrival)
        self.reactor.add(wait)
        if self.frontend.handshake_time > 0:
            self.reactor.wheel.arm(wait, self.reactor.now + self.frontend.handshake_time)


class ProxyWait(Channel):
    def __init__(self, listener: ProxyListener, arrival: Arrival) -> None:
        super().__init__(arrival.fd)
        self.listener = listener
        self.arrival = arrival
        self.data = b""

    def ready(self, events: int) -> None:
        while self.fd >= 0:
            try:
                data = os.read(self.fd, _READ)
            except BlockingIOError:
                return
            except OSError:
                self._refuse(PROXY_ABORT)
                return
            if not data:
                self._refuse(PROXY_TRUNCATED if self.data else PROXY_EMPTY)
                return
            self.data += data
            self._look()

    def _look(self) -> None:
        try:
            header = parse(self.data)
        except ProtocolError:
            self._refuse(reason_of(self.data))
            return
        if header is None:
            return
        arrival = self.arrival
        if header.source is not None and header.destination is not None:
            arrival.source, arrival.destination = header.source, header.destination
        if WISHES.proxy_tlvs and header.tlvs:
            arrival.tlvs = header.tlvs
        arrival.pending = self.data[header.size :]
        listener = self.listener
        listener.reactor.release(self)
        listener.frontend.open(arrival)

    def expired(self, now: int) -> None:
        self._refuse(PROXY_TIMEOUT)

    def broken(self) -> None:
        if self.fd >= 0:
            self.listener.reactor.close(self)
            self.listener.frontend.closed(self.listener.bind_state)

    def _refuse(self, reason: int) -> None:
        listener = self.listener
        listener.reactor.close(self)
        listener.frontend.refused(self.arrival, reason, not self.data)
        listener.frontend.closed(listener.bind_state)


def reason_of(data: bytes) -> int:
    """Which of the reasons of fc_err holds for bytes that are no header."""
    if data.startswith(_WORD):
        word = data[len(_WORD) :].partition(b" ")[0].partition(b"\r")[0]
        return PROXY_BAD_HEADER if word in _PROTOCOLS else PROXY_BAD_PROTOCOL
    known = data.startswith(SIGNATURE) and (len(data) == len(SIGNATURE) or data[len(SIGNATURE)] >> 4 == 2)
    return PROXY_BAD_HEADER if known else PROXY_NOT_A_HEADER
