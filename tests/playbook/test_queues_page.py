"""docs/queues.md: each of its configurations does what the page says."""

from __future__ import annotations

import re

from support.programs import ROOT
from support.stand import End, Stand

PAGE = (ROOT / "docs" / "queues.md").read_text(encoding="utf-8")
BLOCKS = {
    part.partition("\n")[0]: found[1]
    for part in re.split(r"(?m)^## ", PAGE)[1:]
    if (found := re.search(r"(?ms)^```haproxy\n(.*?)^```$", part)) is not None
}
NAMES = "acd"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MANY = b"HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n"


def stand_of(heading: str, servers: int) -> Stand:
    """The section's configuration, with servers of ours: a, c, d."""
    text = re.sub(r"bind :\d+", "bind 127.0.0.1:1", BLOCKS[heading]).replace(" check", "")
    for number, name in enumerate(NAMES, 1):
        text = text.replace(f"127.0.0.1:900{number}", f"{{{name}}}")
    return Stand(text, *NAMES[:servers])


def ask(stand: Stand, path: str = "/", *fields: str, method: str = "GET") -> End:
    client = stand.client()
    client.send("\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *fields, "", ""]).encode())
    return client


class Farm:
    """The servers: what they were asked and have not answered yet."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.ends: list[tuple[str, End]] = []
        self.waiting: list[tuple[str, str, End]] = []  # server, path

    def look(self) -> None:
        for name in self.stand.listeners:
            self.ends += [(name, end) for end in self.stand.arrivals(name)]
        for name, end in self.ends:
            if end.sock.fileno() >= 0:
                asked = end.take()
                if asked:
                    self.waiting.append((name, asked.split(b" ")[1].decode(), end))

    def answer(self, answer: bytes = OK) -> tuple[str, str]:
        """The one that has waited longest."""
        self.look()
        name, path, end = self.waiting.pop(0)
        end.send(answer)
        self.look()
        return name, path

    def answer_all(self) -> list[tuple[str, str]]:
        done = []
        self.look()
        while self.waiting:
            done.append(self.answer())
        return done


def status(client: End) -> str:
    return client.take()[9:12].decode()


def test_every_section_is_tested() -> None:
    assert list(BLOCKS) == [
        "Protect servers",
        "A limit that follows the load",
        "Short queues for those who are bound",
        "Who goes first",
        "Tell them at once",
        "Failures that clients do not see",
    ]


def test_protect_servers() -> None:
    with stand_of("Protect servers", 2) as stand:
        clients = [ask(stand) for _ in range(25)]
        assert [server.connections for server in stand.backend("site").servers] == [10, 10]
        assert len(stand.backend("site").queue) == 5
        stand.wait(4_300)
        assert stand.lines == ["503 sQ"] * 5
        assert [status(client) for client in clients[20:]] == ["503"] * 5
        late = ask(stand)
        server = stand.server("app1")
        server.maxconn = 20
        stand.backend("site").changed(server)
        stand.settle()
        assert server.connections == 11
        assert len(Farm(stand).answer_all()) == 21
        assert status(late) == "200"


def test_a_limit_that_follows_the_load() -> None:
    rows = re.findall(r"(?m)^\| (\d+)[a-z ]* \| (\d+) \|$", PAGE)
    assert len(rows) == 3
    with stand_of("A limit that follows the load", 2) as stand:
        backend = stand.backend("site")
        for load, slots in [*rows, ("0", "10"), ("1000", "50")]:
            backend.counters.current = int(load)
            assert [server.slots for server in backend.servers] == [int(slots)] * 2
        backend.counters.current = 0
        for _ in range(30):
            ask(stand)
        assert [server.connections for server in backend.servers] == [10, 10]
        assert len(Farm(stand).answer_all()) == 30


def test_short_queues() -> None:
    with stand_of("Short queues for those who are bound", 2) as stand:
        clients = [ask(stand, "/", "Cookie: SRV=one") for _ in range(4)]
        servers = stand.backend("shop").servers
        assert [(server.connections, server.queued) for server in servers] == [(2, 1), (1, 0)]
        assert len(Farm(stand).answer_all()) == 4
        answers = [client.take() for client in clients]
        assert [b"SRV=two" in answer for answer in answers] == [False, False, False, True]


def test_who_goes_first() -> None:
    with stand_of("Who goes first", 1) as stand:
        farm = Farm(stand)
        for path, *fields in (
            ("/1",),
            ("/2",),
            ("/export/1",),
            ("/bot", "User-Agent: a-bot"),
            ("/3",),
            ("/checkout/1",),
            ("/4",),
            ("/checkout/2",),
        ):
            ask(stand, path, *fields)
        stand.wait(4_000)
        ask(stand, "/5")
        stand.wait(2_000)
        ask(stand, "/6")
        paths = [path for _, path in farm.answer_all()]
        assert paths == ["/1", "/2", "/checkout/1", "/checkout/2", "/3", "/4", "/5", "/bot", "/6", "/export/1"]


def test_tell_them_at_once() -> None:
    with stand_of("Tell them at once", 1) as stand:
        clients = [ask(stand) for _ in range(7)]
        assert len(stand.backend("site").queue) == 3
        answers = [client.take() for client in clients[5:]]
        assert all(answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: 60\r\n" in answer for answer in answers)
        assert len(Farm(stand).answer_all()) == 5


def test_failures_that_clients_do_not_see() -> None:
    with stand_of("Failures that clients do not see", 3) as stand:
        farm = Farm(stand)
        client = ask(stand)
        asked = [farm.answer(MANY)[0], farm.answer(b"nonsense\r\n\r\n")[0], farm.answer()[0]]
        assert sorted(asked) == ["a", "c", "d"]
        assert status(client) == "200"
        assert stand.record["retries"] == 2
        assert stand.record["redispatched"]
        client = ask(stand, "/", "Content-Length: 0", method="POST")
        farm.answer(MANY)
        assert status(client) == "429"
        client = ask(stand)
        for _ in range(4):
            farm.answer(MANY)
        assert status(client) == "429"
        assert farm.answer_all() == []
