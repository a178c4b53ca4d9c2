"""A listening socket on the reactor: it accepts while there is room.

                    no room: wakened by a connection's end        pause (TTOU)
      FULL  <------------------------------------------ OPEN ----------------------> PAUSED
        '------------------------------------------------^  ^-----------------------'
      RESTING (no descriptors; rate limit: a deadline;    resume (TTIN)                  stop: CLOSED, for good
               more than this lane's share: a moment) ----'

While it is not OPEN the connections wait in the kernel's queue (manual 4.2, maxconn). Accepting goes in bursts,
level-triggered: what a burst leaves is reported again. A burst ends when there is none left, and to be told so costs a
system call, so the burst follows what is found.

All lanes watch the same sockets, exclusively: the kernel need not wake all of them for one connection. epoll watches
the open socket, not the descriptor, and others hold it too, so what is not OPEN must be taken out of epoll by hand.
"""

import os
import select
import socket
from typing import Final

from pointsman.core import calls
from pointsman.core.address import AF_INET, AF_INET6, UNIX_ADDRESS, NetAddress, from_packed, net_address
from pointsman.core.counters import Counters, Rate
from pointsman.listener.sockets import INHERITED, BindError, Opening
from pointsman.net.reactor import IN, Channel, Hook, Reactor
from pointsman.net.timers import NEVER
from pointsman.stream.acceptor import Acceptor, Arrival, BindState
from pointsman.stream.share import Share

CLOSED: Final = 0
OPEN: Final = 1
FULL: Final = 2
RESTING: Final = 3
PAUSED: Final = 4

_REST: Final = 100  # ms without accepting where the process or the system has no descriptors left
_YIELD: Final = 4  # ms for which a lane with more than its share of connections leaves the next ones to the others
_IN_VAIN: Final = 8  # after so many such rests in a row, in which no other lane accepted any, the others count as stuck
_AT_ONCE: Final = 2  # ms: a connection reported within this time after a rest has waited during the rest
_ALONE: Final = 1000  # ms for which the others count as stuck, unless one of them accepts something
_BURST: Final = 64  # connections accepted in one go at most
_LAST_BURST: Final = 4096  # taken from the kernel's queue before the socket closes
_WATCH: Final = IN | select.EPOLLEXCLUSIVE
_original: Final = calls.original
_accept: Final = calls.accept
_accept_passed: Final = calls.accept_passed
_ANY: Final = frozenset((b"0.0.0.0", b"::"))


class Listener(Channel):
    def __init__(self, reactor: Reactor, frontend: Acceptor, bind_state: BindState, opening: Opening) -> None:
        super().__init__(-1)
        self.reactor = reactor
        self.frontend = frontend
        self.bind_state = bind_state
        self.process = bind_state.process
        self.opening = opening
        self.sock: socket.socket | None = None
        self.state = CLOSED
        self.burst = 1
        self.last = False  # the socket is about to close: nothing is left to others, or to a later moment
        self.family = 0
        self.passed = False  # connections are passed over its socket, and not accepted from it (sockpair@)
        self.bound: NetAddress = UNIX_ADDRESS  # the address it is bound to
        self.any = False  # bound to any address: only each connection knows to which one it came
        self.lanes: frozenset[int] | None = None  # bind ... thread: those that accept here, from 1 on; None: all
        self.lowest_port = 0  # clients from ports below are refused (harden.reject-privileged-ports.tcp)
        self.rate_limit = 0  # rate-limit sessions; 0: none
        self.yielding: "YieldingListeners | None" = None  # None: there is one lane only
        self.others_taken = -1  # what the other lanes had taken when this one left connections to them
        self.in_vain = 0  # how often in a row it did so for nothing
        self.rested_until = 0  # when the last rest ended (monotonic ms)
        self.alone_until = 0  # until then this lane need not yield: no other lane took what it had left

    # Start, pause, stop.

    def start(self) -> None:
        """Begin to accept on the open socket of its Opening."""
        sock = self.opening.sock
        assert sock is not None
        self.sock = sock
        self.fd = sock.fileno()
        self.family = int(sock.family)
        self.passed = self.opening.spec.kind == "sockpair"
        name = sock.getsockname()
        if isinstance(name, tuple):
            self.bound = net_address(str(name[0]), int(name[1]))
            self.any = self.bound.text in _ANY or self.opening.options.transparent
        self.reactor.add(self, _WATCH)
        self.state = OPEN
        # A lane that replaces one that has crashed may find its socket paused.
        self.bind_state.listening = self.passed or bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    def stop(self) -> None:
        """Close the socket; what waits in the kernel's queue is accepted first, as it would be reset otherwise."""
        if self.state == CLOSED:
            return
        self._accept_last()
        if self.state == OPEN:
            self.reactor.epoll.unregister(self.fd)
        sock = self.sock
        self.state = CLOSED
        self.bind_state.listening = False
        if sock is not None:
            self.sock = None
            self.opening.sock = None
            if self.fd >= 0:
                self.reactor.forget(self)
            sock.close()  # now: whoever came in until the end of the turn would be reset

    def end(self) -> None:
        """Stop for good. Other processes hold the socket as well: it is not only closed, it listens no more."""
        sock = self.sock
        if sock is None or self.state == CLOSED:
            return
        self._accept_last()
        self._unwatch(RESTING)
        # Not one that was given from outside: it is not ours alone.
        if self.opening.spec.kind not in INHERITED and self.bind_state.end_listening():
            sock.shutdown(socket.SHUT_RD)
        self.stop()

    def pause(self) -> None:
        """Stop listening but keep the address, so that another process may listen there (management manual 4)."""
        if self.state in (CLOSED, PAUSED) or self.sock is None:
            return
        self.reactor.wheel.disarm(self)
        # Unwatched, not only masked: epoll reports the hang-up of a socket that does not listen again and again.
        self._unwatch(PAUSED)
        # Once for all lanes: of a socket that does not listen, a shutdown would be inherited by what is accepted later.
        first = self.bind_state.end_listening()
        if self.family in (AF_INET, AF_INET6) and self.opening.spec.kind != "fd":
            if first:
                self.sock.shutdown(socket.SHUT_RD)
        elif self.opening.spec.kind in ("abns", "abnsz") and self.process.share.alone:
            # Such a name is free only when its socket is closed, which other lanes hold as well.
            self.reactor.close(self)
            self.sock.detach()
            self.sock = None

    def resume(self) -> bool:
        """Listen again; False: the address is taken by now."""
        if self.state != PAUSED:
            return self.state != CLOSED
        try:
            if self.sock is None:
                self.opening.open()
                self.start()
                return True
            if self.family in (AF_INET, AF_INET6) and self.opening.spec.kind != "fd":
                self.sock.listen(self.opening.options.backlog)
        except (OSError, BindError):
            return False
        self._watch()
        self.bind_state.listening = True
        return True

    # Accepting.

    def ready(self, events: int) -> None:
        if self.state == OPEN:
            if self._accept_some(self.burst):
                self.burst = min(_BURST, self.burst << 1)
            else:
                self.burst = max(1, self.burst >> 1)

    def again(self) -> None:
        """More connections may be accepted now; or another lane, which alone was told of one, leaves it to this one."""
        if self.state == FULL:
            self._watch()
        elif self.state == OPEN and self.process.share.somebody_rests():
            self.ready(IN)
        elif self.state == RESTING and self.yielding is not None:
            self.yielding.again(self.reactor.now)

    def expired(self, now: int) -> None:
        if self.state == RESTING:
            self._watch()

    def rested(self, now: int) -> None:
        """The others have had their chance."""
        self.rested_until = now
        if self.state == RESTING:
            self._watch()

    def broken(self) -> None:
        """One connection's opening went wrong and was reported; the socket itself is well."""

    def _accept_last(self) -> None:
        """What waits in the kernel's queue before the socket closes, also where this lane rests: nobody else will."""
        if self.state in (OPEN, RESTING):
            self.last = True
            self._accept_some(_LAST_BURST)
            self.last = False

    def _accept_some(self, burst: int) -> bool:
        """Accept up to so many; False: none is left, or there is no room."""
        for _ in range(burst):
            if not self._reserve():
                return False
            try:
                made = _accept_passed(self.fd) if self.passed else _accept(self.fd)
            except EOFError:  # who has passed connections is gone for good
                self.frontend.withdraw(self.bind_state)
                self._unwatch(PAUSED)
                return False
            except ConnectionError:
                self.frontend.withdraw(self.bind_state)
                continue
            except OSError:  # no descriptors or memory: give the others time to end
                self.frontend.withdraw(self.bind_state)
                self._rest(_REST)
                return False
            if made is None:
                self.frontend.withdraw(self.bind_state)
                return False
            fd, packed, port = made
            if packed and port < self.lowest_port:
                os.close(fd)
                self.frontend.withdraw(self.bind_state)
                self.frontend.let_in(self.bind_state)
                continue
            self.frontend.arrived(self.bind_state)
            self.accepted(fd, from_packed(packed, port) if packed else UNIX_ADDRESS)
        return True

    def accepted(self, fd: int, source: NetAddress) -> None:
        """A new connection, already counted."""
        arrival = Arrival(fd, source, self.destination(fd), self.bind_state, self.reactor.now)
        if not self.frontend.screens or self.frontend.screen(arrival):
            self.frontend.open(arrival)

    def destination(self, fd: int) -> NetAddress:
        """The address that the client connected to, if Netfilter has redirected it here (REDIRECT, DNAT), that which it
        was redirected from. Else a socket that is bound to one needs no system call to know it."""
        if not self.bound.packed or not self.frontend.wants_destination:
            return self.bound
        redirected = _original(fd, self.family)
        if redirected is not None:
            return from_packed(redirected[0], redirected[1])
        if not self.any:
            return self.bound
        sock = socket.socket(self.family, socket.SOCK_STREAM, 0, fd)
        try:
            name = sock.getsockname()
        except OSError:
            return self.bound
        finally:
            sock.detach()
        return net_address(str(name[0]), int(name[1]))

    def _reserve(self) -> bool:
        """Look for room and take it, before the connection is accepted: limits are exact across lanes."""
        if self.process.share.alone:
            if not self._has_room():
                return False
            self.frontend.admit(self.bind_state, self.reactor.now)
            return True
        arena = self.process.arena
        if self.last:
            arena.hold(self.process.lock)
        elif not arena.locked(self.process.lock):
            self._rest(1)
            return False
        try:
            if not self._has_room():
                return False
            self.frontend.admit(self.bind_state, self.reactor.now)
            return True
        finally:
            arena.unlock(self.process.lock)

    def _has_room(self) -> bool:
        bind_state, frontend, process = self.bind_state, self.frontend, self.process
        if process.share.over() and not self.last and self._yields():
            return False
        if 0 < bind_state.limit <= bind_state.connections:
            self._wait(bind_state.waiting, bind_state.counters)
        elif 0 < frontend.limit <= frontend.connections:
            self._wait(frontend.waiting, frontend.counters)
        elif 0 < process.limit <= process.connections:
            process.counters.maxconn_reached += 1
            self._wait(process.waiting, process.counters)
        elif bind_state.transports is not None and process.tls.counters.full and process.tls.wait(self):
            self._unwatch(FULL)
        elif not (
            self._within(process.connection_rate, process.connection_rate_limit())
            and self._within(process.session_rate, process.session_rate_limit())
            and (self.rate_limit <= 0 or self._within(frontend.counters.session_rate, self.rate_limit))
            and (bind_state.transports is None or self._within_tls_rate())
        ):
            self._rest(1)
        else:
            return True
        return False

    def _yields(self) -> bool:
        """This lane holds more than its share: a short rest, unless the others have let many of them pass.

        In a soft stop this generation takes what it finds.
        """
        others = self.process.share.taken_by_others()
        now = self.reactor.now
        if self.others_taken != others:
            self.others_taken = others
            self.in_vain = 0
        elif now < self.alone_until:
            return False
        elif now > self.rested_until + _AT_ONCE:
            self.in_vain = 0
        else:
            self.in_vain += 1
        if self.yielding is None or self.process.stopping:
            return False
        if self.in_vain >= _IN_VAIN:
            self.alone_until = now + _ALONE
            return False
        self.burst = 1
        self._unwatch(RESTING)
        self.yielding.add(self, now + _YIELD)
        return True

    def _within_tls_rate(self) -> bool:
        rate = self.process.tls.counters.rate
        return self._within(rate, rate.limit)

    def _within(self, rate: Rate, limit: int) -> bool:
        return limit <= 0 or rate.read(self.reactor.now) < limit

    def _wait(self, waiting: list[Channel], counters: Counters) -> None:
        counters.waiting = 1
        self._unwatch(FULL)
        waiting.append(self)

    def _watch(self) -> None:
        self.state = OPEN
        self.reactor.epoll.register(self.fd, _WATCH)

    def _unwatch(self, state: int) -> None:
        if self.state == OPEN:
            self.reactor.epoll.unregister(self.fd)
        self.state = state

    def _rest(self, milliseconds: int) -> None:
        self._unwatch(RESTING)
        self.reactor.wheel.arm(self, self.reactor.now + milliseconds)


class YieldingListeners(Hook):
    """The listeners of a lane that leave connections to other lanes, for milliseconds: the wheel is too coarse."""

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share = share
        self.listeners: list[Listener] = []

    def add(self, listener: Listener, due: int) -> None:
        if not self.listeners:
            self.share.rest(True)
            self.due = due
        self.listeners.append(listener)

    def again(self, now: int) -> None:
        """Another lane leaves connections, perhaps to this one: accept at once, unless this lane holds too many."""
        if self.listeners and not self.share.over():
            self.due = now
            self.after(now)

    def after(self, now: int) -> None:
        listeners, self.listeners = self.listeners, []
        self.due = NEVER
        self.share.rest(False)
        for listener in listeners:
            listener.rested(now)
