"""A server's health: results of checks in, changes of state and messages out. No I/O; time enters as a parameter.

Health counts from 0 (dead) to rise + fall - 1 (sound); the server is up from `rise` on:

    0 ... rise-1 | rise ... rise+fall-1
       DOWN      |        UP

A pass below `rise` adds one, and reaching `rise` makes the server up and sound at once; so does any pass while it is
up. A failure while it is up takes one, and falling below `rise` makes it down and 0 at once; so does any failure while
it is down. A server starts up, at `rise`: the first result decides (manual 5.2 init-state has the other ways).
"""
from collections.abc import Callable
from typing import Final

from pointsman.server.backend import Backend, LiveServer
from pointsman.server.checks.status import Result
from pointsman.server.server import MAINT, RUNNING, STARTING, STOPPED, STOPPING, Server

EMERGENCY: Final = 0  # levels of messages (RFC 5424)
ALERT: Final = 1
NOTICE: Final = 5
FULL_SHARE: Final = 16

Log = Callable[[int, bytes], None]


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
    """Of one server. `log` writes a line to the backend's logs."""

    def __init__(self, backend: Backend, server: LiveServer, log: Log) -> None:
        self.backend = backend
        self.server = server
        self.log = log
        self.log_all = False  # option log-health-checks
        self.slowstart = 0  # ms
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
        others = {"fully-up": self.sound, "down": server.rise - 1, "fully-down": 0}
        server.check_health = others.get(init_state, server.rise)
        if server.check_health < server.rise:
            server.state = STOPPED

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
        route = server.route.decode()
        self._log(NOTICE, f"Health check for {kind} {route} {verb}, {result.reason()}, status: {state}.")

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
            self.set_up(now, "" if self.log_all else result.reason())
        elif server.state == STARTING:
            self.warm(now)

    # States.

    def set_down(self, now: int, reason: str = "") -> None:
        """The server goes down. `reason` is what the message tells, "": nothing."""
        server = self.server
        was_stopping = server.state == STOPPING
        before = len(self.backend.usable)
        sessions, requeued = server.connections, server.queued
        server.state = STOPPED
        server.share = FULL_SHARE
        server.downs += 1
        self._changed(now)
        level = NOTICE if was_stopping else ALERT
        self._say(level, "is DOWN", reason, "left",
                  f"{sessions} sessions active, {requeued} requeued, {len(self.backend.queue)} remaining in queue.")
        self._tell_if_empty(before)

    def set_stopping(self, now: int, reason: str = "") -> None:
        """The server gets no new work (404 under disable-on-404)."""
        before = len(self.backend.usable)
        requeued = self.server.queued
        self.server.state = STOPPING
        self._changed(now)
        self._say(NOTICE, "is stopping", reason, "online",
                  f"{requeued} sessions requeued, {len(self.backend.queue)} total in queue.")
        self._tell_if_empty(before)

    def set_up(self, now: int, reason: str = "") -> None:
        """The server is back, slowly where slowstart says so and it was down."""
        server = self.server
        if server.state == STOPPED:
            server.down_time += now - server.last_change
        if self.slowstart and server.state == STOPPED:
            server.state = STARTING
            server.share = 1
        else:
            server.state = RUNNING
            server.share = FULL_SHARE
        self._changed(now)
        self._say_up(reason)

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

    def _tell_if_empty(self, before: int) -> None:
        if before and not self.backend.usable:
            self._log(EMERGENCY, f"backend {self.backend.name.decode()} has no server available!")

    # Messages.

    def _say_up(self, reason: str) -> None:
        self._say(NOTICE, "is UP", reason, "online",
                  f"0 sessions requeued, {len(self.backend.queue)} total in queue.")

    def _say(self, level: int, what: str, reason: str, who: str, rest: str) -> None:
        active = backup = 0
        for server in self.backend.servers:
            if server.usable:
                backup += server.backup
                active += not server.backup
        kind = "Backup Server" if self.server.backup else "Server"
        text = f"{kind} {self.server.route.decode()} {what}{', ' + reason if reason else ''}. "
        text += f"{active} active and {backup} backup servers {who}. "
        if not active and backup:
            text += "Running on backup. "
        self._log(level, text + rest)

    def _log(self, level: int, text: str) -> None:
        self.log(level, text.encode("latin-1", "replace"))
