"""show resolvers, show stat domain resolvers, clear counters (management manual 9, 9.3). Forms are compared with the
peer program in tests/peer/test_peer_resolvers.py."""

import json
from collections.abc import Iterator

import pytest

from pointsman.admin.commands.resolvers import clear_resolvers, resolvers_statistics
from pointsman.config.resolvers import NameServerLine, ResolversOptions
from pointsman.core.arena import Arena
from pointsman.resolve.families import AUTO
from pointsman.resolve.name_server import COUNT_NX, COUNTERS, OUTDATED, SENT
from pointsman.resolve.resolution import RESOLVERS


@pytest.fixture
def sections() -> Iterator[None]:
    lines = [NameServerLine(name=name, host="127.0.0.1", port=53) for name in ("one", "two")]
    options = [ResolversOptions(name="d", servers=tuple(lines)), ResolversOptions(name="e", servers=(lines[0],))]
    RESOLVERS.make(options, AUTO, Arena(1, 1 << 10))
    server = RESOLVERS.by_name["d"].servers[1]
    for counter, times in ((SENT, 12), (COUNT_NX, 3), (OUTDATED, 1)):
        for _ in range(times):
            server.count(counter)
    yield
    RESOLVERS.by_name = {}


def test_rows(sections: None) -> None:
    assert resolvers_statistics([]).splitlines() == [
        "# id,pid,sent,send_error,valid,update,cname,cname_error,any_err,nx,timeout,refused,other,invalid,too_big,"
        "truncated,outdated,",
        "one,d,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,",
        "two,d,12,0,0,0,0,0,0,3,0,0,0,0,0,0,1,",
        "one,e,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,",
    ]
    clear_resolvers()
    assert resolvers_statistics([]).splitlines()[2] == "two,d,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"


def test_typed_and_json(sections: None) -> None:
    lines = resolvers_statistics(["typed", "desc"]).splitlines()
    assert len(lines) == 3 * (2 + len(COUNTERS))
    assert lines[17] == 'N.0.id:CGP:str:two:"Name of the name server"'
    assert lines[26] == 'N.9.nx:MGP:u64:3:"Responses that there is no such name"'
    found = json.loads(resolvers_statistics(["json"]))
    assert found[1][2] == {
        "field": {"pos": 2, "name": "sent"},
        "tags": {"origin": "Metric", "nature": "Gauge", "scope": "Process"},
        "value": {"type": "u64", "value": 12},
    }
