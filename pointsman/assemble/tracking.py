"""Servers whose state is that of another one (manual 5.2, track): who tracks whom, over all backends."""

from collections.abc import Callable
from dataclasses import dataclass

from pointsman.assemble.live import Live
from pointsman.config.server_line import ServerLine
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.log.events import EventLogger
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.checks.checks import Checks
from pointsman.server.checks.plan import flag
from pointsman.server.server_messages import Tell


@dataclass(frozen=True, slots=True)
class Tracker:
    """A server as its line made it. `line.parameters.track` may be ""."""

    backend: Backend
    server: LiveServer
    line: ServerLine
    tell: Tell
    conditional: bool  # http-check disable-on-404 of its backend

    def wrong(self, text: str) -> ConfigError:
        name = f"{self.backend.name.decode()}/{self.line.name}"
        return ConfigError(f"'server {name}' : {text}", self.line.at)


Find = Callable[[str, str], Tracker | None]  # by names of a backend and a server


def build_tracking(live: Live, diagnostics: Diagnostics) -> None:
    """All servers and their checks exist."""
    trackers: dict[tuple[str, str], Tracker] = {}
    names = {live.sections[id(backend)].name for backend in live.backends}
    for backend in live.backends:
        section = live.sections[id(backend)]
        lines = {line.name: line for line in section.all(ServerLine)}
        tell = EventLogger(live.loggers[id(backend)])
        for server in backend.servers:
            line = lines.get(server.name.decode())
            if line is not None:
                key = section.name, line.name
                trackers[key] = Tracker(backend, server, line, tell, flag(section, "disable-on-404"))
    assert live.health is not None
    for tracker in trackers.values():
        if tracker.line.parameters.track and tracker.server.tracks is None:
            try:
                link(live.health, tracker, lambda backend, server: trackers.get((backend, server)), names)
            except ConfigError as error:
                diagnostics.add(error.finding)


def link(checks: Checks, tracker: Tracker, find: Find, backends: set[str]) -> None:
    """Have it follow the server that its line names, whose own leader comes first. ConfigError: it cannot."""
    parameters = tracker.line.parameters
    _check_words(tracker)
    leader = _leader(tracker, tracker, find, backends)
    _check_chain(tracker, leader, find, backends)
    if leader.line.parameters.track and leader.server.tracks is None:
        link(checks, leader, find, backends)
    if tracker.conditional != leader.conditional:
        name = leader.server.route.decode()
        raise tracker.wrong(f"unable to use {name} for tracking: disable-on-404 option inconsistency.")
    checks.follow(tracker.backend, tracker.server, leader.server, parameters, tracker.tell)


def link_added(live: Live, server: LiveServer, line: ServerLine, attached: bool) -> None:
    """The same for a server that comes at run time: whom it may track is there. ConfigError: it cannot."""
    backends = {backend.name.decode(): backend for backend in live.backends}
    backend = server.backend
    own = Tracker(backend, server, line, EventLogger(live.loggers[id(backend)]), _conditional(live, backend))
    parameters = line.parameters
    _check_words(own)
    name, slash, wanted = parameters.track.rpartition("/")
    found = backends.get(name if slash else backend.name.decode())
    if found is None:
        raise own.wrong(f"unable to find required proxy '{name}' for tracking.")
    leader = found.find(wanted.encode("utf-8", "surrogateescape"))
    if leader is None or leader is server:
        raise own.wrong(f"unable to find required server '{wanted}' for tracking.")
    last = leader
    while last.tracks is not None:
        last = last.tracks
    if not last.checked and not last.agent:
        route = leader.route.decode()
        raise own.wrong(f"unable to use {route} for tracking as it does not have any check nor agent enabled.")
    if own.conditional != _conditional(live, leader.backend):
        route = leader.route.decode()
        raise own.wrong(f"unable to use {route} for tracking: disable-on-404 option inconsistency.")
    assert live.health is not None
    live.health.follow(backend, server, leader, parameters, own.tell, attached)


def _check_words(tracker: Tracker) -> None:
    """What its line says must not contradict what it tracks."""
    if tracker.line.parameters.check:
        raise tracker.wrong("unable to enable checks and tracking at the same time!")
    if tracker.line.parameters.init_state != "none":
        raise tracker.wrong("unable to set init-state and tracking at the same time!")


def _conditional(live: Live, backend: Backend) -> bool:
    return flag(live.sections[id(backend)], "disable-on-404")


def _leader(tracker: Tracker, asked: Tracker, find: Find, backends: set[str]) -> Tracker:
    """Whom it names. `asked`: whose line an error is about."""
    backend, slash, name = tracker.line.parameters.track.rpartition("/")
    if not slash:
        backend = tracker.backend.name.decode()
    if backend not in backends:
        raise asked.wrong(f"unable to find required proxy '{backend}' for tracking.")
    found = find(backend, name)
    if found is None:
        raise asked.wrong(f"unable to find required server '{name}' for tracking.")
    return found


def _check_chain(tracker: Tracker, leader: Tracker, find: Find, backends: set[str]) -> None:
    """Whoever is at its end is checked, or has an agent; and it has an end."""
    seen = [tracker.server]
    last = leader
    while last.line.parameters.track and last.server not in seen:
        seen.append(last.server)
        last = _leader(last, tracker, find, backends)
    name = leader.server.route.decode()
    if last.server in seen:
        own = tracker.server.route.decode()
        raise tracker.wrong(f"unable to track {name} as it belongs to a tracking chain looping back to {own}.")
    if not last.line.parameters.check and not last.line.parameters.agent_check:
        raise tracker.wrong(f"unable to use {name} for tracking as it does not have any check nor agent enabled.")
