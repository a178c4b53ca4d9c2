"""A server's health: results of checks in, changes of state and messages out. No I/O; time enters as a parameter.

Health counts from 0 to rise + fall - 1; the server is up from `rise` on:

    0 ... rise-1 | rise ... rise+fall-1
       DOWN      |        UP

A pass below `rise` adds one, and reaching `rise` makes the server up and sound at once; so does any pass while it is
up. A failure while it is up takes one, and falling below `rise` makes it down and 0 at once; so does any failure while
it is down. A server starts up, at `rise`: the first result decides (manual 5.2 init-state has the other ways).
"""

from collections.abc import Callable
from typing import Final

from pointsman.log.target import ALERT, NOTICE
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.checks.status import Result
from pointsman.server.server import (
    DRAIN,
    FORCED_DRAIN,
    FORCED_MAINT,
    MAINT,
    RESOLUTION_MAINT,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
    Server,
)
from pointsman.server.server_messages import ServerMessages, Tell

FULL_SHARE: Final = 16


def watch(backend: Backend, clock: Callable[[], int]) -> None:
    """Keep the backend's own times: since when it is up or down, how often and how long it was down."""
    state = [bool(backend.usable)]

    def changed(_: Server) -> None:
        alive = bool(backend.usable)
        if alive == state[0]:
            return
        state[0] = alive
        now = clock()
        if alive:
            backend.down_time += now - backend.last_change
        else:
            backend.downs += 1
        backend.last_change = now

    backend.on_change.append(changed)


class Health:
    """The health of one server, checked or not. `tell` takes the messages."""

    def __init__(self, backend: Backend, server: LiveServer, tell: Tell) -> None:
        self.backend = backend
        self.server = server
        self.messages = ServerMessages(backend, tell)
        self.log_all = False  # option log-health-checks
        self.slowstart = 0  # ms
        self.init_state = "none"  # how it begins, and how it comes back from maintenance
        self.status = "INI"  # of the last result

    @property
    def sound(self) -> int:
        """The best health there is."""
        return self.server.rise + self.server.fall - 1

    @property
    def checked(self) -> bool:
        return self.status != "INI"

    def start(self, init_state: str, now: int) -> None:
        """Before the first check (manual 5.2 init-state: none, up, fully-up, down, fully-down)."""
        server = self.server
        server.checked = True
        server.check_status = "INI"
        server.last_change = now
        self.init_state = init_state
        server.check_health = self._first_health()
        if server.check_health < server.rise:
            server.state = STOPPED
        if server.admin & MAINT:
            server.check_health = 0

    def _first_health(self) -> int:
        """Before anything is known of it."""
        rise = self.server.rise
        return {"fully-up": self.sound, "down": rise - 1, "fully-down": 0}.get(self.init_state, rise)

    @property
    def may_be_up(self) -> bool:
        """Neither its checks nor its agent have anything against it, as far as there are any."""
        server = self.server
        if server.agent and not server.agent_paused and not server.agent_health:
            return False
        return not server.checked or server.check_paused or server.check_health >= server.rise

    def interval(self, inter: int, fast: int, down: int) -> int:
        """Milliseconds to the next check (manual 5.2 inter, the table); `fast` and `down` are 0 where not set."""
        health = self.server.check_health
        if self.checked and health == self.sound:
            return inter
        if self.checked and health == 0:
            return down or inter
        return fast or inter

    def note(self, result: Result, now: int) -> None:
        """One check is over. Nothing is noted for a server in maintenance."""
        server = self.server
        if server.admin & MAINT:
            return
        changed = result.status != self.status
        health = server.check_health
        self._remember(result)
        if result.passed and not (result.conditional and server.state == STOPPED):
            server.check_health = health + 1 if health + 1 < server.rise else self.sound
        else:
            server.check_health = health - 1 if health > server.rise else 0
            if health >= server.rise:
                server.check_fails += 1
        if self.log_all and (changed or server.check_health != health):
            self._log_check(result)
        self._act(result, now)

    def _remember(self, result: Result) -> None:
        server = self.server
        self.status = result.status
        server.check_status = result.status
        server.check_code = result.code if result.has_code else 0
        server.check_duration = result.duration
        server.last_check = result.info

    def _log_check(self, result: Result) -> None:
        server = self.server
        verb = "conditionally succeeded" if result.conditional else "succeeded" if result.passed else "failed"
        if server.check_health >= server.rise:
            state = f"{server.check_health - server.rise + 1}/{server.fall} UP"
        else:
            state = f"{server.check_health}/{server.rise} DOWN"
        kind = "backup server" if server.backup else "server"
        text = f"Health check for {kind} {server.route.decode()} {verb}, {result.reason()}, status: {state}."
        self.messages.tell(NOTICE, text.encode("latin-1", "replace"))

    def _act(self, result: Result, now: int) -> None:
        """What the result means for the server's state."""
        server = self.server
        up = server.check_health >= server.rise
        if not up:
            if server.state != STOPPED:
                self.set_down(now, "" if self.log_all else result.reason())
        elif result.conditional:
            if server.state in (RUNNING, STARTING):
                self.set_stopping(now, "" if self.log_all else result.reason())
        elif result.passed and server.state in (STOPPED, STOPPING):
            if self.may_be_up:
                self.set_up(now, "" if self.log_all else result.reason())
        elif server.state == STARTING:
            self.warm(now)

    def agent_said(self, result: Result, now: int) -> None:
        """What the word of its agent means for the server's state. In maintenance it is only kept."""
        server = self.server
        if server.admin & MAINT:
            return
        reason = "" if self.log_all else result.reason()
        if result.status == "L7STS":
            if server.state != STOPPED:
                self.set_down(now, reason)
        elif result.status == "L7OK" and server.state == STOPPED:
            if self.may_be_up:
                self.set_up(now, reason)
        elif server.state == STARTING:
            self.warm(now)

    # States.

    def set_down(self, now: int, reason: str = "") -> None:
        """The server goes down. `reason` is what the message tells, "": nothing."""
        server = self.server
        expected = server.state == STOPPING or bool(server.admin & DRAIN)
        self._stop(now, STOPPED, NOTICE if expected else ALERT, f"is DOWN{_said(reason)}")

    def _stop(self, now: int, state: int, level: int, what: str) -> None:
        server = self.server
        alive = self.messages.alive
        sessions, requeued = server.connections, server.queued
        server.state = state
        server.share = FULL_SHARE
        server.downs += 1
        if server.ends_sessions:
            server.row.ended += 1
        self._changed(now)
        self.messages.say(level, server, f"{what}. {self.messages.losses(sessions, requeued)}")
        self.messages.tell_if_empty(alive)

    def set_stopping(self, now: int, reason: str = "") -> None:
        """The server gets no new work (404 under disable-on-404)."""
        server = self.server
        alive = self.messages.alive
        requeued = server.queued
        self._end_downtime(now)
        server.state = STOPPING
        self._changed(now)
        self.messages.say(NOTICE, server, f"is stopping{_said(reason)}. {self.messages.queues(requeued)}")
        self.messages.tell_if_empty(alive)

    def set_up(self, now: int, reason: str = "") -> None:
        """The server is back, slowly where slowstart says so and it was down."""
        self._end_downtime(now)
        self._run(now)
        self._say_up(reason)

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
            return
        level = NOTICE if draining or server.state == STOPPING else ALERT
        self._stop(now, STOPPED, level, f"is going DOWN for maintenance{why}")

    def leave_maintenance(self, now: int, drain: bool = False) -> None:
        """The server is up until a check says otherwise, unless init-state or its agent says that it is down."""
        server = self.server
        server.admin = server.admin & ~FORCED_MAINT | (FORCED_DRAIN if drain else 0)
        if server.admin & MAINT:
            self.backend.changed(server)
            self.messages.say(NOTICE, server, "is leaving forced maintenance but remains in maintenance.")
            return
        self._come_back(now, "", "leaving forced maintenance")

    def _come_back(self, now: int, who: str, why: str) -> None:
        """No bit of MAINT is left. `who`: what stands behind its name."""
        server = self.server
        server.check_health = self._first_health()
        up = self.may_be_up
        if up:
            self._end_downtime(now)
            self._run(now)
        else:
            self._changed(now)
        mode = "DRAIN" if server.admin & DRAIN else "READY"
        self.messages.say(NOTICE, server, f"{who}is {'UP' if up else 'DOWN'}/{mode} ({why}).")
        if server.admin & DRAIN:
            self.messages.say(NOTICE, server, "remains in forced drain mode.")

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
        alive = self.messages.alive
        sessions, requeued = server.connections, server.queued
        server.admin |= FORCED_DRAIN
        self.backend.changed(server)
        if server.admin & MAINT:
            return
        rest = self.messages.queues(requeued) if server.up else self.messages.losses(sessions, requeued)
        self.messages.say(NOTICE, server, f"enters drain state. {rest}")
        self.messages.tell_if_empty(alive)

    def leave_drain(self) -> None:
        server = self.server
        server.admin &= ~FORCED_DRAIN
        self.backend.changed(server)
        self.messages.say(NOTICE, server, f"is {'UP' if server.up else 'DOWN'} (leaving forced drain).")

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

    def force(self, state: int, now: int) -> None:
        """RUNNING, STOPPING or STOPPED, whatever checks have said; they go on, and may say otherwise."""
        if not self.server.admin & MAINT:
            self.server.check_health = 0 if state == STOPPED else self.sound
            self.become(state, now)

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
        self.backend.changed(server)
        server.last_change = now

    def _say_up(self, reason: str) -> None:
        self.messages.say(NOTICE, self.server, f"is UP{_said(reason)}. {self.messages.queues()}")


def _said(reason: str) -> str:
    return f", {reason}" if reason else ""
