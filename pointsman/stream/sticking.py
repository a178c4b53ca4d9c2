"""Sticking: where stick rules stand in the decision about an exchange (manual 4.2, stick).

      request    in the order of the lines: who matches asks the table for a server, if none is named yet; who stores
                 notes what its table is to learn
      connected (TCP mode), or the response's head is here (HTTP): store-response rules note the rest, before any rule
                 about responses, and the tables learn which server it was

So a table never learns a server that nobody could connect to, or that gave no answer; after a redispatch or a retry it
learns the last one. A server with `non-stick` is not learned.
"""

from dataclasses import replace

from pointsman.config.verdict import WAIT
from pointsman.rules.plan import MOVING
from pointsman.sample.trace import RouteRecord, Trace
from pointsman.server.backend import LiveServer
from pointsman.stream.entries import NEXT, Deciding, Entry
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.stick_rules import MOST_STORES, StickRule, StickServers, Store, learns


class Sticking(Entry):
    """Those that look at requests."""

    name = "stick"

    def __init__(self, backend: BackendProxy) -> None:
        self.backend = backend
        self.rules = [rule for rule in backend.stick_rules if not rule.response]
        self.servers = StickServers(backend.servers)
        self.roster = backend.roster  # the state of that

    def decide(self, one: Deciding) -> int:
        context = one.context
        context.asked |= MOVING  # whatever tables say
        if self.roster != self.backend.roster:
            self.roster = self.backend.roster
            self.servers = StickServers(self.backend.servers)
        known = 0 if one.trace is None else len(one.trace.records)
        context.may_wait = one.waits
        stores: list[Store] = []
        named = one.forced
        for rule in self.rules:
            if rule.stores and learns(stores, rule.table) or not rule.stores and named is not None:
                continue
            key = _key(rule, one)
            if context.need is not None:
                break
            if key is None:
                continue
            if rule.matches and named is None:
                found = rule.find(key, self.servers, context.now, one.trace is None)
                if found is not None and self.backend.honours(found, one.persistence):
                    named = found
                    if one.trace is not None:
                        _say_who(one.trace, found)
            if rule.stores and len(stores) < MOST_STORES:
                stores.append(Store(rule, key))
        context.may_wait = False
        if context.need is not None:
            if one.trace is not None:
                del one.trace.records[known:]  # they are looked at again
            return WAIT
        one.forced = named
        one.stores = stores
        return NEXT


class Learning(Entry):
    """Those that look at responses, and what tables learn of both."""

    name = "stick"

    def __init__(self, backend: BackendProxy) -> None:
        self.rules = [rule for rule in backend.stick_rules if rule.response]

    def decide(self, one: Deciding) -> int:
        context = one.context
        context.asked |= MOVING  # the next one is learned, too
        server = context.server
        if not isinstance(server, LiveServer):
            return NEXT
        known = 0 if one.trace is None else len(one.trace.records)
        context.may_wait = one.waits
        stores: list[Store] = []
        for rule in self.rules:
            if len(one.stores) + len(stores) >= MOST_STORES:
                break
            if learns(stores, rule.table):
                continue
            key = _key(rule, one)
            if context.need is not None:
                break
            if key is not None:
                stores.append(Store(rule, key))
        context.may_wait = False
        if context.need is not None:
            if one.trace is not None:
                del one.trace.records[known:]
            return WAIT
        if one.trace is None and server.sticks:
            for store in one.stores + stores:
                store.rule.learn(store.key, server, context.now)
        one.stores = []
        return NEXT


def _key(rule: StickRule, one: Deciding) -> bytes | None:
    """The key of a rule whose condition holds."""
    context = one.context
    trace = one.trace
    if trace is None:
        if not rule.holds(context) or context.need is not None:
            return None
        return rule.key(context)
    key, record = rule.explained_key(context)
    trace.add(record)
    return key


def _say_who(trace: Trace, server: LiveServer) -> None:
    """The rule of the last record names it."""
    record = trace.records[-1]
    assert isinstance(record, RouteRecord)
    trace.records[-1] = replace(record, name=server.name)
