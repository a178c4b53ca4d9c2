"""Persistence: which server an exchange goes to because its client has been there before (manual 4.2).

What names a server, a cookie or an entry of a stick table, is an entry of the decision that sets `Deciding.forced` if
nobody before it has: use-server rules come first, then the cookie, then stick rules. Whether that server is used is
asked in one place, `BackendProxy.honours`: one that is up always is, also while it is drained; one that is down only
under `option persist`, or where a force-persist rule holds. Where an ignore-persist rule holds, nobody is named
(`ignores`). Of these rules the first one that holds counts; they are the entry in this file, before all the others.

A server that was named and cannot be reached is left for another one under `option redispatch`, which force-persist
forbids (`Exchange.may_redispatch`).
"""

from pointsman.config.verdict import WAIT
from pointsman.proto.rdp_cookie import find_rdp_cookie, named_server
from pointsman.rules.plan import MOVING
from pointsman.server.backend import LiveServer
from pointsman.stream.entries import NEXT, Deciding, Entry
from pointsman.stream.proxies import IGNORED, PLAIN, PersistRule


class PersistRules(Entry):
    """force-persist and ignore-persist. The rules know their places."""

    name = "force-persist"

    def __init__(self, rules: list[PersistRule]) -> None:
        self.rules = rules

    def decide(self, one: Deciding) -> int:
        context = one.context
        trace = one.trace
        known = 0 if trace is None else len(trace.records)
        context.may_wait = one.waits
        one.persistence = PLAIN
        for rule in self.rules:
            if trace is None:
                holds = rule.holds(context)
            else:
                record = rule.explain(context)
                trace.add(record)
                holds = record.holds
            if context.need is not None:
                break
            if holds:
                context.asked |= MOVING  # what is remembered of an exchange knows nothing of it
                one.persistence = rule.says
                break
        context.may_wait = False
        if context.need is None:
            return NEXT
        if trace is not None:
            del trace.records[known:]  # they are looked at again
        return WAIT


def ignores(one: Deciding) -> bool:
    """An ignore-persist rule holds."""
    return one.persistence == IGNORED


class RdpCookie(Entry):
    """persist rdp-cookie: the server that the first bytes of a connection name by its address. As in the peer program,
    ignore-persist does not hold for it."""

    name = "persist rdp-cookie"

    def __init__(self, cookie: bytes, servers: list[LiveServer]) -> None:
        self.cookie = cookie
        self.servers = servers

    def decide(self, one: Deciding) -> int:
        context = one.context
        backend = one.backend
        assert backend is not None
        context.asked |= MOVING
        value = find_rdp_cookie(context.request_bytes, self.cookie).value if one.forced is None else None
        address = named_server(value) if value is not None else None
        if address is not None:
            target = (address.text.decode(), address.port)
            for server in self.servers:
                if server.dial.target == target:
                    if backend.honours(server, one.persistence):
                        one.forced = server
                    break
        return NEXT
