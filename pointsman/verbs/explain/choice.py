"""Which server, by whom, and why not the others."""

from collections.abc import Mapping
from typing import Final

from pointsman.assemble.live import Live
from pointsman.balance.first import First
from pointsman.balance.hashed import Hashed
from pointsman.balance.leastconn import LeastConn
from pointsman.balance.random_draws import Random
from pointsman.balance.registry import Balance
from pointsman.balance.roundrobin import RoundRobin
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Section
from pointsman.core.address import NetAddress
from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.sample.context import Context
from pointsman.server.backend import LiveServer
from pointsman.server.server import DRAIN, FORCED_MAINT, INHERITED_MAINT, MAINT, RESOLUTION_MAINT, STOPPED, STOPPING
from pointsman.stream.proxies import BackendProxy
from pointsman.verbs.explain.model import Choice, LeftOut
from pointsman.verbs.explain.words import shown

REASONS: Final = {
    "use-server": "the use-server rule names it",
    "cookie": "the persistence cookie of the request names it",
    "stick": "the stick table knows the key of this request",
    "persist rdp-cookie": "the RDP cookie names it",
}


def server_places(section: Section) -> Mapping[str, Position]:
    """Where servers stand, by name."""
    return {line.name: line.at for line in section.all(ServerLine)}


def balance_of(section: Section) -> str:
    """ "balance roundrobin"; random is the default."""
    found = section.one(Balance)
    return f"balance {found.text}" if found is not None else "balance random"


def chosen(
    live: Live,
    backend: BackendProxy,
    server: LiveServer | None,
    candidates: list[LiveServer],
    forced_by: tuple[str, Position] | None,
    down: frozenset[str],
    context: Context,
) -> Choice:
    """What is told of it. `candidates`: what a pick could have given."""
    section = live.sections[id(backend)]
    places = server_places(section)
    name = balance_of(section)
    if forced_by is not None:
        name = forced_by[0]
        why = REASONS.get(forced_by[0], "")
        out = [] if server is None else [one for one in backend.servers if one is not server and not one.usable]
    else:
        why = _why(backend, server, context)
        out = [one for one in backend.servers if one not in backend.usable]
    left = tuple(
        LeftOut(name=shown(one.name), at=places.get(shown(one.name), NOWHERE), why=_why_not(backend, one, down))
        for one in out
    )
    if server is None:
        return Choice(name="", at=NOWHERE, address="", algorithm=name, why=_nobody(backend), left_out=left)
    return Choice(
        name=shown(server.name),
        at=places.get(shown(server.name), NOWHERE),
        address=address_of(server, context.destination),
        algorithm=name,
        why=why,
        candidates=tuple(shown(one.name) for one in candidates) if len(candidates) > 1 else (),
        left_out=left,
    )


def address_of(server: LiveServer, destination: NetAddress) -> str:
    """Where it is: "10.0.0.1:80", a path, a name that was not looked up."""
    target = server.dial.target
    if isinstance(target, tuple):
        host, port = str(target[0]), target[1]
        found = server.dial.address(destination) if server.dial.follows else None
        if found is not None:
            host, port = found.text.decode(), found.port
        if server.fqdn:
            host = server.fqdn
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return shown(target) if isinstance(target, bytes) else str(target)


def _nobody(backend: BackendProxy) -> str:
    return "no server of it may be used" if backend.servers else "it has no servers"


def keyless(backend: BackendProxy, context: Context) -> bool:
    """The algorithm hashes, and finds nothing to hash."""
    algorithm = backend.algorithm
    return isinstance(algorithm, Hashed) and algorithm.key.hash(context, algorithm.function) is None


def _why(backend: BackendProxy, server: LiveServer | None, context: Context) -> str:
    algorithm = backend.algorithm
    usable = backend.usable
    if server is None:
        return ""
    if len(usable) == 1:
        return "it is the only one" if len(backend.servers) == 1 else "it is the only one that may be used"
    if isinstance(algorithm, RoundRobin):
        weights = {one.effective for one in usable}
        share = "" if len(weights) == 1 else f" (weight {server.weight} of {sum(one.weight for one in usable)})"
        return f"it is its turn{share}"
    if isinstance(algorithm, LeastConn):
        return "none has fewer connections for its weight, and it has waited longest"
    if isinstance(algorithm, First):
        return "it is the first one with a free slot"
    if isinstance(algorithm, Random):
        return "it was drawn: another request may go to another one"
    if isinstance(algorithm, Hashed):
        if keyless(backend, context):
            return "there is nothing to hash: servers take turns"
        return "the hash leads to it, for the same key always while servers stay the same"
    return "the algorithm has chosen it"


def _why_not(backend: BackendProxy, server: LiveServer, down: frozenset[str]) -> str:
    """Of a server that gets no new work now."""
    admin, state = server.admin, server.state
    if f"{shown(backend.name)}/{shown(server.name)}" in down:
        return "down, as was asked"
    for bits, text in (
        (RESOLUTION_MAINT, "its name has no address"),
        (INHERITED_MAINT, "the server that it tracks is in maintenance"),
        (FORCED_MAINT, "in maintenance (disabled)"),
        (MAINT, "in maintenance"),
        (DRAIN, "draining: it only gets what persists"),
    ):
        if admin & bits:
            return text
    if state == STOPPED:
        return "the server that it tracks is down" if server.tracks is not None else "down: a server-state file says so"
    if state == STOPPING:
        return "it is about to go"
    if server.weight == 0:
        return "its weight is 0: it only gets what persists"
    if server.backup:
        if any(not one.backup for one in backend.usable):
            return "backup: it is used when all others are down"
        return "backup: the first backup is used alone (option allbackups)"
    return "not used"
