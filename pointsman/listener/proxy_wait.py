"""`bind ... accept-proxy` and `accept-netscaler-cip` (manual 5.1), `tcp-request connection expect-proxy layer4` and
`expect-netscaler-cip layer4` (4.4): a connection waits for the header that says who the client is before it becomes a
session. Where both are expected, the PROXY header comes first.

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
    CLIENT_IP_BAD_MAGIC,
    CLIENT_IP_BAD_PROTOCOL,
    CLIENT_IP_EMPTY,
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
from pointsman.proto.netscaler import BadMagic, parse_client_ip
from pointsman.proto.proxy import SIGNATURE, parse
from pointsman.sample.context import EXPECTS_NETSCALER, EXPECTS_PROXY
from pointsman.stream.acceptor import Arrival

_READ: Final = 16_384
_OF_NETSCALER: Final = CLIENT_IP_EMPTY - PROXY_EMPTY  # from a fault of a PROXY header to the same one of NetScaler's
NO_MAGIC: Final = -1  # no header of NetScaler's is expected
_WORD: Final = b"PROXY "
_PROTOCOLS: Final = (b"TCP4", b"TCP6", b"UNKNOWN")


class ProxyListener(Listener):
    """Its connections say in their first bytes who the client is: all of them (`bind_state.proxied`,
    `bind_state.magic`), or those of which tcp-request connection rules say so (expect-proxy, expect-netscaler-cip)."""

    def accepted(self, fd: int, source: NetAddress) -> None:
        frontend = self.frontend
        arrival = Arrival(fd, source, self.destination(fd), self.bind_state, self.reactor.now)
        if frontend.screens and not frontend.screen(arrival):
            return
        expects = arrival.session.expects if arrival.session is not None else 0
        proxied = self.bind_state.proxied or expects & EXPECTS_PROXY != 0
        magic = self.bind_state.magic if self.bind_state.magic or expects & EXPECTS_NETSCALER else NO_MAGIC
        if not proxied and magic == NO_MAGIC:
            frontend.open(arrival)
            return
        wait = ProxyWait(self, arrival, proxied, magic)
        self.reactor.add(wait)
        if self.frontend.handshake_time > 0:
            self.reactor.wheel.arm(wait, self.reactor.now + self.frontend.handshake_time)


class ProxyWait(Channel):
    def __init__(self, listener: ProxyListener, arrival: Arrival, proxied: bool, magic: int) -> None:
        """`proxied`: a PROXY header is to come; `magic`: one of NetScaler's, with that number."""
        super().__init__(arrival.fd)
        self.listener = listener
        self.arrival = arrival
        self.data = b""
        self.proxied = proxied
        self.magic = magic

    def ready(self, events: int) -> None:
        while self.fd >= 0:
            try:
                data = os.read(self.fd, _READ)
            except BlockingIOError:
                return
            except OSError:
                self._refuse(self._named(PROXY_ABORT))
                return
            if not data:
                self._refuse(self._named(PROXY_TRUNCATED if self.data else PROXY_EMPTY))
                return
            self.data += data
            self._look()

    def _look(self) -> None:
        if self.proxied:
            self._look_for_proxy()
        if not self.proxied and self.fd >= 0:
            if self.magic != NO_MAGIC:
                self._look_for_netscaler()
            else:
                self._open()

    def _look_for_proxy(self) -> None:
        try:
            header = parse(self.data)
        except ProtocolError:
            self._refuse(reason_of(self.data))
            return
        if header is None:
            return
        self.proxied = False
        self.data = self.data[header.size :]
        arrival = self.arrival
        if header.source is not None and header.destination is not None:
            arrival.rename(header.source, header.destination)
        if WISHES.proxy_tlvs and header.tlvs:
            arrival.tlvs = header.tlvs

    def _look_for_netscaler(self) -> None:
        try:
            header = parse_client_ip(self.data, self.magic)
        except BadMagic:
            self._refuse(CLIENT_IP_BAD_MAGIC)
            return
        except ProtocolError:
            self._refuse(CLIENT_IP_BAD_PROTOCOL)
            return
        if header is None:
            return
        self.data = self.data[header.size :]
        self.arrival.rename(header.source, header.destination)
        self._open()

    def _open(self) -> None:
        self.arrival.pending = self.data
        listener = self.listener
        listener.reactor.release(self)
        listener.frontend.open(self.arrival)

    def expired(self, now: int) -> None:
        self._refuse(self._named(PROXY_TIMEOUT))

    def _named(self, fault: int) -> int:
        """By the header that was waited for."""
        return fault if self.proxied else fault + _OF_NETSCALER

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
