"""What states a server goes through, and what is told of that: by results of checks, by agents, by the runtime socket,
by its name, or because the server that it tracks goes through them (manual 5.2, track).

A server that tracks another one has no checks of its own. Whatever becomes of the leader becomes of its followers, one
after the other, each with a message that says via whom; what was forced on a follower stays forced, and shows when what
it has inherited is over:

    leader            follower
    down, up          down, up
    stopping          stopping
    maintenance       INHERITED_MAINT, unless something else holds it there already
    drain             INHERITED_DRAIN, the same
"""

from collections.abc import Callable
from typing import Final

from pointsman.log.target import ALERT, NOTICE
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.server import (
    DRAIN,
    FORCED_DRAIN,
    FORCED_MAINT,
    INHERITED_DRAIN,
    INHERITED_MAINT,
    MAINT,
    OUT,
    RESOLUTION_MAINT,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
)
from pointsman.server.server_messages import ServerMessages, Tell

FULL_SHARE: Final = 16


class States:
    """Those of one server. `tell` takes the messages."""

    def __init__(self, backend: Backend, server: LiveServer, tell: Tell) -> None:
        self.backend = backend
        self.server = server
        self.messages = ServerMessages(backend, tell)
        self.slowstart = 0  # ms
        self.leader: States | None = None  # that of the server that it tracks
        self.followers: list[States] = []  # the newest first, as the peer program goes through them
        self.patient = False  # whoever changes its state refreshes the backend later, once for many
        self.refers = False  # its server cannot be deleted because of them alone

    @property
    def may_be_up(self) -> bool:
        """Nothing that watches it is against that."""
        raise NotImplementedError

    def reset_health(self) -> None:
        """It comes back from maintenance: what was known of it is old."""
        raise NotImplementedError

    # Tracking.

    def follow(self, leader: "States", attached: bool) -> None:
        """Track it from now on; nothing is told of what that changes at once. `attached`: another process has changed
        it, and the cells say so."""
        self.leader = leader
        leader.refers = leader.refers or not leader.server.referred
        leader.server.referred = True
        leader.followers.insert(0, self)
        server = self.server
        server.tracks = leader.server
        if attached:
            return
        if leader.server.admin & MAINT:
            server.admin |= INHERITED_MAINT
        elif leader.server.admin & DRAIN:
            server.admin |= INHERITED_DRAIN
        if leader.server.state == STOPPED:
            server.state = STOPPED

    def part(self) -> None:
        """Its server is deleted."""
        leader = self.leader
        if leader is None:
            return
        leader.followers.remove(self)
        if leader.refers and not leader.followers:
            leader.server.referred = leader.refers = False
        self.leader = self.server.tracks = None

    @property
    def via(self) -> str:
        """What messages say of who has brought it about."""
        return f" via {self.leader.server.route.decode()}" if self.leader is not None else ""

    def _follow_down(self, now: int) -> None:
        server = self.server
        if not server.admin & MAINT and server.state != STOPPED:
            self.set_down(now)

    def _follow_stopping(self, now: int) -> None:
        server = self.server
        if not server.admin & MAINT and server.state in (RUNNING, STARTING):
            self.set_stopping(now)

    def _follow_up(self, now: int) -> None:
        server = self.server
        if not server.admin & MAINT and server.state in (STOPPED, STOPPING) and self.may_be_up:
            self.set_up(now)

    def _follow_back(self, now: int) -> None:
        """Its leader has left maintenance, perhaps into drain."""
        assert self.leader is not None
        server = self.server
        drain = INHERITED_DRAIN if self.leader.server.admin & DRAIN else 0
        server.admin = server.admin & ~(INHERITED_MAINT | INHERITED_DRAIN) | drain
        if server.admin & MAINT:
            self.backend.changed(server)
            if server.admin & FORCED_MAINT:
                self.messages.say(NOTICE, server, "remains in forced maintenance.")
            return
        self._come_back(now, "", "leaving maintenance")

    def _follow_drain(self) -> None:
        server = self.server
        forced = bool(server.admin & FORCED_DRAIN)
        if forced or server.admin & MAINT:
            server.admin |= INHERITED_DRAIN
            self.backend.changed(server)
            if not server.admin & MAINT:
                self.messages.say(NOTICE, server, "remains in forced drain mode.")
            elif not forced:
                for follower in self.followers:
                    follower._follow_drain()
            return
        self._drain(INHERITED_DRAIN, self.via)

    def _follow_undrain(self) -> None:
        server = self.server
        server.admin &= ~INHERITED_DRAIN
        self.backend.changed(server)
        if server.admin & FORCED_DRAIN:
            if not server.admin & MAINT:
                self.messages.say(NOTICE, server, "remains in forced drain mode.")
            return
        self._undrained("(leaving drain)" + self.via)

    def tend(self, now: int) -> None:
        """Followers that start slowly get more weight when their leader is looked at."""
        for follower in self.followers:
            if follower.server.state == STARTING and not follower.server.admin & MAINT:
                follower.warm(now)
            follower.tend(now)

    # States.

    def set_down(self, now: int, reason: str = "") -> None:
        """The server goes down. `reason` is what the message tells, "": nothing."""
        server = self.server
        expected = server.state == STOPPING or bool(server.admin & DRAIN)
        self._stop(now, NOTICE if expected else ALERT, f"is DOWN{self.via or _said(reason)}", self.messages.announce)
        for follower in self.followers:
            follower._follow_down(now)

    def _stop(self, now: int, level: int, what: str, say: Callable[[int, LiveServer, str], None]) -> None:
        server = self.server
        alive = self.messages.alive
        sessions, requeued = server.connections, server.queued
        server.state = STOPPED
        server.share = FULL_SHARE
        server.downs += 1
        if server.ends_sessions:
            server.row.ended += 1
        self._changed(now)
        say(level, server, f"{what}. {self.messages.losses(sessions, requeued)}")
        self.messages.tell_if_empty(alive)

    def set_stopping(self, now: int, reason: str = "") -> None:
        """The server gets no new work (404 under disable-on-404)."""
        server = self.server
        alive = self.messages.alive
        requeued = server.queued
        self._end_downtime(now)
        server.state = STOPPING
        self._changed(now)
        self.messages.say(NOTICE, server, f"is stopping{self.via or _said(reason)}. {self.messages.queues(requeued)}")
        self.messages.tell_if_empty(alive)
        for follower in self.followers:
            follower._follow_stopping(now)

    def set_up(self, now: int, reason: str = "") -> None:
        """The server is back, slowly where slowstart says so and it was down."""
        self._end_downtime(now)
        self._run(now)
        self._say_up(self.via or _said(reason))
        for follower in self.followers:
            follower._follow_up(now)

    def _run(self, now: int) -> None:
        server = self.server
        slowly = self.slowstart and server.state == STOPPED
        server.state = STARTING if slowly else RUNNING
        server.share = 1 if slowly else FULL_SHARE
        if server.ends_backups and server.usable and not server.backup:
            server.row.returned += 1
        self._changed(now)

    def _end_downtime(self, now: int) -> None:
        if self.server.state == STOPPED:
            self.server.down_time += now - self.server.last_change

    # Changes of state by the runtime socket (management manual 9.3, set server).

    def enter_maintenance(self, now: int) -> None:
        """No traffic and no checks until it is left. Whoever waits for the server chooses again."""
        self._put_away(now, FORCED_MAINT, FORCED_DRAIN, "")

    def _put_away(self, now: int, bit: int, ends: int, why: str) -> None:
        """`bit` is one of MAINT, `ends` goes from the other bits. Who is in maintenance already only has the bit."""
        server = self.server
        known = bool(server.admin & MAINT)
        draining = bool(server.admin & DRAIN)
        server.admin = server.admin & ~ends | bit
        if known:
            self.backend.changed(server)
            return
        server.check_health = 0
        if server.state == STOPPED:
            self.backend.changed(server)
            self.messages.say(NOTICE, server, f"was DOWN and now enters maintenance{why}.")
        else:
            level = NOTICE if draining or server.state == STOPPING else ALERT
            self._stop(now, level, f"is going DOWN for maintenance{why}", self.messages.say)
        ends = 0 if server.admin & DRAIN else INHERITED_DRAIN
        for follower in self.followers:
            follower._put_away(now, INHERITED_MAINT, ends, follower.via)

    def leave_maintenance(self, now: int, drain: bool = False) -> None:
        """The server is up until a check says otherwise, unless init-state or its agent says that it is down."""
        server = self.server
        server.admin = server.admin & ~FORCED_MAINT | (FORCED_DRAIN if drain else 0)
        if server.admin & MAINT:
            self.backend.changed(server)
            via = self.via if server.admin & INHERITED_MAINT else ""
            self.messages.say(NOTICE, server, f"is leaving forced maintenance but remains in maintenance{via}.")
            return
        self._come_back(now, "", "leaving forced maintenance")

    def _come_back(self, now: int, who: str, why: str) -> None:
        """No bit of MAINT is left. `who`: what stands behind its name."""
        server = self.server
        self.reset_health()
        up = self.may_be_up and server.check_health >= server.rise
        if up:
            self._end_downtime(now)
            self._run(now)
        else:
            self._changed(now)
        mode = "DRAIN" if server.admin & DRAIN else "READY"
        self.messages.say(NOTICE, server, f"{who}is {'UP' if up else 'DOWN'}/{mode} ({why}).")
        if server.admin & FORCED_DRAIN:
            self.messages.say(NOTICE, server, "remains in forced drain mode.")
        elif server.admin & INHERITED_DRAIN:
            self.messages.say(NOTICE, server, f"remains in drain mode{self.via}.")
        for follower in self.followers:
            follower._follow_back(now)

    # Changes of state by what is known of its name (manual 5.3).

    def lose_address(self, now: int, reason: str) -> None:
        """Its name has no address, or none that is left for this server: it is in maintenance."""
        self._put_away(now, RESOLUTION_MAINT, 0, f" ({reason})")

    def regain_address(self, now: int) -> None:
        """Its name has an address again; where it goes is known to all lanes by now."""
        server = self.server
        server.admin &= ~RESOLUTION_MAINT
        name = f"('{server.fqdn}') "
        if server.admin & MAINT:
            self.backend.changed(server)
            self.messages.say(NOTICE, server, f"{name}resolves again but remains in maintenance.")
        else:
            self._come_back(now, name, "resolves again")
        text = f"Server {server.route.decode()} administratively READY thanks to valid DNS answer."
        self.messages.tell(NOTICE, text.encode("latin-1", "replace"))

    def enter_drain(self) -> None:
        """No new work but what persists; checks go on."""
        server = self.server
        if server.admin & OUT:  # it gets none already
            drained = not server.admin & MAINT
            server.admin |= FORCED_DRAIN
            self.backend.changed(server)
            if drained:
                self.messages.say(NOTICE, server, "remains in forced drain mode.")
            else:
                for follower in self.followers:
                    follower._follow_drain()
            return
        self._drain(FORCED_DRAIN, "")

    def _drain(self, bit: int, via: str) -> None:
        server = self.server
        alive = self.messages.alive
        sessions, requeued = server.connections, server.queued
        server.admin |= bit
        self.backend.changed(server)
        rest = self.messages.queues(requeued) if server.up else self.messages.losses(sessions, requeued)
        self.messages.announce(NOTICE, server, f"enters drain state{via}. {rest}")
        self.messages.tell_if_empty(alive)
        for follower in self.followers:
            follower._follow_drain()

    def leave_drain(self) -> None:
        server = self.server
        server.admin &= ~FORCED_DRAIN
        self.backend.changed(server)
        if server.admin & INHERITED_DRAIN:
            if not server.admin & MAINT:
                self.messages.say(NOTICE, server, f"remains in drain mode{self.via}.")
            return
        self._undrained("(leaving forced drain)")

    def _undrained(self, why: str) -> None:
        server = self.server
        if not server.admin & MAINT:
            self.messages.say(NOTICE, server, f"is {'UP' if server.up else 'DOWN'} {why}.")
        for follower in self.followers:
            follower._follow_undrain()

    # The same as what agents and the runtime socket ask for: whatever it is now.

    def to_maintenance(self, now: int) -> None:
        if not self.server.admin & FORCED_MAINT:
            self.enter_maintenance(now)

    def to_drain(self, now: int) -> None:
        if self.server.admin & FORCED_MAINT:
            self.leave_maintenance(now, drain=True)
        elif not self.server.admin & FORCED_DRAIN:
            self.enter_drain()

    def to_ready(self, now: int) -> None:
        """Neither maintenance nor drain."""
        if self.server.admin & FORCED_MAINT:
            self.leave_maintenance(now)
        elif self.server.admin & FORCED_DRAIN:
            self.leave_drain()

    def become(self, state: int, now: int) -> None:
        """The runtime socket says so."""
        server = self.server
        if server.admin & MAINT:
            return
        reason = "changed from CLI"
        if state == STOPPED:
            if server.state != STOPPED:
                self.set_down(now, reason)
        elif state == STOPPING:
            if server.state != STOPPING:
                self.set_stopping(now, reason)
        elif server.state in (STOPPED, STOPPING):
            self.set_up(now, reason)

    # What was known of it before a reload.

    def restore(self, state: int, since: int, now: int, reason: str) -> None:
        """It is in this operational state, since then. Told only where it is another one than it has begun in. Whoever
        says so refreshes the backends behind that."""
        server = self.server
        if state == STOPPED:
            if server.state != STOPPED:
                self.set_down(now, reason)
        elif state == STOPPING:
            if server.state != STOPPING:
                self.set_stopping(now, reason)
        else:
            back = server.state in (STOPPED, STOPPING)
            slowly = state == STARTING and now - since < self.slowstart
            server.state = STARTING if slowly else RUNNING
            server.share = max(1, (now - since) * FULL_SHARE // self.slowstart) if slowly else FULL_SHARE
            if back:
                self._changed(now)
                self._say_up("")
                for follower in self.followers:
                    follower._follow_up(now)

    def restore_admin(self, bit: int) -> None:
        """It is in forced maintenance or drain, which is no news. Those that track it are in what they inherit. Whoever
        says so refreshes the backends behind that."""
        server = self.server
        server.admin |= bit
        if bit & MAINT:
            server.state = STOPPED
            server.check_health = 0
        for follower in self.followers:
            follower.restore_admin(INHERITED_MAINT if bit & MAINT else INHERITED_DRAIN)

    def warm(self, now: int) -> None:
        """More weight for a server that starts slowly: from 1 to 16 sixteenths, linearly in time."""
        server = self.server
        share = FULL_SHARE
        if self.slowstart:
            share = min(FULL_SHARE, max(1, (now - server.last_change) * FULL_SHARE // self.slowstart))
        if share >= FULL_SHARE:
            server.state = RUNNING
            server.share = FULL_SHARE
            self.backend.changed(server)
            self._say_up("")
        elif share != server.share:
            server.share = share
            self.backend.changed(server)

    def _changed(self, now: int) -> None:
        server = self.server
        if not self.patient:
            self.backend.changed(server)
        server.last_change = now

    def _say_up(self, said: str) -> None:
        self.messages.announce(NOTICE, self.server, f"is UP{said}. {self.messages.queues()}")


def _said(reason: str) -> str:
    return f", {reason}" if reason else ""
