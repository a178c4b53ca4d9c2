"""Where a stream goes: use_backend rules, default_backend, use-server rules (manual 4.2).

Many rules of one shape (`use_backend x if { path_beg /x/ }`, `if { hdr(host) -i x.example }`) cost one look-up and not
a test each: RouteTable keeps an index for each expression that many of them ask (sample/index.py), which tells the
rules that may hold; the others are tested in their places.
"""

from typing import Final

from pointsman.sample.acl import Acl
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context
from pointsman.sample.index import Index
from pointsman.sample.trace import RouteRecord, Trace
from pointsman.server.backend import LiveServer
from pointsman.stream.proxies import PLAIN, BackendProxy, Frontend, Route, Routes

FEW: Final = 4  # rules that ask one expression: fewer are tested one by one


class RouteTable(Routes):
    """The use_backend rules of a frontend."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = routes
        self.indexes: list[Index] = []
        self.asks = 0  # what the indexes read
        self.others: list[int] = []  # the places of rules that no index knows
        self.whole: list[bool] = []  # by place: what the index says of the rule is all of its condition
        found = [_keys(route) for route in routes]
        counts: dict[str, int] = {}
        for acls in found:
            for key in {acl.expression.key for acl in acls}:
                counts[key] = counts.get(key, 0) + 1
        groups: dict[str, list[tuple[Acl, int]]] = {}
        for place, acls in enumerate(found):
            indexed = bool(acls) and all([counts[acl.expression.key] >= FEW for acl in acls])
            self.whole.append(indexed and _is_whole(routes[place].condition))
            if not indexed:
                self.others.append(place)
                continue
            for acl in acls:
                groups.setdefault(acl.expression.key, []).append((acl, 1 << place))
                self.asks |= acl.reads
        for members in groups.values():
            self.indexes.append(Index(members[0][0].expression, members))

    def first(self, context: Context) -> Route | None:
        """The first rule that holds."""
        bits = 0
        for index in self.indexes:
            bits |= index.bits(context)
        context.asked |= self.asks
        routes = self.routes
        place = (bits & -bits).bit_length() - 1 if bits else len(routes)
        for other in self.others:
            while place < other:
                if self.whole[place] or routes[place].holds(context):
                    return routes[place]
                bits &= bits - 1
                place = (bits & -bits).bit_length() - 1 if bits else len(routes)
            if routes[other].holds(context):
                return routes[other]
        while place < len(routes):
            if self.whole[place] or routes[place].holds(context):
                return routes[place]
            bits &= bits - 1
            place = (bits & -bits).bit_length() - 1 if bits else len(routes)
        return None


def _keys(route: Route) -> list[Acl]:
    """ACLs of which one must hold if the rule does; none: it has to be tested."""
    condition = route.condition
    if condition is None or route.negated:
        return []
    found: list[Acl] = []
    for terms in condition.alternatives:
        for term in terms:
            if not term.negated and term.usable and all([Index.takes(acl) for acl in term.usable]):
                found += term.usable
                break
        else:
            return []
    return found


def _is_whole(condition: Condition | None) -> bool:
    return condition is not None and all([len(terms) == 1 for terms in condition.alternatives])


def pick_backend(frontend: Frontend, context: Context) -> BackendProxy | None:
    """The first use_backend rule that holds, else the default backend. A computed name that no backend has falls back
    to the default backend. Rules that name a backend which is not published do not count."""
    table = frontend.routes
    if table is None:
        table = frontend.routes = RouteTable(frontend.use_backend)
    route = table.first(context)
    found = frontend.default_backend
    if route is not None:
        if route.name is None:
            found = route.target
        else:
            context.asked |= route.name.reads
            found = frontend.backends.get(route.name.render(context), found)
    if found is not None and not found.published and found is not frontend.twin:
        return _pick_published(frontend, context, found)
    return found


def _pick_published(frontend: Frontend, context: Context, first: BackendProxy) -> BackendProxy | None:
    """Where the first choice is not published: that one all the same under force-be-switch, else the next rule counts.
    Without any other a listen section serves by itself (manual 4.2, use_backend)."""
    for switch in frontend.forced_switches:
        if switch.holds(context):
            return first
    for route in frontend.use_backend:
        if route.holds(context):
            found = route.target
            if route.name is not None:
                context.asked |= route.name.reads
                found = frontend.backends.get(route.name.render(context))
                if found is None:
                    break
            if found is not None and (found.published or found is frontend.twin):
                if context.decided_by is not None:
                    context.decided_by.route = route.at
                return found
    if context.decided_by is not None:
        context.decided_by.route = None
    default = frontend.default_backend
    return default if default is not None and default.published else frontend.twin


def explain_backend(frontend: Frontend, context: Context, trace: Trace) -> BackendProxy | None:
    """What `pick_backend` says, each rule tested in its turn and recorded, the default backend last."""
    forced = False
    for route in frontend.use_backend:
        record = route.explain(context)
        trace.add(record)
        if record.holds:
            found = route.target if route.name is None else frontend.backends.get(record.name or b"")
            if found is None:
                if route.name is None:
                    return None
                break
            if found.published or found is frontend.twin:
                return found
            forced = forced or _explain_forced(frontend, context, trace)
            if forced:
                return found
    default = frontend.default_backend
    if default is None:
        return frontend.twin
    trace.add(RouteRecord(frontend.default_at, None, False, True, (), default.name))
    if default.published or default is frontend.twin or _explain_forced(frontend, context, trace):
        return default
    return frontend.twin


def _explain_forced(frontend: Frontend, context: Context, trace: Trace) -> bool:
    """What force-be-switch rules say, each recorded."""
    for switch in frontend.forced_switches:
        record = switch.explain(context)
        trace.add(record)
        if record.holds:
            return True
    return False


def pick_server(backend: BackendProxy, context: Context, persistence: int = PLAIN) -> LiveServer | None:
    """The server of the first use-server rule that holds, if it is up, or used though it is down
    (`BackendProxy.honours`); else None: persistence or the algorithm decides."""
    for route in backend.use_server:
        if route.condition is None or route.condition.test(context) != route.negated:
            server = route.target if route.name is None else backend.find(route.name.render(context))
            if server is None:
                return None  # a name that no server has ends the list (observed of the peer program)
            if backend.honours(server, persistence):
                return server
    return None


def explain_server(
    backend: BackendProxy, context: Context, trace: Trace, persistence: int = PLAIN
) -> LiveServer | None:
    """What `pick_server` says, each rule recorded."""
    for route in backend.use_server:
        record = route.explain(context)
        trace.add(record)
        if record.holds:
            server = route.target if route.name is None else backend.find(record.name or b"")
            if server is None:
                return None
            if backend.honours(server, persistence):
                return server
    return None
