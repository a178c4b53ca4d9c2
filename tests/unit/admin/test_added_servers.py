"""Servers that are added and deleted at run time: what is said, what is there, and what is left of them."""

import re
from collections.abc import Iterator

import pytest
from admin_stand import Stand, stand

import pointsman.assemble
from pointsman.assemble.added import AddedServers
from pointsman.config.added_server import REFUSED
from pointsman.tables.changes import CHANGES, Change

TEXT = """
global
    stats socket /nowhere/sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend web
    bind 127.0.0.1:1
    acl used srv_conn(app/s2) gt 1
    use_backend other if used
    default_backend app
backend app
    balance roundrobin
    cookie SRV insert dynamic
    dynamic-cookie-key secret
    default-server weight 9 maxconn 3
    default-server name big weight 100
    use-server s3 if { path /three }
    server s1 127.0.0.1:81 weight 2
    server s2 127.0.0.1:82
    server s3 127.0.0.1:83
    server s4 127.0.0.1:84 id 40
backend other
    balance leastconn
    option httpchk
    server o1 127.0.0.1:91 check inter 1h
backend static
    balance static-rr
    server u1 127.0.0.1:92
"""
GOOD = "New server registered.\n"
GONE = "Server deleted.\n"


@pytest.fixture
def here() -> Iterator[Stand]:
    with stand(TEXT) as made:
        yield made


def follower(here: Stand) -> AddedServers:
    found = here.view.added
    assert isinstance(found, AddedServers)
    return found


def names(here: Stand, backend: str = "app") -> list[str]:
    proxy = here.view.back(backend)
    assert proxy is not None and proxy.back is not None
    return [server.name.decode() for server in proxy.back.backend.servers]


def state(here: Stand, backend: str, name: str) -> dict[str, str]:
    _, head, *lines = here.ask(f"show servers state {backend}").splitlines()
    for line in lines:
        row = dict(zip(head.split()[1:], line.split(), strict=True))
        if row["srv_name"] == name:
            return row
    raise AssertionError(f"no {name}")


# What is said. The peer program 3.2 says the same (tests/peer/test_peer_added_servers.py).

COMPLAINTS = [
    ("add server", "Require 'backend/server'."),
    ("add server app", "Require 'backend/server'."),
    ("add server app/", "Require 'backend/server'."),
    ("add server none/x 127.0.0.1:1", "No such backend."),
    ("add server app/x", "'server' expects <name> and <addr>[:<port>] as arguments."),
    ("add server app/s1 127.0.0.1:1", "Already exists a server with the same name in backend."),
    ("add server static/x 127.0.0.1:1", "Backend must use a dynamic load balancing to support dynamic servers."),
    ("add server app/x$ 127.0.0.1:1", "character '$' is not permitted in server name 'x$'."),
    ("add server app/x fd@3", "a file descriptor is not acceptable here in 'fd@3'"),
    ("add server app/x 127.0.0.1:99999", "invalid port '99999'"),
    ("add server app/x 127.0.0.1:1 weigt 3", "unknown keyword 'weigt'; did you mean 'weight'?"),
    ("add server app/x 127.0.0.1:1 id 40", "'id' : custom id 40 already used by server 's4'."),
    ("add server app/x 127.0.0.1:1 from srv:none", "'from' : unknown server or default-server 'none' in 'srv:none'"),
    ("add server app/x 127.0.0.1:1 ssl verify none crt /no.pem", "certificate '/no.pem' is not in memory: "),
    ("add server app/x 127.0.0.1:1 ssl ca-file /no.pem", "'ca-file' : '/no.pem' is not in memory: "),
    ("add server app/x 127.0.0.1:1 ssl", "verify is enabled by default but no CA file specified: "),
    ("add server other/x 127.0.0.1:+80 check", "config: backend 'other': server 'x' has neither service port nor"),
    ("add server app/x 127.0.0.1:1 agent-check check", "server x does not have agent port."),
    ("add server app/x 127.0.0.1:1 sni srv_name,xyz", "sample fetch <srv_name> may not be reliably used here"),
    ("del server", "Require 'backend/server'."),
    ("del server app", "Require 'backend/server'."),
    ("del server none/x", "No such backend."),
    ("del server app/x", "No such server."),
    ("del server app/s1", "Only servers in maintenance mode can be deleted."),
]


@pytest.mark.parametrize(("line", "text"), COMPLAINTS, ids=[line for line, _ in COMPLAINTS])
def test_what_is_complained_of(here: Stand, line: str, text: str) -> None:
    before = names(here), names(here, "other")
    assert here.ask(line).startswith(text)
    assert (names(here), names(here, "other")) == before
    assert here.ask("add server app/x 127.0.0.1:1") == GOOD  # nothing is left of what went wrong


@pytest.mark.parametrize("word", sorted(REFUSED))
def test_words_that_only_files_may_have(here: Stand, word: str) -> None:
    assert here.ask(f"add server app/x 127.0.0.1:1 {word} a") == (
        f"'{word}' option is not accepted for dynamic server\n"
    )


def test_a_value_that_is_spelled_like_such_a_word_is_a_value(here: Stand) -> None:
    assert here.ask("add server app/x 127.0.0.1:1 cookie stick") == GOOD


def test_the_words_that_there_are(here: Stand) -> None:
    first, *listed = here.ask("add server help").splitlines()
    assert first == "List of keywords supported for dynamic server:"
    assert {"check", "weight", "ssl", "maxconn", "from", "source"} <= set(listed)
    assert not REFUSED & set(listed)


# What is there.


def test_a_new_server_is_in_maintenance_and_knows_nothing_of_default_server(here: Stand) -> None:
    assert here.ask("add server app/x 127.0.0.9:8080") == GOOD
    row = state(here, "app", "x")
    assert (row["srv_id"], row["srv_addr"], row["srv_port"]) == ("4", "127.0.0.9", "8080")  # the lowest that is free
    assert (row["srv_op_state"], row["srv_admin_state"], row["srv_uweight"]) == ("0", "1", "1")
    assert here.server("app", "x").maxconn == 0
    assert not here.server("app", "x").usable
    assert here.ask("enable server app/x") == ""
    row = state(here, "app", "x")
    assert (row["srv_op_state"], row["srv_admin_state"]) == ("2", "0")
    assert here.server("app", "x") in here.server("app", "x").backend.usable


@pytest.mark.parametrize(
    ("origin", "weight", "maxconn"),
    [("none", 1, 0), ("be:", 9, 3), ("srv:big", 100, 0), ("srv:s1", 2, 3), ("srv:other/o1", 1, 0)],
)
def test_from(here: Stand, origin: str, weight: int, maxconn: int) -> None:
    assert here.ask(f"add server app/x 127.0.0.9:8080 from {origin}") == GOOD
    server = here.server("app", "x")
    assert (server.weight, server.maxconn) == (weight, maxconn)


def test_a_name_is_not_looked_up(here: Stand) -> None:
    """As in HAProxy: such a server can be added, and has no address (management manual 9.3, add server)."""
    assert here.ask("add server app/x localhost:80") == GOOD
    row = state(here, "app", "x")
    assert (row["srv_addr"], row["srv_port"], row["srv_fqdn"], row["srv_admin_state"]) == ("-", "80", "localhost", "1")


def test_checks_begin_paused(here: Stand) -> None:
    assert here.ask("add server other/x 127.0.0.1:1 check inter 1h rise 5") == GOOD
    row = state(here, "other", "x")
    assert (row["srv_check_state"], row["srv_check_status"], row["srv_check_health"]) == ("2", "1", "0")
    assert here.ask("enable health other/x") == ""
    assert state(here, "other", "x")["srv_check_state"] == "14"  # and in maintenance still
    assert here.ask("enable server other/x") == ""
    assert state(here, "other", "x")["srv_check_state"] == "6"
    server = here.server("other", "x")
    assert here.live.health is not None and server in here.live.health.checkers
    assert (server.checked, server.rise) == (True, 5)
    here.ask("disable server other/x")
    assert here.ask("del server other/x") == GONE
    assert server not in here.live.health.checkers


def test_guids_are_unique(here: Stand) -> None:
    assert here.ask("add server app/x 127.0.0.1:1 guid one") == GOOD
    assert here.ask("add server other/y 127.0.0.1:1 guid one") == "'guid': duplicate entry with 'app/x'.\n"
    assert here.ask("del server app/x") == GONE
    assert here.ask("add server other/y 127.0.0.1:1 guid one") == GOOD


def test_it_has_rows_like_every_server(here: Stand) -> None:
    here.ask("add server app/x 127.0.0.1:1")
    assert re.search("^app,x,", here.ask("show stat"), re.MULTILINE)
    assert "app/x 4/4 127.0.0.1 1 " in here.ask("show servers conn app").replace(" 3/4 ", " 4/4 ")
    server = here.server("app", "x")
    assert server.counters in here.live.every_counters()
    assert server.cookie  # a dynamic one, as its backend has them
    here.ask("del server app/x")
    assert "app,x," not in here.ask("show stat")
    assert server.counters not in here.live.every_counters()


# What is left.


def test_servers_of_the_configuration_can_be_deleted_where_nothing_names_them(here: Stand) -> None:
    for name in ("s1", "s2", "s3"):
        here.ask(f"disable server app/{name}")
    assert here.ask("del server app/s1") == GONE
    refused = "This server cannot be removed at runtime due to other configuration elements pointing to it.\n"
    assert here.ask("del server app/s2") == refused  # an ACL asks for it
    assert here.ask("del server app/s3") == refused  # a use-server rule
    assert here.ask("wait 1h srv-removable app/s3") == f"Failed.\n{refused}"
    assert here.ask("add server app/s1 127.0.0.5:1") == GOOD
    assert state(here, "app", "s1")["srv_addr"] == "127.0.0.5"
    assert state(here, "app", "s1")["srv_id"] == "1"


def test_one_that_is_in_use_stays(here: Stand) -> None:
    here.ask("add server app/x 127.0.0.1:1")
    server = here.server("app", "x")
    server.counters.links += 1
    assert here.ask("del server app/x") == "Server still has connections attached to it, cannot remove it.\n"
    assert here.ask("wait 1ms srv-removable app/x") == "Wait delay expired.\n"
    server.counters.links -= 1
    assert here.ask("wait 1h srv-removable app/x") == "Done.\n"
    assert here.ask("del server app/x") == GONE


def test_what_was_set_of_a_deleted_server_is_not_set_of_its_successor(here: Stand) -> None:
    here.ask("add server app/x 127.0.0.1:1")
    here.ask("set server app/x addr 127.0.0.2")
    assert ["server", "app/x", "addr", "127.0.0.2", 1, False, 0] in CHANGES.snapshot()
    here.ask("del server app/x")
    here.ask("add server app/x 127.0.0.1:1")
    assert not [change for change in CHANGES.snapshot() if change[0] == "server"]


def test_as_many_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointsman.assemble, "ADDED", 3)
    with stand(TEXT) as here:
        for name in "abc":
            assert here.ask(f"add server app/{name} 127.0.0.1:1") == GOOD
        assert here.ask("add server app/d 127.0.0.1:1") == (
            "No more servers can be added at run time: all 3 places are taken.\n"
        )
        assert here.ask("del server app/b") == GONE
        assert here.ask("add server app/d 127.0.0.1:1") == GOOD


def test_many_after_each_other_leave_nothing(here: Stand) -> None:
    made = follower(here)
    before = len(here.live.every_counters())
    for number in range(60):
        assert here.ask(f"add server app/x{number} 127.0.0.1:1 check ssl verify none weight {number}") == GOOD
        assert here.ask(f"del server app/x{number}") == GONE
    assert made.reserve.arena.cells.load(made.reserve.touched) == 1
    assert len(here.live.every_counters()) == before
    assert not made.made and not made.guids and not made.reserve.used
    assert here.live.health is not None and len(here.live.health.checkers) == 1


# Other processes: they make the same from the change, and from a snapshot.

FULL = (
    "add server app/x 127.0.0.1:443 ssl verify none sni str(a.example) check inter 1h rise 4 fall 5 backup weight 7 "
    "cookie c maxconn 12 minconn 2 maxqueue 5 on-marked-down shutdown-sessions slowstart 10s init-state fully-up "
    "agent-check agent-port 99 pool-max-conn 3 send-proxy-v2 proxy-v2-options crc32c "
    "source 127.0.0.2 hash-key addr guid g1 id 77 disabled"
)


def made_of(here: Stand) -> list[bytes]:
    """The cells of all blocks that were ever handed out."""
    reserve = follower(here).reserve
    cells = reserve.arena.cells
    return [cells.read(reserve.place(block), 8 * reserve.size) for block in range(cells.load(reserve.touched))]


def test_who_makes_it_later_finds_its_cells_as_they_are(here: Stand) -> None:
    """With every word that sets a cell: what is written for a new server must not be written once more."""
    assert here.ask(FULL) == GOOD
    for line in (
        "enable server app/x",
        "enable health app/x",
        "set server app/x weight 3",
        "set maxconn server app/x 5",
    ):
        assert here.ask(line) == ""
    made = follower(here)
    server = here.server("app", "x")
    server.counters.sessions += 5
    before = made_of(here)
    change = made.made["app", "x"]
    made._forget(server)
    made.apply(change)
    again = here.server("app", "x")
    assert again is not server and again.granted_as == server.granted_as
    assert made_of(here) == before
    assert (again.weight, again.maxconn, again.counters.totals.sessions, again.usable) == (3, 5, 5, True)
    assert (again.checked, again.check_paused, again.rise, again.fall) == (True, False, 4, 5)
    made.apply(change)
    assert here.server("app", "x") is again  # making it once more changes nothing


def test_a_snapshot_ends_what_is_gone_by_then(here: Stand) -> None:
    for name in "ab":
        assert here.ask(f"add server app/{name} 127.0.0.1:1") == GOOD
    here.ask("disable server app/s1")
    assert here.ask("del server app/s1") == GONE
    old: list[Change] = list(follower(here).snapshot())
    assert here.ask("del server app/a") == GONE
    assert here.ask("del server app/b") == GONE
    assert here.ask("add server app/b 127.0.0.2:1") == GOOD
    new: list[Change] = list(follower(here).snapshot())
    with stand(TEXT) as other:
        for change in old:
            follower(other).apply(change)
        assert names(other) == ["s2", "s3", "s4", "a", "b"]
        kept = other.server("app", "b")
        for change in new:
            follower(other).apply(change)
        assert names(other) == ["s2", "s3", "s4", "b"]
        assert other.server("app", "b") is not kept
        assert state(other, "app", "b")["srv_addr"] == "127.0.0.2"


def test_a_change_for_a_generation_that_is_gone_does_nothing(here: Stand) -> None:
    assert here.ask("add server app/a 127.0.0.1:1") == GOOD
    old = follower(here).without_server(here.server("app", "a"))
    assert here.ask("del server app/a") == GONE
    assert here.ask("add server app/a 127.0.0.1:1") == GOOD
    CHANGES.apply(old)
    assert "a" in names(here)


# Other names.

RENAMED = [
    ("set server app/s1 name", "set server <b>/<s> name requires a name."),
    ("set server app/s1 name x", "Only servers in maintenance mode can be renamed."),
    ("set server app/s2 name x", "This server cannot be renamed at runtime due to other configuration elements"),
    ("disable server app/s1; set server app/s1 name a$", "character '$' is not permitted in server name 'a$'."),
    ("disable server app/s1; set server app/s1 name s4", "Already exists a server with the same name in backend."),
]


@pytest.mark.parametrize(("line", "text"), RENAMED, ids=[line for line, _ in RENAMED])
def test_names_that_cannot_be(here: Stand, line: str, text: str) -> None:
    before = names(here)
    *first, last = line.split("; ")
    for one in first:
        here.ask(one)
    assert here.ask(last).startswith(text)
    assert names(here) == before


def test_another_name(here: Stand) -> None:
    """Of a server of the file, and of one that was added; here, and for who begins later."""
    here.ask("add server app/x 127.0.0.1:1 guid g")
    here.ask("set server app/x addr 127.0.0.8")
    old: list[Change] = list(CHANGES.snapshot())
    here.ask("disable server app/s1")
    for before, after in (("s1", "one"), ("one", "first"), ("x", "s1")):
        assert here.ask(f"set server app/{before} name {after}") == ""
    assert names(here) == ["first", "s2", "s3", "s4", "s1"]
    assert here.server("app", "first").route == b"app/first" and here.server("app", "first").number == 1
    assert state(here, "app", "s1")["srv_addr"] == "127.0.0.8"
    assert here.ask("add server app/one 127.0.0.1:2") == GOOD
    assert here.ask("set server app/first addr 127.0.0.9").startswith("IP changed")
    new: list[Change] = list(CHANGES.snapshot())
    with stand(TEXT) as other:
        for change in [*old, *new, *new]:
            CHANGES.apply(change)
        assert names(other) == ["first", "s2", "s3", "s4", "s1", "one"]
        assert [state(other, "app", name)["srv_addr"] for name in ("first", "s1")] == ["127.0.0.9", "127.0.0.8"]
    with stand(TEXT) as other:
        for change in new:
            CHANGES.apply(change)
        assert names(other) == ["first", "s2", "s3", "s4", "s1", "one"]


def test_names_that_were_exchanged(here: Stand) -> None:
    """Also for who begins later, and for who has seen a part of it."""
    for name in ("s1", "s4"):
        here.ask(f"disable server app/{name}")
    assert here.ask("set server app/s1 name x") == ""
    half: list[Change] = list(CHANGES.snapshot())
    for before, after in (("s4", "s1"), ("x", "s4")):
        assert here.ask(f"set server app/{before} name {after}") == ""
    assert names(here) == ["s4", "s2", "s3", "s1"]
    new: list[Change] = list(CHANGES.snapshot())
    assert here.ask("del server app/s4") == GONE
    last: list[Change] = list(CHANGES.snapshot())
    for begin in ([], half):
        with stand(TEXT) as other:
            for change in [*begin, *new]:
                CHANGES.apply(change)
            assert names(other) == ["s4", "s2", "s3", "s1"]
            assert [other.server("app", name).number for name in ("s1", "s4")] == [40, 1]
            for change in last:
                CHANGES.apply(change)
            assert names(other) == ["s2", "s3", "s1"]


def test_one_of_the_file_that_was_renamed_is_deleted(here: Stand) -> None:
    here.ask("disable server app/s1")
    here.ask("set server app/s1 name first")
    assert here.ask("del server app/first") == GONE
    left: list[Change] = list(CHANGES.snapshot())
    with stand(TEXT) as other:
        for change in left:
            CHANGES.apply(change)
        assert names(other) == ["s2", "s3", "s4"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("track nobody", "unable to find required server 'nobody' for tracking."),
        ("track nowhere/o1", "unable to find required proxy 'nowhere' for tracking."),
        ("track s1", "unable to use app/s1 for tracking as it does not have any check nor agent enabled."),
        ("track other/o1 check", "unable to enable checks and tracking at the same time!"),
        ("track other/o1 init-state down", "unable to set init-state and tracking at the same time!"),
    ],
)
def test_what_one_cannot_track(here: Stand, words: str, complaint: str) -> None:
    assert here.ask(f"add server app/x 127.0.0.1:99 {words}") == f"{complaint}\n"
    assert not [server for server in here.live.backends[0].servers if server.name == b"x"]


def test_one_that_was_added_is_tracked(here: Stand) -> None:
    """It stays, under its name, until its last follower is gone."""
    assert here.ask("add server app/a 127.0.0.1:99 check") == GOOD
    assert here.ask("add server app/b 127.0.0.1:99 track app/a") == GOOD
    assert here.ask("add server app/c 127.0.0.1:99 track app/b") == GOOD
    refused = "This server cannot be removed at runtime due to other configuration elements pointing to it.\n"
    assert [here.ask(f"del server app/{name}") for name in "ab"] == [refused, refused]
    assert "cannot be renamed" in here.ask("set server app/a name d")
    assert [here.ask(f"del server app/{name}") for name in "cb"] == [GONE, GONE]
    assert here.ask("set server app/a name d") == ""
    assert here.ask("del server app/d") == GONE


def test_one_that_tracks_another_and_one_that_is_observed(here: Stand) -> None:
    assert here.live.health is not None
    assert here.ask("add server app/x 127.0.0.1:99 track other/o1") == GOOD
    assert here.ask("enable server app/x") == ""
    added = here.server("app", "x")
    assert added.up and added.tracks is here.server("other", "o1")
    here.ask("set server other/o1 health down")
    assert not added.up
    assert "cannot be removed" in here.ask("del server other/o1")
    assert here.ask("disable server app/x") == "" and here.ask("del server app/x") == GONE
    assert (
        not here.server("other", "o1").referred and not here.live.health.healths[here.server("other", "o1")].followers
    )
    assert here.ask("add server app/y 127.0.0.1:99 check observe layer7 error-limit 2 on-error mark-down") == GOOD
    assert here.ask("enable server app/y") == ""
    observed = here.server("app", "y")
    assert observed.observer is not None
    for _ in range(2):
        assert observed.up
        observed.observer.response(500)
    here.live.health.look()
    assert not observed.up
    assert here.ask("disable server app/y") == "" and here.ask("del server app/y") == GONE
    assert not here.live.health.observing
