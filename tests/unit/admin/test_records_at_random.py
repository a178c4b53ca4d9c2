"""Whatever records come in whatever order: what servers of one name make of them keeps to a few rules."""

from hypothesis import given, settings
from hypothesis import strategies as st
from test_records_of_servers import scene, srv

from pointsman.server.server import RESOLUTION_MAINT

ADDRESSES = [f"10.0.0.{n}" for n in range(1, 7)]
ANSWERS = st.lists(st.lists(st.sampled_from(ADDRESSES), unique=True), max_size=8)
SERVERS = 4


@settings(max_examples=40, deadline=None)
@given(ANSWERS)
def test_addresses(answers: list[list[str]]) -> None:
    """Each address has one server; nobody moves without need; nobody waits while an address is free."""
    with scene(f"server-template t {SERVERS} app.test:80 resolvers dns init-addr none") as app:
        before: dict[str, str] = {}
        for records in answers:
            app.answer("app.test", *records)
            servers = app.stand.live.backends[0].servers
            places = {one.name.decode(): str(one.dial.target[0]) for one in servers if not one.admin & RESOLUTION_MAINT}
            assert sorted(set(places.values())) == sorted(places.values())
            assert set(places.values()) <= set(records)
            assert len(places) == min(SERVERS, len(records))
            for name, place in before.items():
                assert place not in records or places[name] == place
            assert [one.name.decode() for one in app.stand.live.backends[0].usable] == list(places)
            assert app.answer("app.test", *reversed(records)) == []
            before = places


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 3)), unique=True), max_size=8))
def test_services(answers: list[list[tuple[str, int]]]) -> None:
    """The same for records of a service, which are hosts with ports."""
    with scene(f"server-template s {SERVERS} _http._tcp.app.test resolvers dns init-addr none") as app:
        before: dict[str, tuple[str, int]] = {}
        for answer in answers:
            records = [srv(f"{host}.test", 80 + port, 256, "10.0.0." + str(ord(host))) for host, port in answer]
            app.service("_http._tcp.app.test", *records)
            servers = app.stand.live.backends[0].servers
            places = {
                one.name.decode(): (one.fqdn, int(one.dial.target[1]))
                for one in servers
                if not one.admin & RESOLUTION_MAINT
            }
            wanted = {(record.target, record.port) for record in records}
            assert len(set(places.values())) == len(places) == min(SERVERS, len(records))
            assert set(places.values()) <= wanted
            for name, place in before.items():
                assert place not in wanted or places[name] == place
            assert app.service("_http._tcp.app.test", *reversed(records)) == []
            hosts = {host for host, _ in places.values()}
            assert {key[0] for key in app.section.by_key} == {"_http._tcp.app.test", *hosts}
            before = places
