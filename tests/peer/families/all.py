"""All families by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from support.scenario import Scenario

from families import (
    acls,
    bad_requests,
    bad_responses,
    bodies,
    both_sides,
    checks,
    connection_faults,
    faults,
    http1_edges,
    keep_alive,
    logs,
    maps,
    proxy_protocol,
    regexes,
    retries,
    reuse,
    routing,
    rules,
    rules_bodies,
    rules_captures,
    rules_ends,
    rules_rewrites,
    rules_room,
    rules_variables,
    rules_waits,
    stats,
    tcp,
    upgrades,
)

FAMILIES: Mapping[str, Sequence[Scenario]] = {
    "keep-alive": keep_alive.SCENARIOS,
    "both-sides": both_sides.SCENARIOS,
    "bodies": bodies.SCENARIOS,
    "upgrades": upgrades.SCENARIOS,
    "bad-requests": bad_requests.SCENARIOS,
    "bad-responses": bad_responses.SCENARIOS,
    "faults": faults.SCENARIOS,
    "connection-faults": connection_faults.SCENARIOS,
    "http1-edges": http1_edges.SCENARIOS,
    "rules": rules.SCENARIOS,
    "rules-bodies": rules_bodies.SCENARIOS,
    "rules-captures": rules_captures.SCENARIOS,
    "rules-ends": rules_ends.SCENARIOS,
    "rules-rewrites": rules_rewrites.SCENARIOS,
    "rules-room": rules_room.SCENARIOS,
    "rules-variables": rules_variables.SCENARIOS,
    "rules-waits": rules_waits.SCENARIOS,
    "acls": acls.SCENARIOS,
    "maps": maps.SCENARIOS,
    "regexes": regexes.SCENARIOS,
    "routing": routing.SCENARIOS,
    "tcp": tcp.SCENARIOS,
    "proxy-protocol": proxy_protocol.SCENARIOS,
    "logs": logs.SCENARIOS,
    "retries": retries.SCENARIOS,
    "reuse": reuse.SCENARIOS,
    "checks": checks.SCENARIOS,
    "stats": stats.SCENARIOS,
}
