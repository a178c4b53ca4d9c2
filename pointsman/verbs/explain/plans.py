"""The plans of decisions with watches in them (witness.py). What they decide is what they decide without."""

from pointsman.stream.decision import IN_BACKEND, REQUEST, RESPONSE, Entries
from pointsman.stream.entries import Entry
from pointsman.stream.proxies import BackendProxy, Frontend
from pointsman.verbs.explain.witness import Begin, Watch
from pointsman.verbs.explain.words import shown


def watch_frontend(frontend: Frontend) -> Entries:
    """Its plan, made once."""
    if not isinstance(frontend.plan, Entries):
        entries = [entry for one in REQUEST for entry in one(frontend)]
        frontend.plan = Entries(_watched(entries, title(frontend)), frontend.places)
    return frontend.plan


def watch_backend(frontend: Frontend, backend: BackendProxy) -> None:
    """That of a backend, and of the responses that this frontend gets of it."""
    if backend.plan is None:
        entries = [entry for one in IN_BACKEND for entry in one(backend)]
        backend.plan = Entries(_watched(entries, title(backend)), backend.places)
    responses = watch_frontend(frontend).responses
    if backend.name not in responses:
        places = {**frontend.places, **backend.places}
        both = [
            (title(proxy), entry)
            for one, proxy in zip(RESPONSE, _whose(frontend, backend), strict=True)
            for entry in one(frontend, backend)
        ]
        watched = [watch for proxy, entry in both for watch in _watched([entry], proxy)]
        responses[backend.name] = Entries(watched, places).first


def title(proxy: Frontend | BackendProxy) -> str:
    kind = "frontend" if isinstance(proxy, Frontend) else "backend"
    return f"{kind} '{shown(proxy.name)}'"


def _watched(entries: list[Entry], proxy: str) -> list[Entry]:
    return [part for entry in entries for part in (Begin(entry, proxy), entry, Watch(entry, proxy))]


def _whose(frontend: Frontend, backend: BackendProxy) -> list[Frontend | BackendProxy]:
    """Of each of RESPONSE, the proxy whose it is."""
    return [frontend if "frontend" in one.__name__ or "capture" in one.__name__ else backend for one in RESPONSE]
