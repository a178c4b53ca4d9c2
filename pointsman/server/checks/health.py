"""A server's health: results of checks in, changes of state and messages out. No I/O; time enters as a parameter.

Health counts from 0 to rise + fall - 1; the server is up from `rise` on:

    0 ... rise-1 | rise ... rise+fall-1
       DOWN      |        UP

A pass below `rise` adds one, and reaching `rise` makes the server up and sound at once; so does any pass while it is
up. A failure while it is up takes one, and falling below `rise` makes it down and 0 at once; so does any failure while
it is down. A server starts up, at `rise`: the first result decides (manual 5.2 init-state has the other ways).
"""

from collections.abc import Callable

from pointsman.log.target import INFO, NOTICE
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.checks.states import States
from pointsman.server.checks.status import OBSERVED, Result
from pointsman.server.server import MAINT, RUNNING, STARTING, STOPPED, STOPPING, Server
from pointsman.server.server_messages import Tell


def watch(backend: Backend, clock: Callable[[], int]) -> None:
    """Keep the backend's own times: since when it is up or down, how often and how long it was down."""
    if backend.watched:
        return
    backend.watched = True
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


class Health(States):
    """The health of one server, checked or not."""

    def __init__(self, backend: Backend, server: LiveServer, tell: Tell) -> None:
        super().__init__(backend, server, tell)
        self.log_all = False  # option log-health-checks
        self.init_state = "none"  # how it begins, and how it comes back from maintenance
        self.status = "INI"  # of the last result

    @property
    def sound(self) -> int:
        """The best health there is."""
        return self.server.rise + self.server.fall - 1

    @property
    def checked(self) -> bool:
        return self.status != "INI"

    def begin(self, init_state: str, attached: bool) -> None:
        """It is not checked: what init-state says of it holds until an agent or the runtime socket says otherwise."""
        self.init_state = init_state
        if not attached and self._first_health() < self.server.rise:
            self.server.state = STOPPED

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

    def reset_health(self) -> None:
        self.server.check_health = self._first_health()

    @property
    def may_be_up(self) -> bool:
        """Neither its checks nor its agent have anything against it, as far as there are any."""
        server = self.server
        if server.agent and not server.agent_paused and not server.agent_health:
            return False
        if self.leader is not None and self.leader.server.state == STOPPED:
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
        if result.passed:
            server.check_health = health + 1 if health + 1 < server.rise else self.sound
        else:
            server.check_health = health - 1 if health > server.rise else 0
            if health >= server.rise:
                server.check_fails += 1
        if self.log_all and (changed or server.check_health != health):
            self._log_check(result)
        self._act(result, now)
        self.tend(now)

    def observed(self, reason: str, mode: str, now: int) -> None:
        """Traffic has shown too many errors (on-error). What checks say later counts as ever."""
        server = self.server
        if mode == "fastinter" or server.admin & MAINT:
            return
        if mode == "sudden-death":  # the next failure, of whatever kind, is fatal
            server.check_health = min(server.check_health, server.rise + 1)
        elif mode == "mark-down":
            server.check_health = min(server.check_health, server.rise)
        self.note(Result(OBSERVED, 0, reason), now)

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
        self.messages.mail(INFO, text.encode("latin-1", "replace"))

    def _act(self, result: Result, now: int) -> None:
        """What the result means for the server's state."""
        server = self.server
        up = server.check_health >= server.rise
        if not up:
            if server.state != STOPPED:
                self.set_down(now, "" if self.log_all else result.reason())
        elif result.conditional:
            if server.state in (RUNNING, STARTING) or server.state == STOPPED and self.may_be_up:
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
        self.tend(now)

    def force(self, state: int, now: int) -> None:
        """RUNNING, STOPPING or STOPPED, whatever checks have said; they go on, and may say otherwise."""
        if not self.server.admin & MAINT:
            self.server.check_health = 0 if state == STOPPED else self.sound
            self.become(state, now)
