"""What server-state files say is put into force, before anything runs and before the processes part.

An administrative state that the runtime socket had forced is forced again. One that the configuration, a tracked server
or a name had brought about comes from these again, or is over. Weights hold for as long as the configuration says the
same weight as before. What a check had said of a server holds until the next one says something else.

Where a server is was settled when it was made (saved_states.py).
"""

from dataclasses import replace

from pointsman.assemble.live import Live
from pointsman.config.server_line import ServerLine
from pointsman.core.address import is_ip
from pointsman.core.diagnostics import Diagnostics
from pointsman.log.target import EMERG
from pointsman.net.clock import monotonic_ms
from pointsman.server.backend import LiveServer
from pointsman.server.checks.agent import AgentTarget
from pointsman.server.checks.checks import Checks
from pointsman.server.checks.health import Health
from pointsman.server.server import (
    CONFIGURED_MAINT,
    FORCED_DRAIN,
    FORCED_MAINT,
    MAINT,
    NAMED_BY_SOCKET,
    RESOLUTION_MAINT,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
)
from pointsman.server.state_file import CONFIGURED, ENABLED, HIGHEST_PORT, SavedState

REASON = "changed from server-state after a reload"
OLDEST = 1 << 40  # ms; about 34 years


class Told:
    """Changes of states are warnings of the start. That nobody is left to do the work shows from them."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics

    def __call__(self, level: int, text: bytes, shown: bytes = b"") -> None:
        if level != EMERG:
            self.diagnostics.warning(text.decode("latin-1"))


def restore_states(live: Live, diagnostics: Diagnostics) -> None:
    """All servers, their checks and who tracks whom are there."""
    if not any(live.saved.values()):
        return
    assert live.health is not None
    told = Told(diagnostics)
    healths = list(live.health.healths.values())
    tells = [health.messages.tell for health in healths]
    for health in healths:
        health.messages.tell = told
        health.patient = True
    try:
        for backend in live.backends:
            section = live.sections[id(backend)]
            saved = live.saved.get(section.name)
            if not saved:
                continue
            lines = {line.name: line for line in section.all(ServerLine)}
            for server in backend.servers:
                name = server.name.decode("utf-8", "surrogateescape")
                if name in saved:
                    health = live.health.healths.get(server) or Health(backend, server, told)
                    health.patient = True  # there may be thousands of servers
                    _restore(live.health, health, saved[name], bool(lines[name].parameters.resolvers), diagnostics)
        for backend in live.backends:
            backend.refresh()
    finally:
        for health, tell in zip(healths, tells):
            health.messages.tell = tell
            health.patient = False


def _restore(checks: Checks, health: Health, state: SavedState, resolves: bool, diagnostics: Diagnostics) -> None:
    server = health.server
    now = monotonic_ms()
    if state.initial_weight == server.initial_weight:
        server.weight = state.weight
    _restore_name(server, state, resolves)
    wrong = [*_restore_check(checks, server, state), *_restore_agent(checks, server, state)]
    _restore_tls(server, state, diagnostics)
    _restore_state(health, state, now)
    server.last_change = now - min(state.age * 1000, OLDEST)
    server.restored = True
    if server.service and state.service != server.service:
        wrong.insert(
            0,
            f"SRV record mismatch between configuration ('{server.service}') and state file ('{state.service or '-'}')",
        )
    if wrong:
        name = server.route.decode("utf-8", "surrogateescape")
        diagnostics.warning(f"server-state partially applied for server '{name}', {', '.join(wrong)}")


def _restore_name(server: LiveServer, state: SavedState, resolves: bool) -> None:
    """What its service or `set server ... fqdn` had named it."""
    if server.service:
        if state.service == server.service and state.address and resolves:
            server.fqdn = state.fqdn
    elif state.admin & NAMED_BY_SOCKET and resolves and state.fqdn and not state.service:
        server.fqdn = state.fqdn
        server.admin |= NAMED_BY_SOCKET


def _restore_check(checks: Checks, server: LiveServer, state: SavedState) -> list[str]:
    """What cannot be had of it."""
    checker = checks.checkers.get(server)
    wrong: list[str] = []
    port, address = _place(state.check_address, state.check_port, wrong)
    if checker is None:
        return ["health checks are not enabled on this server"] if port or address else wrong
    checker.target = replace(
        checker.target, address=address or checker.target.address, port=port or checker.target.port
    )
    server.check_status = state.status
    server.check_paused = bool(state.check_state & CONFIGURED) and not state.check_state & ENABLED
    return wrong


def _restore_agent(checks: Checks, server: LiveServer, state: SavedState) -> list[str]:
    checker = checks.agents.get(server)
    wrong: list[str] = []
    port, address = _place(state.agent_address, state.agent_port, wrong)
    if checker is None:
        return ["agent checks are not enabled on this server"] if port or address else wrong
    target = checker.agent.target
    checker.agent.target = AgentTarget(address or target.address, port or target.port, target.send)
    server.agent_paused = bool(state.agent_state & CONFIGURED) and not state.agent_state & ENABLED
    return wrong


def _place(address: str, port: str, wrong: list[str]) -> tuple[int, str]:
    """A port, 0: none is said, and an address, "": none is."""
    number = 0
    if port and not (port.isascii() and port.isdigit()):
        wrong.append("provided port is not an integer")
    elif len(port) > 9 or int(port or "0") > HIGHEST_PORT:
        wrong.append("provided port is invalid")
    else:
        number = int(port or "0")
    if address and not is_ip(address):
        wrong.append(f"invalid addr '{address}'")
        address = ""
    return number, address


def _restore_tls(server: LiveServer, state: SavedState, diagnostics: Diagnostics) -> None:
    """`set server ... ssl` had switched it off, or the configuration had not switched it on. Off in the configuration
    is off, as in HAProxy."""
    if state.tls == "0" and server.transports is not None:
        server.encrypt(False)
        name = server.route.decode("utf-8", "surrogateescape")
        diagnostics.notice(f"server '{name}' is spoken to without TLS, as its server-state file says.")


def _restore_state(health: Health, state: SavedState, now: int) -> None:
    server = health.server
    forced = state.admin & FORCED_MAINT
    if server.admin & CONFIGURED_MAINT:
        server.check_health = _health(health, state)
        if state.admin & CONFIGURED_MAINT and not forced:  # the runtime socket had made it ready
            health.leave_maintenance(now, bool(state.admin & FORCED_DRAIN))
        return
    if state.admin & CONFIGURED_MAINT:
        forced = 0  # by its line, which does not say so any more
    # That it was down says nothing where it was in maintenance for a reason that is gone: nothing would bring it back.
    over = state.state == STOPPED and state.admin & MAINT and not forced
    if not server.admin & RESOLUTION_MAINT and health.leader is None and not over:
        server.check_health = _health(health, state) if server.checked else 0
        health.restore(state.state, now - min(state.age * 1000, OLDEST), now, REASON)
    if forced:
        health.restore_admin(FORCED_MAINT)
    elif state.admin & FORCED_DRAIN:
        health.restore_admin(FORCED_DRAIN)


def _health(health: Health, state: SavedState) -> int:
    """What its checks count on from: where it was only if that fits its state (as HAProxy has it)."""
    rise = health.server.rise
    if state.state == STOPPED:
        return 0
    if state.state == STARTING:
        return state.health if 1 <= state.health < rise else rise - 1
    if state.state == STOPPING:
        return state.health if rise <= state.health < health.sound else rise
    assert state.state == RUNNING
    return health.sound
