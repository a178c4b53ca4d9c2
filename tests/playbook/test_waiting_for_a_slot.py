"""Servers with maxconn: never more at once, nobody forgotten, whatever happens to those who wait."""

import random
import socket
import struct

import pytest
from support.stand import End, Stand

from pointsman.server.server import FORCED_MAINT, RUNNING, STOPPED

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 9s
    timeout server 9s
    timeout queue 4s
    retries 0
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    BALANCE
    server a {a} maxconn 2
    server c {c} maxconn 2
"""
GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def stand_with(balance: str = "balance roundrobin") -> Stand:
    return Stand(CONFIG.replace("BALANCE", balance), "a", "c")


def ask(stand: Stand, count: int) -> list[End]:
    clients = []
    for i in range(count):
        client = stand.client()
        client.send(GET % i)
        clients.append(client)
    return clients


class Farm:
    """Servers that answer on demand, and count how much they are asked at once."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.ends: dict[str, list[End]] = {name: [] for name in stand.listeners}
        self.busy: dict[str, list[End]] = {name: [] for name in stand.listeners}

    def look(self) -> None:
        for name, ends in self.ends.items():
            ends += self.stand.arrivals(name)
            for end in ends:
                if end.sock.fileno() >= 0 and end.take():
                    assert end not in self.busy[name]
                    self.busy[name].append(end)
                if end.closed and end in self.busy[name]:
                    self.busy[name].remove(end)

    def answer(self, name: str) -> None:
        end = self.busy[name].pop(0)
        end.send(OK)

    def answer_all(self) -> int:
        """Until nobody asks any more."""
        for answered in range(10_000):
            self.look()
            found = [name for name, busy in self.busy.items() if busy]
            if not found:
                return answered
            assert all(len(busy) <= 2 for busy in self.busy.values())
            self.answer(found[0])
        raise AssertionError


@pytest.mark.parametrize(
    "balance",
    [
        "balance roundrobin",
        "balance leastconn",
        "balance first",
        "balance static-rr",
        "balance random",
        "balance source",
        "balance uri",
    ],
)
def test_everyone_is_served_and_never_more_than_maxconn_at_once(balance: str) -> None:
    with stand_with(balance) as stand:
        clients = ask(stand, 30)
        assert Farm(stand).answer_all() == 30
        assert all(client.take().endswith(b"ok") for client in clients)
        assert stand.lines == ["200 --"] * 30


def test_the_queue_is_first_in_first_out() -> None:
    with stand_with() as stand:
        farm = Farm(stand)
        clients = ask(stand, 8)
        farm.look()
        order = []
        while any(farm.busy.values()):
            farm.answer(next(name for name, busy in farm.busy.items() if busy))
            order += [i for i, client in enumerate(clients) if client.take()]
            farm.look()
        assert sorted(order) == list(range(8))
        assert order.index(4) < order.index(6) < order.index(7)


def test_who_leaves_the_queue_holds_nobody_up() -> None:
    with stand_with() as stand:
        farm = Farm(stand)
        clients = ask(stand, 10)
        for client in clients[4:7]:
            client.abort()
        assert len(stand.backend().queue) == 3
        assert farm.answer_all() == 7
        assert stand.lines == ["-1 CQ"] * 3 + ["200 --"] * 7


@pytest.mark.parametrize("answer_first", [True, False])
def test_a_waiter_that_leaves_between_grant_and_go_gives_its_slot_on(answer_first: bool) -> None:
    """A slot is freed and the waiter that gets it resets, both in one batch of events."""
    with stand_with("balance source") as stand:
        farm = Farm(stand)
        clients = ask(stand, 4)
        farm.look()
        busy = next(server for server in stand.backend().servers if server.connections)
        assert busy.connections == 2 and len(busy.queue) == 2
        end = farm.busy[busy.name.decode()].pop(0).sock
        gone = clients[2].sock
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if answer_first:
            end.send(OK)
            gone.close()
        else:
            gone.close()
            end.send(OK)
        stand.settle()
        assert busy.connections == 2 and len(busy.queue) == 0
        assert farm.answer_all() == 2
        assert sorted(stand.lines) == ["-1 CQ", "200 --", "200 --", "200 --"]


def test_the_time_in_the_queue_ends_with_503() -> None:
    with stand_with() as stand:
        clients = ask(stand, 6)
        stand.wait(3900)
        assert stand.lines == []
        stand.wait(250)
        assert stand.lines == ["503 sQ"] * 2
        assert clients[5].take().startswith(b"HTTP/1.1 503 ")
        assert Farm(stand).answer_all() == 4


def test_a_grant_stops_the_queue_s_timer() -> None:
    with stand_with() as stand:
        farm = Farm(stand)
        clients = ask(stand, 6)
        farm.look()
        stand.wait(3500)
        farm.answer("a")
        farm.answer("c")
        stand.wait(1500)
        assert "503 sQ" not in stand.lines
        assert farm.answer_all() == 4
        assert all(client.take().endswith(b"ok") for client in clients)


def test_a_server_that_goes_down_sends_its_waiters_elsewhere() -> None:
    with stand_with("balance source") as stand:
        farm = Farm(stand)
        clients = ask(stand, 8)
        farm.look()
        (down,) = [server for server in stand.backend().servers if server.connections]
        assert len(down.queue) == 6
        down.state = STOPPED
        stand.backend().changed(down)
        stand.settle()
        (other,) = [server for server in stand.backend().servers if server is not down]
        assert len(down.queue) == 0
        assert other.connections == 2 and len(other.queue) == 4
        assert farm.answer_all() == 8
        assert all(client.take().endswith(b"ok") for client in clients)


def test_waiters_are_served_when_a_server_comes_back() -> None:
    with stand_with() as stand:
        farm = Farm(stand)
        server = stand.server("a")
        server.admin = FORCED_MAINT
        stand.backend().changed(server)
        clients = ask(stand, 6)
        assert len(stand.backend().queue) == 4
        server.admin = 0
        server.state = RUNNING
        stand.backend().changed(server)
        stand.settle()
        assert server.connections == 2 and len(stand.backend().queue) == 2
        assert farm.answer_all() == 6
        assert all(client.take().endswith(b"ok") for client in clients)


def test_waiters_learn_that_the_last_server_is_gone() -> None:
    """They wait on: a server may come back within the time of the queue."""
    with stand_with() as stand:
        clients = ask(stand, 6)
        for server in stand.backend().servers:
            server.state = STOPPED
            stand.backend().changed(server)
        stand.wait(4200)
        assert stand.lines == ["503 sQ"] * 2
        assert clients[4].take().startswith(b"HTTP/1.1 503 ")
        Farm(stand).answer_all()


def test_use_server_waits_for_that_server() -> None:
    text = CONFIG.replace("BALANCE", "use-server c if { path /3 }")
    with Stand(text, "a", "c") as stand:
        farm = Farm(stand)
        ask(stand, 3)
        for _ in range(3):
            client = stand.client()
            client.send(GET % 3)
        assert len(stand.server("c").queue) == 2 or stand.server("c").connections == 2
        assert farm.answer_all() == 6
        assert stand.lines == ["200 --"] * 6


def test_a_higher_limit_lets_waiters_in() -> None:
    with stand_with() as stand:
        ask(stand, 10)
        assert len(stand.backend().queue) == 6
        stand.server("a").maxconn = 5
        stand.backend().changed(stand.server("a"))
        stand.settle()
        assert stand.server("a").connections == 5 and len(stand.backend().queue) == 3
        assert answered_by_all(stand) == 10


def answered_by_all(stand: Stand) -> int:
    """Answers everything."""
    answered = 0
    ends: list[End] = []
    for _ in range(1000):
        ends += [*stand.arrivals("a"), *stand.arrivals("c")]
        asked = [end for end in ends if end.take()]
        for end in asked:
            end.send(OK)
            answered += 1
        if not asked:
            return answered
    raise AssertionError


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_events(seed: int) -> None:
    """Clients come, leave, are answered, servers fall and stand up again; at the end all counts are zero."""
    rng = random.Random(seed)
    balance = rng.choice(
        [
            "balance roundrobin",
            "balance leastconn",
            "balance source",
            "balance uri",
            "balance random",
            "balance first",
            "balance static-rr",
        ]
    )
    with stand_with(balance) as stand:
        farm = Farm(stand)
        clients: list[End] = []
        for step in range(150):
            action = rng.randrange(8)
            if action < 3:
                client = stand.client()
                client.send(GET % step)
                clients.append(client)
            elif action == 3 and clients:
                client = clients.pop(rng.randrange(len(clients)))
                rng.choice([client.close, client.abort, client.shut])()
            elif action < 6:
                farm.look()
                busy = [name for name in farm.busy if farm.busy[name]]
                if busy:
                    name = rng.choice(busy)
                    if rng.random() < 0.2:
                        end = farm.busy[name].pop()
                        rng.choice([end.close, end.abort])()
                    else:
                        farm.answer(name)
            elif action == 6:
                server = rng.choice(stand.backend().servers)
                server.state = STOPPED if server.state else RUNNING
                stand.backend().changed(server)
                stand.settle()
            else:
                stand.wait(rng.choice([10, 300, 2500]))
            for server in stand.backend().servers:
                assert 0 <= server.connections <= 2
        for server in stand.backend().servers:
            server.state = RUNNING
            stand.backend().changed(server)
        farm.answer_all()
        assert not stand.backend().queue
