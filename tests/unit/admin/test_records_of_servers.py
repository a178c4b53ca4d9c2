"""What servers make of the records of their names. Choices, states and log lines are those of HAProxy 3.2."""

import asyncio
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from admin_stand import Stand, stand

from pointsman.admin.addresses import ServerAddresses
from pointsman.admin.named_servers import NAMES, NamedServers
from pointsman.admin.record_choice import choose, weight_of
from pointsman.config.server_line import ServerLine
from pointsman.config.server_words import ServerParameters
from pointsman.net.clock import monotonic_ms
from pointsman.resolve.resolution import (
    ADDRESS,
    NX,
    OTHER,
    REFUSED,
    RESOLVERS,
    SERVICE,
    TIMEOUT,
    VALID,
    Holds,
    Record,
    Resolution,
    ResolversSection,
    Subscriber,
)
from pointsman.server.backend import LiveServer
from pointsman.tables.changes import CHANGES

HEAD = """
global
    stats socket /nowhere/sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
resolvers dns
    nameserver a 127.0.0.1:53
"""
LEFT = "0 sessions active, 0 requeued, 0 remaining in queue."


class ScriptedSection(ResolversSection):
    """Answers are what a test says."""

    def __init__(self) -> None:
        self.name = "dns"
        self.by_key: dict[tuple[str, str, int], Resolution] = {}

    def resolve(self, name: str, kind: str, prefer: int, subscriber: Subscriber) -> Resolution:
        key = (name.lower(), kind, prefer)
        if key not in self.by_key:
            made = self.by_key[key] = Resolution(name.lower(), kind, prefer, Holds(nx=500, timeout=500, obsolete=0))
            made.server = SimpleNamespace(name="a", count=lambda counter: None)
        self.by_key[key].subscribers.append(subscriber)
        return self.by_key[key]

    def release(self, resolution: Resolution, subscriber: Subscriber) -> None:
        resolution.subscribers.remove(subscriber)
        if not resolution.subscribers:
            del self.by_key[resolution.name, resolution.kind, resolution.prefer]


class Scene:
    """A generation whose servers' names are answered by the test."""

    def __init__(self, made: Stand) -> None:
        self.stand = made
        self.loop = asyncio.new_event_loop()
        self.section = ScriptedSection()
        addresses = CHANGES.followers["server"]
        assert isinstance(addresses, ServerAddresses)
        self.names = NamedServers(made.view, addresses)
        self.lines: list[str] = []
        self.begin()

    def begin(self) -> None:
        NAMES.names = self.names
        assert self.stand.live.health is not None
        for checker in self.stand.live.health.checkers.values():
            checker.health.messages.tell = self.tell
        servers = []
        for proxy in self.stand.view.proxies:
            back = proxy.back
            assert back is not None
            back.tell = self.tell
            for line in self.stand.live.sections[id(back.backend)].all(ServerLine):
                server = back.backend.find(line.name.encode())
                assert server is not None
                if line.parameters.resolvers:
                    servers.append((back, server, line.parameters))
        self.names.start(self.loop, {"dns": self.section}, servers)

    def tell(self, level: int, text: bytes, shown: bytes = b"") -> None:
        self.lines.append(f"{level} {text.decode()}")

    def said(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def server(self, name: str, backend: str = "b") -> LiveServer:
        found = self.names.addresses.server(f"{backend}/{name}")
        assert found is not None
        return found

    def places(self) -> dict[str, str]:
        """host:port of each server of b."""
        found = {}
        for one in self.stand.live.backends[0].servers:
            host, port = one.dial.target
            found[one.name.decode()] = f"{host}:{port}"
        return found

    def resolution(self, name: str, prefer: int = 6, kind: str = ADDRESS) -> Resolution:
        return self.section.by_key[name, kind, prefer]

    def answer(self, name: str, *addresses: str, prefer: int = 6) -> list[str]:
        """What is logged when the name has these addresses."""
        records = tuple(Record(address, 6 if ":" in address else 4) for address in addresses)
        return self._tell(self.resolution(name, prefer), VALID, records)

    def service(self, name: str, *records: Record) -> list[str]:
        return self._tell(self.resolution(name, 6, SERVICE), VALID, records)

    def error(self, name: str, status: str, age: int, prefer: int = 6) -> list[str]:
        """An error, so long after the last valid answer (ms)."""
        resolution = self.resolution(name, prefer)
        if resolution.valid_at >= 0:
            resolution.valid_at = monotonic_ms() - age
        return self._tell(resolution, status, resolution.records)

    def _tell(self, resolution: Resolution, status: str, records: tuple[Record, ...]) -> list[str]:
        resolution.status = status
        resolution.records = records
        if status == VALID:
            resolution.valid_at = monotonic_ms()
        resolution.tell()
        self.turn()
        return self.said()

    def turn(self) -> None:
        """The loop turns."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()


@contextmanager
def scene(*lines: str, others: str = "") -> Iterator[Scene]:
    """A backend b of these lines, in one process."""
    text = HEAD + "backend b\n" + "".join(f"    {line}\n" for line in lines) + others
    RESOLVERS.by_name["dns"] = ScriptedSection()
    with stand(text) as made:
        found = Scene(made)
        try:
            yield found
        finally:
            NAMES.names = None
            found.loop.close()


def test_servers_of_one_name_share_its_addresses() -> None:
    with scene("server-template t 4 app.test:80 resolvers dns init-addr none") as app:
        assert app.said() == []
        assert app.stand.ask("show servers state b").splitlines()[2].split()[4:7] == ["-", "0", "32"]
        assert app.answer("app.test", "10.0.0.3", "10.0.0.2", "10.0.0.1") == [
            "5 b/t1: IP changed from '(none)' to '10.0.0.3' by 'dns/a'.",
            "5 b/t2: IP changed from '(none)' to '10.0.0.2' by 'DNS cache'.",
            "5 b/t3: IP changed from '(none)' to '10.0.0.1' by 'DNS cache'.",
            "5 Server b/t1 ('app.test') is UP/READY (resolves again).",
            "5 Server b/t1 administratively READY thanks to valid DNS answer.",
            "5 Server b/t2 ('app.test') is UP/READY (resolves again).",
            "5 Server b/t2 administratively READY thanks to valid DNS answer.",
            "5 Server b/t3 ('app.test') is UP/READY (resolves again).",
            "5 Server b/t3 administratively READY thanks to valid DNS answer.",
        ]
        assert app.places() == {"t1": "10.0.0.3:80", "t2": "10.0.0.2:80", "t3": "10.0.0.1:80", "t4": ":80"}
        assert [server.name for server in app.stand.live.backends[0].usable] == [b"t1", b"t2", b"t3"]
        rows = [line.split() for line in app.stand.ask("show servers state b").splitlines()[2:]]
        assert [(row[4], row[5], row[6], row[17], row[18], row[19]) for row in rows] == [
            ("10.0.0.3", "2", "0", "app.test", "80", "-"),
            ("10.0.0.2", "2", "0", "app.test", "80", "-"),
            ("10.0.0.1", "2", "0", "app.test", "80", "-"),
            ("-", "0", "32", "app.test", "80", "-"),
        ]
        # In another order nobody moves; what is gone is replaced, or missed.
        assert app.answer("app.test", "10.0.0.1", "10.0.0.2", "10.0.0.3") == []
        assert app.answer("app.test", "10.0.0.4", "10.0.0.2") == [
            "5 b/t1: IP changed from '10.0.0.3' to '10.0.0.4' by 'dns/a'.",
            "1 Server b/t3 is going DOWN for maintenance (No IP for server ). 2 active and 0 backup servers left. "
            + LEFT,
        ]
        assert app.places() == {"t1": "10.0.0.4:80", "t2": "10.0.0.2:80", "t3": ":80", "t4": ":80"}
        status = [line.split(",")[17] for line in app.stand.ask("show stat b 4 -1").splitlines()[1:]]
        assert status == ["no check", "no check", "MAINT (resolution)", "MAINT (resolution)"]


def test_one_that_starts_with_an_address_keeps_it_if_its_name_has_it() -> None:
    """Of two that start with the same one, the first does."""
    lines = [f"server s{n} app.test:80 resolvers dns init-addr 10.0.0.1" for n in (1, 2)]
    with scene(*lines) as app:
        assert app.answer("app.test", "10.0.0.2", "10.0.0.1") == [
            "5 b/s2: IP changed from '10.0.0.1' to '10.0.0.2' by 'DNS cache'."
        ]
        assert app.answer("app.test", "10.0.0.3", "10.0.0.4") == [
            "5 b/s1: IP changed from '10.0.0.1' to '10.0.0.3' by 'dns/a'.",
            "5 b/s2: IP changed from '10.0.0.2' to '10.0.0.4' by 'DNS cache'.",
        ]


def test_several_servers_at_one_address() -> None:
    """allow-dup-ip: each has another one as long as there are some."""
    dup = "resolvers dns init-addr none resolve-opts allow-dup-ip"
    lines = [f"server s{n} app.test:8{n} {dup}" for n in (1, 2, 3)]
    with scene(*lines, "server s4 app.test:84 resolvers dns init-addr none") as app:
        app.answer("app.test", "10.0.0.1", "10.0.0.2")
        assert app.places() == {"s1": "10.0.0.1:81", "s2": "10.0.0.2:82", "s3": "10.0.0.1:83", "s4": ":84"}
        app.answer("app.test", "10.0.0.3")
        assert app.places() == {"s1": "10.0.0.3:81", "s2": "10.0.0.3:82", "s3": "10.0.0.3:83", "s4": ":84"}
        app.answer("app.test", "10.0.0.3", "10.0.0.4")
        assert app.places()["s4"] == "10.0.0.4:84"
        app.answer("app.test", "10.0.0.4")
        app.answer("app.test", "10.0.0.4")
        assert list(app.places().values()) == [f"10.0.0.4:8{n}" for n in (1, 2, 3, 4)]


def test_other_backends_do_not_count() -> None:
    with scene(
        "server s1 app.test:80 resolvers dns init-addr none",
        others="backend c\n server s1 app.test:80 resolvers dns init-addr none\n",
    ) as app:
        assert app.answer("app.test", "10.0.0.1")[:2] == [
            "5 b/s1: IP changed from '(none)' to '10.0.0.1' by 'dns/a'.",
            "5 c/s1: IP changed from '(none)' to '10.0.0.1' by 'DNS cache'.",
        ]


@pytest.mark.parametrize(
    "status, reason",
    [
        (NX, "DNS NX status"),
        (TIMEOUT, "DNS timeout status"),
        (REFUSED, "DNS refused status"),
        (OTHER, "unspecified DNS error"),
    ],
)
def test_an_error_counts_when_its_hold_time_is_over(status: str, reason: str) -> None:
    with scene("server s app.test:80 resolvers dns init-addr none") as app:
        assert app.error("app.test", status, 0) == []
        app.answer("app.test", "10.0.0.1")
        assert app.error("app.test", status, 400) == []
        assert app.server("s").usable
        assert app.error("app.test", status, 40_000) == [
            f"1 Server b/s is going DOWN for maintenance ({reason}). 0 active and 0 backup servers left. {LEFT}",
            "0 backend b has no server available!",
        ]
        assert app.places() == {"s": ":80"}
        assert app.error("app.test", status, 50_000) == []
        assert app.answer("app.test", "10.0.0.1")[0] == "5 b/s: IP changed from '(none)' to '10.0.0.1' by 'dns/a'."
        assert app.server("s").usable


def test_what_libc_has_found_is_held_as_well() -> None:
    """There was no valid answer yet: `hold` counts from the start on."""
    with scene("server s app.test:80 resolvers dns init-addr 10.0.0.1") as app:
        assert app.error("app.test", NX, 0) == []
        assert app.server("s").usable
        app.names.groups["dns", "app.test", ADDRESS, 6].began -= 600
        assert app.error("app.test", NX, 0)[0].startswith("1 Server b/s is going DOWN for maintenance (DNS NX status).")


def test_a_server_that_was_put_elsewhere_stays_there_while_its_record_lives() -> None:
    with scene("server s app.test:80 resolvers dns init-addr none") as app:
        app.answer("app.test", "10.0.0.1")
        answer = app.stand.ask("set server b/s addr 10.9.9.9 port 99")
        assert answer.startswith("IP changed from '10.0.0.1' to '10.9.9.9', port changed from '80' to '99'")
        app.said()
        assert app.answer("app.test", "10.0.0.2", "10.0.0.1") == []
        assert app.places() == {"s": "10.9.9.9:99"}
        assert app.answer("app.test", "10.0.0.2") == ["5 b/s: IP changed from '10.9.9.9' to '10.0.0.2' by 'dns/a'."]
        assert app.places() == {"s": "10.0.0.2:99"}


def test_maintenance_and_names() -> None:
    with scene("server s app.test:80 resolvers dns init-addr none disabled") as app:
        assert app.server("s").admin == 0x25
        assert app.answer("app.test", "10.0.0.1") == [
            "5 b/s: IP changed from '(none)' to '10.0.0.1' by 'dns/a'.",
            "5 Server b/s ('app.test') resolves again but remains in maintenance.",
            "5 Server b/s administratively READY thanks to valid DNS answer.",
        ]
        assert not app.server("s").usable
        app.answer("app.test", "10.0.0.2")
        assert app.places() == {"s": "10.0.0.2:80"}
        app.error("app.test", NX, 40_000)
        assert app.server("s").admin == 0x25
        app.stand.ask("set server b/s state ready")
        assert app.said() == ["5 Server b/s is leaving forced maintenance but remains in maintenance."]
        app.stand.ask("set server b/s state maint")
        assert app.said() == []
        app.stand.ask("enable server b/s")
        app.said()
        app.answer("app.test", "10.0.0.2")
        assert app.server("s").usable


def test_renaming() -> None:
    lines = [f"server s{n} app.test:80 resolvers dns init-addr none" for n in (1, 2)]
    with scene(*lines, "server lit 10.5.5.5:80 resolvers dns", "server plain 10.5.5.6:80") as app:
        ask = app.stand.ask
        app.answer("app.test", "10.0.0.1", "10.0.0.2")
        by = "by 'stats socket command'"
        assert ask("set server b/s1 fqdn") == "set server <b>/<s> fqdn requires a FQDN.\n"
        assert (
            ask("set server b/plain fqdn x.test")
            == "set server <b>/<s> fqdn failed because no resolution is configured.\n"
        )
        assert ask("set server b/s1 fqdn bad..name") == f"could not update b/s1 FQDN {by}\n"
        assert ask("set server b/s1 fqdn app.test") == f"no need to change the FDQN {by}\n"
        assert ask("set server b/s1 fqdn One.test") == f"b/s1 changed its FQDN from app.test to One.test {by}\n"
        assert ask("set server b/lit fqdn one.test") == f"b/lit changed its FQDN from (null) to one.test {by}\n"
        assert app.places() == {
            "s1": "10.0.0.1:80",
            "s2": "10.0.0.2:80",
            "lit": "10.5.5.5:80",
            "plain": "10.5.5.6:80",
        }
        assert (app.server("s1").admin, app.server("lit").admin) == (0x40, 0x40)
        assert app.server("s1").usable
        assert app.answer("one.test", "10.0.1.1") == [
            "5 b/s1: IP changed from '10.0.0.1' to '10.0.1.1' by 'dns/a'.",
            "1 Server b/lit is going DOWN for maintenance (No IP for server ). 3 active and 0 backup servers left. "
            + LEFT,
        ]
        # What is known already counts at once.
        ask("set server b/lit fqdn app.test")
        app.turn()
        assert app.said() == [
            "5 b/lit: IP changed from '(none)' to '10.0.0.1' by 'DNS cache'.",
            "5 Server b/lit ('app.test') is UP/READY (resolves again).",
            "5 Server b/lit administratively READY thanks to valid DNS answer.",
        ]
        assert ask("set server b/s1 fqdn app.test").startswith("b/s1 changed its FQDN from One.test to app.test")
        assert ("one.test", ADDRESS, 6) not in app.section.by_key
        assert [line.split()[17] for line in ask("show servers state b").splitlines()[2:]] == ["app.test"] * 3 + ["-"]


def test_a_server_that_is_deleted() -> None:
    """Its address is free; nobody asks for it any more."""
    with scene(
        "server-template t 3 app.test:80 resolvers dns init-addr none",
        "server s _http._tcp.app.test resolvers dns init-addr none",
    ) as app:
        app.answer("app.test", "10.0.0.1", "10.0.0.2")
        app.service("_http._tcp.app.test", srv("h1.test", 8081, 1, "10.0.0.3"))
        for name in ("t1", "s"):
            app.stand.ask(f"set server b/{name} state maint")
            assert app.stand.ask(f"del server b/{name}") == "Server deleted.\n"
        app.said()
        assert list(app.section.by_key) == [("app.test", ADDRESS, 6)]
        assert app.answer("app.test", "10.0.0.1", "10.0.0.2")[0] == (
            "5 b/t3: IP changed from '(none)' to '10.0.0.1' by 'DNS cache'."
        )
        assert app.places() == {"t2": "10.0.0.2:80", "t3": "10.0.0.1:80"}


def test_a_server_that_is_renamed() -> None:
    with scene("server-template t 2 app.test:80 resolvers dns init-addr none") as app:
        app.answer("app.test", "10.0.0.1", "10.0.0.2")
        app.stand.ask("set server b/t2 state maint")
        assert app.stand.ask("set server b/t2 name other") == ""
        app.stand.ask("set server b/other state ready")
        app.said()
        assert app.answer("app.test", "10.0.0.1", "10.0.0.3") == [
            "5 b/other: IP changed from '10.0.0.2' to '10.0.0.3' by 'DNS cache'."
        ]
        assert app.places() == {"t1": "10.0.0.1:80", "other": "10.0.0.3:80"}
        app.stand.ask("set server b/other fqdn new.test")
        assert app.answer("new.test", "10.0.0.4")[0].startswith("5 b/other: IP changed from '10.0.0.3' to '10.0.0.4'")


def srv(target: str, port: int, weight: int = 1, address: str = "", priority: int = 0) -> Record:
    return Record(address, 4 if address else 0, target, port, weight, priority)


def test_servers_of_a_service() -> None:
    with scene("server-template s 3 _http._tcp.app.test resolvers dns init-addr none weight 5 check") as app:
        name = "_http._tcp.app.test"
        assert app.service(name, srv("h1.test", 8081, 10, "10.0.0.1"), srv("h2.test", 8082, 65535)) == [
            "5 b/s1: IP changed from '(none)' to '10.0.0.1', port changed from '+0' to '8081' "
            "by 'DNS additional record'.",
            "5 b/s1 changed its FQDN from (null) to h1.test by 'SRV record'",
            "5 b/s2 changed its FQDN from (null) to h2.test by 'SRV record'",
            "5 Server b/s1 ('h1.test') is UP/READY (resolves again).",
            "5 Server b/s1 administratively READY thanks to valid DNS answer.",
        ]
        assert app.answer("h2.test", "10.0.0.2") == [
            "5 b/s2: IP changed from '(none)' to '10.0.0.2' by 'dns/a'.",
            "5 Server b/s2 ('h2.test') is UP/READY (resolves again).",
            "5 Server b/s2 administratively READY thanks to valid DNS answer.",
        ]
        assert app.places() == {"s1": "10.0.0.1:8081", "s2": "10.0.0.2:8082", "s3": ":0"}
        rows = [line.split() for line in app.stand.ask("show servers state b").splitlines()[2:]]
        assert [(*row[4:9], *row[17:20]) for row in rows] == [
            ("10.0.0.1", "2", "64", "1", "5", "h1.test", "8081", name),
            ("10.0.0.2", "2", "64", "256", "5", "h2.test", "8082", name),
            ("-", "0", "32", "5", "5", "-", "0", name),
        ]
        answer = app.stand.ask("set server b/s1 fqdn x.test")
        assert answer == "set server <b>/<s> fqdn failed because SRV resolution is configured.\n"
        # The host moves; the weight changes; one more port of a host that is known.
        assert app.answer("h1.test", "10.0.0.7") == ["5 b/s1: IP changed from '10.0.0.1' to '10.0.0.7' by 'dns/a'."]
        app.service(name, srv("h1.test", 8081, 1000), srv("h2.test", 8082, 65535), srv("h1.test", 8083, 0))
        app.turn()
        assert (app.server("s1").weight, app.server("s3").weight) == (4, 0)
        assert app.places()["s3"] == "10.0.0.7:8083"
        # Hosts without an address, and records that go.
        assert app.error("h1.test", NX, 40_000) == [
            "1 Server b/s1 is going DOWN for maintenance (DNS NX status). 1 active and 0 backup servers left. " + LEFT,
            "1 Server b/s3 is going DOWN for maintenance (DNS NX status). 1 active and 0 backup servers left. " + LEFT,
        ]
        app.answer("h1.test", "10.0.0.7")
        assert app.service(name, srv("h1.test", 8081, 1000)) == [
            "1 Server b/s2 is going DOWN for maintenance (entry removed from SRV record). "
            "1 active and 0 backup servers left. " + LEFT,
            "1 Server b/s3 is going DOWN for maintenance (entry removed from SRV record). "
            "1 active and 0 backup servers left. " + LEFT,
        ]
        rows = [line.split() for line in app.stand.ask("show servers state b").splitlines()[2:]]
        assert [(*row[4:7], *row[17:20]) for row in rows][1:] == [("-", "0", "96", "-", "0", name)] * 2
        assert ("h2.test", ADDRESS, 6) not in app.section.by_key
        # Whoever is free takes what is new.
        app.service(name, srv("h1.test", 8081, 1000), srv("h3.test", 8084, 256, "10.0.0.8"))
        assert app.places() == {"s1": "10.0.0.7:8081", "s2": "10.0.0.8:8084", "s3": ":0"}
        assert app.server("s2").weight == 1


def test_weights_may_be_left_alone() -> None:
    words = "_http._tcp.app.test resolvers dns init-addr none weight 5"
    with scene(
        f"server s {words} resolve-opts ignore-weight",
        others=f"backend c\n balance static-rr\n server s {words}\nbackend d\n server s {words}\n",
    ) as app:
        app.service("_http._tcp.app.test", srv("h1.test", 8081, 1000, "10.0.0.1"))
        assert [app.server("s", backend).weight for backend in "bcd"] == [5, 5, 4]


def test_a_new_control_process_goes_on() -> None:
    """What it reads in the log of changes is enough: nobody moves."""
    lines = (
        "server-template t 2 app.test:80 resolvers dns init-addr none",
        "server-template s 2 _http._tcp.app.test resolvers dns init-addr none",
    )
    with scene(*lines) as app:
        app.answer("app.test", "10.0.0.1", "10.0.0.2")
        app.service("_http._tcp.app.test", srv("h1.test", 8081, 1000, "10.0.0.3"), srv("h2.test", 8082, 1, "10.0.0.4"))
        app.stand.ask("set server b/t1 addr 10.9.9.9")
        app.stand.ask("set server b/t2 fqdn other.test")
        changes = [list(change) for change in app.names.addresses.snapshot()]
        places = app.places()
    with scene(*lines) as app:
        app.names.stop()
        for server in app.stand.live.backends[0].servers:
            server.admin &= ~0x20  # cells are shared
        for change in changes:
            CHANGES.apply(change)
        app.names = NamedServers(app.stand.view, app.names.addresses)
        app.begin()
        app.answer("app.test", "10.0.0.2", "10.0.0.1")
        app.service("_http._tcp.app.test", srv("h2.test", 8082, 1, "10.0.0.4"), srv("h1.test", 8081, 1000, "10.0.0.3"))
        app.answer("h1.test", "10.0.0.3")
        app.answer("h2.test", "10.0.0.4")
        assert app.places() == places
        app.answer("other.test", "10.0.1.2")
        assert app.places() == places | {"t2": "10.0.1.2:80"}


def test_the_best_record() -> None:
    records = [Record("10.0.0.1", 4), Record("10.1.0.1", 4), Record("2001:db8::1", 6), Record("10.1.0.2", 4)]
    networks = tuple(ipaddress.ip_network(one) for one in ("10.9.0.0/16", "10.1.0.0/16", "2001:db8::/32"))

    def best(taken: dict[str, int], shared: bool, prefer: int = 6, wanted: bool = False) -> str | None:
        parameters = ServerParameters(resolve_prefer=prefer, resolve_networks=networks if wanted else ())
        return choose(records, parameters, taken, shared)

    assert best({}, False) == "2001:db8::1"
    assert best({}, False, prefer=4) == "10.0.0.1"
    assert best({}, False, wanted=True) == "10.1.0.1"
    assert best({"10.1.0.1": 1}, False, wanted=True) == "10.1.0.2"
    assert best({"10.1.0.1": 1, "10.1.0.2": 1}, False, wanted=True) == "2001:db8::1"
    assert best({one.address: 1 for one in records}, False) is None
    assert best({one.address: 1 for one in records}, True) == "2001:db8::1"
    assert best({one.address: 1 for one in records} | {"10.1.0.1": 2}, True, 4, True) == "10.1.0.2"
    assert best({}, True, wanted=True, prefer=4) == "10.1.0.1"


@pytest.mark.parametrize(
    "weight, ours",
    [(0, 0), (1, 1), (255, 1), (256, 1), (257, 2), (512, 2), (65_279, 255), (65_280, 255), (65_535, 256)],
)
def test_weights_of_records(weight: int, ours: int) -> None:
    assert weight_of(srv("h.test", 1, weight)) == ours
