"""Timeouts and limits that hold for an exchange, each with the line that says so."""

from collections.abc import Mapping

from pointsman.config.proxy import ProxyNumber
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Section
from pointsman.config.timeouts import Timeout
from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.sample.context import Context
from pointsman.sample.limits import TIME_NAMES
from pointsman.server.backend import LiveServer
from pointsman.stream.proxies import BackendProxy
from pointsman.verbs.explain.model import Limit
from pointsman.verbs.explain.words import shown, time_text

OF_FRONTEND = ("client", "client-fin", "http-request", "http-keep-alive")
OF_BACKEND = ("connect", "queue", "server", "server-fin", "tunnel", "tarpit")


def limits_of(
    front: Section,
    back: Section | None,
    backend: BackendProxy | None,
    server: LiveServer | None,
    context: Context,
    said: Mapping[str, Position],
) -> tuple[Limit, ...]:
    """`said`: of rules that have changed one, the places."""
    found = [one for name in OF_FRONTEND for one in _timeout(front, name, context, said)]
    found += _number(front, "maxconn", "maxconn of the frontend")
    if back is None:
        found += _timeout(front, "tarpit", context, said)
        return tuple(found)
    found += [one for name in OF_BACKEND for one in _timeout(back, name, context, said)]
    limits = context.limits
    if limits is not None and limits.retries >= 0:
        found.append(Limit(name="retries", value=str(limits.retries), at=said.get("retries", NOWHERE)))
    elif backend is not None:
        given = _number(back, "retries", "retries")
        found += given or [Limit(name="retries", value=str(backend.retries))]
    found += _number(back, "fullconn", "fullconn")
    if server is not None:
        at = next((line.at for line in back.all(ServerLine) if line.name == shown(server.name)), NOWHERE)
        for name, value in (("maxconn", server.maxconn), ("minconn", server.minconn), ("maxqueue", server.maxqueue)):
            if value:
                found.append(Limit(name=f"{name} of the server", value=str(value), at=at))
    return tuple(found)


def _timeout(section: Section, name: str, context: Context, said: Mapping[str, Position]) -> list[Limit]:
    index = TIME_NAMES.get(name)
    limits = context.limits
    if index is not None and limits is not None and limits.times[index]:
        return [Limit(name=f"timeout {name}", value=time_text(limits.times[index]), at=said.get(name, NOWHERE))]
    found = section.one(Timeout, name)
    if found is None or not found.milliseconds:
        return []
    return [Limit(name=f"timeout {name}", value=time_text(found.milliseconds), at=found.at)]


def _number(section: Section, word: str, name: str) -> list[Limit]:
    found = section.one(ProxyNumber, word)
    return [Limit(name=name, value=str(found.value), at=found.at)] if found is not None else []
