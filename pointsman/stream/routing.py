"""Where a stream goes: use_backend rules, default_backend, use-server rules (manual 4.2)."""
from pointsman.sample.context import Context
from pointsman.server.backend import LiveServer
from pointsman.stream.proxies import BackendProxy, Frontend


def pick_backend(frontend: Frontend, context: Context) -> BackendProxy | None:
    """The first use_backend rule that holds, else the default backend. A computed name that no backend has falls back
    to the default backend."""
    for route in frontend.use_backend:
        context.asked |= route.asks
        if route.condition is None or route.condition.test(context) != route.negated:
            if route.name is None:
                return route.target
            found = frontend.backends.get(route.name.render(context))
            return found if found is not None else frontend.default_backend
    return frontend.default_backend


def pick_server(backend: BackendProxy, context: Context) -> LiveServer | None:
    """The server of the first use-server rule that holds, if it is up; else None: the algorithm decides."""
    for route in backend.use_server:
        if route.condition is None or route.condition.test(context) != route.negated:
            server = route.target if route.name is None else backend.find(route.name.render(context))
            if server is not None and server.up:
                return server
            if route.name is None:
                continue
            return None
    return None
