"""Backends that are added and deleted at run time: what is said, what is there, and what is left of them."""

import asyncio
from collections.abc import Iterator

import pytest
from admin_stand import Stand, stand

from pointsman.admin.rows import Selection, rows
from pointsman.assemble.added import AddedServers
from pointsman.tables.changes import CHANGES, Change

TEXT = """
global
    stats socket /nowhere/sock level admin
defaults usual
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 3s
    balance leastconn
    option redispatch
    default-server maxconn 7
defaults plain
    timeout connect 1s
defaults ruled from usual
    http-request set-header x-from ruled
    http-request deny if { nbsrv(spare) lt 0 }
defaults early from usual
    tcp-request connection accept
defaults wrong from usual
    http-request deny if { nbsrv(nowhere) lt 0 }
defaults static from usual
    balance static-rr
frontend web from usual
    bind 127.0.0.1:1
    use_backend app if { path /app }
    use_backend %[path,field(2,/)]
backend app from usual
    default-server weight 9
    default-server name big weight 100
    server s1 127.0.0.1:81
backend spare from plain
    mode tcp
    be-unpublished
backend counted from plain
    mode tcp
    be-unpublished
    stick-table type ip size 1k store gpc0
backend loose from usual
    be-unpublished
    server s1 127.0.0.1:81
listen both from usual
    bind 127.0.0.1:2
    be-unpublished
"""
GOOD = "New backend registered.\n"
GONE = "Backend deleted.\n"
USAGE = "Usage: add backend <name> from <defproxy> [mode <mode>] [guid <guid>]"


@pytest.fixture
def here() -> Iterator[Stand]:
    with stand(TEXT) as made:
        yield made


def follower(here: Stand) -> AddedServers:
    found = here.view.added
    assert isinstance(found, AddedServers)
    return found


def names(here: Stand) -> list[str]:
    return here.ask("show backend").split()[2:]


COMPLAINTS = [
    ("add backend", USAGE),
    ("add backend b", USAGE),
    ("add backend b from", USAGE),
    ("add backend b mode http", USAGE),
    ("add backend b from usual from usual", USAGE),
    ("add backend b from usual colour blue", USAGE),
    ("add backend nosuch/nosuch", "Invalid character '/' in backend name."),  # as 3.5 was seen to say
    ("add backend a/b from usual", "Invalid character '/' in backend name."),
    ("add backend b! from usual", "Invalid character '!' in backend name."),
    ("add backend b from none", "No such default proxy 'none'."),
    ("add backend b from plain", "Mode is required as 'plain' default proxy does not explicitly defines it."),
    ("add backend b from plain mode log", "Mode 'log' is not supported for a backend that is added: say tcp or http."),
    ("add backend app from usual", "Name 'app' is already used by another proxy."),
    ("add backend web from usual", "Name 'web' is already used by another proxy."),
    ("add backend b from usual guid a/b", "'guid': invalid value 'a/b'"),
    ("add backend b from early", "a backend section cannot inherit from a defaults section defining"),
    ("add backend b from wrong", "unable to find backend 'nowhere'"),
    ("del backend", "A backend name is expected."),
    ("del backend none", "No such backend."),
    ("del backend web", "No such backend."),
    (
        "del backend app",
        "This backend cannot be removed at runtime due to other configuration elements pointing to it.",
    ),
    ("del backend spare", "This backend cannot be removed at runtime due to other configuration elements pointing to"),
    ("del backend counted", "Backends with a stick-table cannot be removed at runtime."),
    ("del backend loose", "Backend still has servers, remove them first."),
    ("del backend both", "Only backends can be removed: this proxy is a frontend as well."),
    ("wait 1h be-removable", "Missing backend name (<px>)."),
    ("wait 1h be-removable none", "Failed.\nNo such backend."),
    ("wait 1h be-removable loose", "Failed.\nBackend still has servers, remove them first."),
    ("show default-server none", "No such backend."),
]


@pytest.mark.parametrize(("line", "text"), COMPLAINTS, ids=[line for line, _ in COMPLAINTS])
def test_what_is_complained_of(here: Stand, line: str, text: str) -> None:
    before, locks = names(here), len(here.live.process.arena.locks)
    assert here.ask(line).startswith(text)
    assert names(here) == before
    assert (len(here.live.process.arena.locks), len(here.live.sections)) == (locks, len(here.live.backends) + 2)
    assert here.ask("add backend good from usual") == GOOD  # nothing is left of what went wrong


def test_what_there_is_to_add_from(here: Stand) -> None:
    assert here.ask("show defaults").split() == ["usual", "plain", "ruled", "early", "wrong", "static"]
    assert here.ask("show default-server").split() == [
        *("be:app", "srv:app/big", "be:loose", "be:both"),  # that of the defaults section where they say nothing more
    ]
    assert here.ask("show default-server app").split() == ["be:app", "srv:app/big"]
    assert here.ask("show default-server spare") == ""
    assert here.ask("add server loose/x 127.0.0.1:1 from srv:app/big") == "New server registered.\n"
    assert here.server("loose", "x").weight == 100


def test_a_new_backend_has_what_its_defaults_say_and_no_traffic(here: Stand) -> None:
    assert here.ask("add backend new from ruled guid one") == GOOD
    assert names(here)[-1] == "new"
    proxy = here.view.back("new")
    assert proxy is not None and proxy.back is not None
    backend = proxy.back.backend
    assert (proxy.number, proxy.http, backend.published, proxy.back.algorithm) == (8, True, False, "leastconn")
    assert (backend.server_time, backend.redispatch) == (3000, -1)
    assert len(backend.http_request) == 2
    assert backend.counters in here.live.every_counters()
    assert "\nnew,BACKEND," in here.ask("show stat")
    assert here.live.frontends[0].backends[b"new"] is backend  # to names that are computed
    assert here.ask("add backend other from usual guid one") == "'guid': duplicate entry with 'new'.\n"
    assert here.ask("publish backend new") == "Backend published.\n"
    assert backend.published


def test_servers_of_a_new_backend(here: Stand) -> None:
    here.ask("add backend new from usual")
    here.ask("add backend still from static")
    assert here.ask("add server still/x 127.0.0.1:1").startswith("Backend must use a dynamic load balancing")
    assert here.ask("add server new/x 127.0.0.1:1 check inter 1h from srv:big").startswith("unknown keyword 'from'")
    assert here.ask("add server new/x 127.0.0.1:1 from be: check inter 1h") == "New server registered.\n"
    assert here.server("new", "x").maxconn == 7
    assert here.ask("enable server new/x") == ""
    assert here.server("new", "x").usable
    assert here.ask("del backend new") == "Backend still has servers, remove them first.\n"
    here.ask("disable server new/x")
    here.ask("del server new/x")
    assert here.ask("wait 1h be-removable new") == "Done.\n"
    assert here.ask("del backend new") == GONE


def test_one_that_is_published_or_in_use_stays(here: Stand) -> None:
    here.ask("add backend new from usual")
    here.ask("publish backend new")
    assert here.ask("del backend new") == "Backend must be unpublished prior to its deletion.\n"
    here.ask("unpublish backend new")
    backend = here.live.backends[-1]
    backend.counters.enter()
    assert here.ask("del backend new") == "Backend still has streams attached to it, cannot remove it.\n"
    assert here.ask("wait 1ms be-removable new") == "Wait delay expired.\n"
    backend.counters.leave()
    assert here.ask("del backend new") == GONE


def test_a_backend_of_the_file_that_nothing_names(here: Stand) -> None:
    here.ask("disable server loose/s1")
    assert here.ask("del server loose/s1") == "Server deleted.\n"
    assert here.ask("del backend loose") == GONE
    assert "loose" not in names(here)
    assert here.ask("add backend loose from usual mode tcp") == GOOD
    assert here.ask("add backend loose from usual") == "Name 'loose' is already used by another proxy.\n"


def test_many_after_each_other_leave_nothing(here: Stand) -> None:
    live, made = here.live, follower(here)

    def there() -> list[int]:
        known = (live.backends, live.sections, live.loggers, live.check_plans, live.names.backends, here.view.proxies)
        more = (live.process.arena.locks, live.frontends[0].backends, live.every_counters(), CHANGES.snapshot())
        return [len(one) for one in (*known, *more)]

    here.ask("add backend b from usual")
    here.ask("del backend b")
    before = there()
    for number in range(40):
        assert here.ask(f"add backend b{number} from ruled guid g{number}") == GOOD
        here.ask(f"publish backend b{number}")
        here.ask(f"enable dynamic-cookie backend b{number}")
        here.ask(f"unpublish backend b{number}")
        assert here.ask(f"del backend b{number}") == GONE
    assert there() == before
    assert made.reserve.arena.cells.load(made.reserve.touched) == 1 and not made.reserve.used


def test_the_same_in_another_process(here: Stand) -> None:
    here.ask("add backend gone from usual")
    here.ask("add backend new from usual")
    here.ask("add server new/x 127.0.0.1:1 weight 3")
    here.ask("publish backend new")
    old: list[Change] = list(follower(here).snapshot())
    here.ask("del backend gone")
    here.ask("disable server loose/s1")
    here.ask("del server loose/s1")
    here.ask("del backend loose")
    new: list[Change] = list(follower(here).snapshot())
    with stand(TEXT) as other:
        for change in [*old, *new, *new]:
            follower(other).apply(change)
        assert names(other) == names(here) == ["app", "spare", "counted", "both", "new"]
        proxy = other.view.back("new")
        assert proxy is not None and proxy.back is not None and proxy.back.backend.published
        assert other.server("new", "x").initial_weight == 3


def test_what_is_drawn_of_those_that_come_and_go(here: Stand) -> None:
    history = here.writer.history
    here.ask("add backend new from usual")
    asyncio.run(history.sample())
    first = here.live.backends[-1].number
    assert history.tracks[first].proxy.name == "new"
    here.ask("del backend new")
    asyncio.run(history.sample())
    assert first not in history.tracks
    here.ask("add backend other from usual")
    here.live.backends[-1].counters.requests += 5
    asyncio.run(history.sample())
    assert here.live.backends[-1].number == first and history.tracks[first].proxy.name == "other"
    here.live.backends[-1].counters.requests += 5
    asyncio.run(history.sample())
    assert len(history.tracks[first].requests.recent()) == 1


def test_who_looks_in_slices_sees_what_was_there(here: Stand) -> None:
    """Rows are asked for one by one; backends and servers come and go between two of them."""
    here.ask("add backend new from usual")
    for name in "abc":
        here.ask(f"add server new/{name} 127.0.0.1:1")
    found = rows(here.view, Selection())
    seen: list[str] = []
    for row in found:
        seen.append(f"{row.get('pxname')}/{row.get('svname')}")
        if seen[-1] == "new/a":
            here.ask("del server new/a")
            here.ask("add backend later from usual")
    assert seen[-4:] == ["new/a", "new/b", "new/c", "new/BACKEND"]
