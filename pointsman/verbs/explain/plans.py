"""The plans of decisions with watches in them (witness.py). What they decide is what they decide without."""

from pointsman.stream.decision import IN_BACKEND, REQUEST, RESPONSE, Entries
from pointsman.stream.entries import Entry
from pointsman.stream.proxies import BackendProxy, Frontend, Plan
from pointsman.verbs.explain.witness import Begin, Watch
from pointsman.verbs.explain.words import shown


class Plans:
    """Those that have watches, made once. Proxies have them from `watch_frontend` and `watch_backend` until `leave`."""

    def __init__(self) -> None:
        self.frontends: dict[bytes, Entries] = {}
        self.backends: dict[bytes, Entries] = {}
        self.before: list[tuple[Frontend | BackendProxy, Plan | None]] = []

    def watch_frontend(self, frontend: Frontend) -> Entries:
        plan = self.frontends.get(frontend.name)
        if plan is None:
            entries = [entry for one in REQUEST for entry in one(frontend)]
            plan = self.frontends[frontend.name] = Entries(_watched(entries, title(frontend)), frontend.places)
        if frontend.plan is not plan:
            self.before.append((frontend, frontend.plan))
            frontend.plan = plan
        return plan

    def watch_backend(self, frontend: Frontend, backend: BackendProxy) -> None:
        """The backend's, and that of the responses that this frontend gets of it."""
        plan = self.backends.get(backend.name)
        if plan is None:
            entries = [entry for one in IN_BACKEND for entry in one(backend)]
            plan = self.backends[backend.name] = Entries(_watched(entries, title(backend)), backend.places)
        if backend.plan is not plan:
            self.before.append((backend, backend.plan))
            backend.plan = plan
        responses = self.watch_frontend(frontend).responses
        if backend.name not in responses:
            places = {**frontend.places, **backend.places}
            both = [
                (title(proxy), entry)
                for one, proxy in zip(RESPONSE, _whose(frontend, backend), strict=True)
                for entry in one(frontend, backend)
            ]
            watched = [watch for proxy, entry in both for watch in _watched([entry], proxy)]
            responses[backend.name] = Entries(watched, places).first

    def leave(self) -> None:
        """Traffic has its own ones again."""
        before, self.before = self.before, []
        for proxy, plan in before:
            proxy.plan = plan


def title(proxy: Frontend | BackendProxy) -> str:
    kind = "frontend" if isinstance(proxy, Frontend) else "backend"
    return f"{kind} '{shown(proxy.name)}'"


def _watched(entries: list[Entry], proxy: str) -> list[Entry]:
    return [part for entry in entries for part in (Begin(entry, proxy), entry, Watch(entry, proxy))]


def _whose(frontend: Frontend, backend: BackendProxy) -> list[Frontend | BackendProxy]:
    """Of each of RESPONSE, the proxy whose it is."""
    return [frontend if "frontend" in one.__name__ or "capture" in one.__name__ else backend for one in RESPONSE]
