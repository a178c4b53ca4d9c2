"""What is one across lanes: turns, slots and queues, states, counters, limits; and after a lane's death."""
import asyncio
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.crowd import children, until
from support.programs import POINTSMAN, Program
from support.scenario import query, show_stat

CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 10s
    timeout queue 10s
frontend web
    bind 127.0.0.1:{port:web}
    use_backend slow if { path_beg /slow }
    use_backend late if { path_beg /late }
    default_backend weights
backend weights
    balance roundrobin
    server s1 {origin} weight 2
    server s2 {origin} weight 1
    server s3 {origin} weight 3
backend slow
    server s1 {origin} maxconn 5
backend late
    timeout queue 300ms
    server s1 {origin} maxconn 1
"""


class CountingOrigin:
    """Answers after a while, on a thread of its own; knows how many requests it had at once."""

    def __init__(self) -> None:
        self.now = self.most = self.total = 0
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        self.ready.wait(5)

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        self.stopped = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stopped.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                slow = head.startswith(b"GET /slow")
                self.total += 1
                if slow:
                    self.now += 1
                    self.most = max(self.most, self.now)
                try:
                    await asyncio.sleep(2.0 if head.startswith(b"GET /late") else 0.004 if slow else 0)
                finally:
                    self.now -= slow
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(5)


@pytest.fixture
def origin() -> Iterator[CountingOrigin]:
    made = CountingOrigin()
    yield made
    made.stop()


@pytest.fixture
def program(origin: CountingOrigin, tmp_path: Path) -> Iterator[Program]:
    with Program(POINTSMAN, CONFIG, tmp_path, {"origin": f"127.0.0.1:{origin.port}"}) as made:
        until(lambda: len(children(made.pid)) == 3 and (tmp_path / "stats").exists())
        yield made


def get(port: int, path: str) -> int:
    """The status of one request on a connection of its own; 0: it ended without an answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=15) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            data = b""
            while piece := client.recv(65536):
                data += piece
    except ConnectionError:
        return 0
    return int(data[9:12]) if data.startswith(b"HTTP/1.1 ") else 0


def rows(program: Program) -> dict[str, dict[str, str]]:
    return show_stat(program.folder / "stats")


def test_weights_are_exact_over_two_lanes(program: Program) -> None:
    port = program.ports["web"]
    with ThreadPoolExecutor(40) as pool:
        statuses = Counter(pool.map(lambda _: get(port, "/"), range(600)))
    assert statuses == {200: 600}
    found = rows(program)
    assert [found[f"weights/s{i}"]["stot"] for i in (1, 2, 3)] == ["200", "100", "300"]
    assert found["web/FRONTEND"]["req_tot"] == found["weights/BACKEND"]["stot"] == "600"
    assert "CumReq: 600\n" in query(program.folder / "stats", "show info")


def test_maxconn_holds_over_two_lanes_and_everybody_is_served(program: Program, origin: CountingOrigin) -> None:
    port = program.ports["web"]
    with ThreadPoolExecutor(100) as pool:
        statuses = Counter(pool.map(lambda _: get(port, "/slow"), range(1000)))
    assert statuses == {200: 1000}
    assert origin.most == 5
    assert (rows(program)["slow/s1"]["smax"], rows(program)["slow/s1"]["scur"]) == ("5", "0")


def test_who_waits_too_long_is_told_in_time(program: Program) -> None:
    port = program.ports["web"]
    began = time.monotonic()
    with ThreadPoolExecutor(9) as pool:
        statuses = Counter(pool.map(lambda _: get(port, "/late"), range(9)))
    assert statuses == {200: 1, 503: 8}
    assert time.monotonic() - began < 4


def test_deaths_among_those_who_queue_leave_no_drift(program: Program, origin: CountingOrigin) -> None:
    """Lanes are killed while 40 clients queue for five slots: never more than five, nobody waits for ever."""
    port = program.ports["web"]
    stop = threading.Event()
    statuses: Counter[int] = Counter()

    def client() -> None:
        while not stop.is_set():
            statuses[get(port, "/slow")] += 1

    threads = [threading.Thread(target=client) for _ in range(40)]
    for thread in threads:
        thread.start()
    kills = 0
    end = time.monotonic() + 12
    while time.monotonic() < end:
        time.sleep(0.15)
        family = children(program.pid)
        if len(family) == 3:
            os.kill(family[kills % 2], signal.SIGKILL)
            kills += 1
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "somebody waits for ever"
    assert kills >= 5
    assert origin.most <= 5
    assert set(statuses) <= {200, 0}
    assert statuses[200] > 300
    until(lambda: len(children(program.pid)) == 3)
    until(lambda: rows(program)["slow/s1"]["scur"] == rows(program)["slow/BACKEND"]["scur"] == "0")
    assert rows(program)["slow/s1"]["qcur"] == "0"
    assert "CurrConns: 0\n" in query(program.folder / "stats", "show info")
    assert get(port, "/slow") == 200


def test_what_a_dead_lane_had_counted_stays(program: Program) -> None:
    port = program.ports["web"]
    for _ in range(20):
        assert get(port, "/") == 200
    for pid in children(program.pid)[:2]:
        os.kill(pid, signal.SIGKILL)
        until(lambda old=pid: old not in children(program.pid) and len(children(program.pid)) == 3)
    for _ in range(10):
        assert get(port, "/") == 200
    assert rows(program)["web/FRONTEND"]["req_tot"] == "30"


def test_states_reach_every_lane_and_outlive_control(program: Program) -> None:
    port, folder = program.ports["web"], program.folder
    query(folder / "stats", "set server weights/s1 state maint")
    query(folder / "stats", "set server weights/s2 weight 0")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: get(port, "/"), range(40))) == {200}
    found = rows(program)
    assert [found[f"weights/s{i}"]["stot"] for i in (1, 2, 3)] == ["0", "0", "40"]
    control = children(program.pid)[2]
    os.kill(control, signal.SIGKILL)
    until(lambda: control not in children(program.pid) and len(children(program.pid)) == 3)
    until(lambda: answers(folder))
    found = rows(program)
    assert found["weights/s1"]["status"] == "MAINT"
    assert found["weights/s2"]["weight"] == "0"
    query(folder / "stats", "set server weights/s1 state ready")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: get(port, "/"), range(50))) == {200}
    assert rows(program)["weights/s1"]["stot"] == "20"


def answers(folder: Path) -> bool:
    try:
        return "Pid:" in query(folder / "stats", "show info")
    except OSError:
        return False


def test_commands_about_live_objects_reach_all_lanes(program: Program) -> None:
    port, stats = program.ports["web"], program.folder / "stats"
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    until(lambda: query(stats, "show sess").count("fe=web") == 20)
    lines = [line for line in query(stats, "show sess").splitlines() if line]
    names = [line.partition(":")[0] for line in lines]
    assert len(set(names)) == 20
    assert query(stats, f"shutdown session {names[7]}").strip() == ""
    until(lambda: query(stats, "show sess").count("fe=web") == 19)
    for client in clients:
        client.close()


def test_a_disabled_frontend_stays_disabled_in_a_new_lane(program: Program) -> None:
    port, stats = program.ports["web"], program.folder / "stats"
    assert query(stats, "disable frontend web").strip() == ""
    for pid in children(program.pid)[:2]:
        os.kill(pid, signal.SIGKILL)
        until(lambda old=pid: old not in children(program.pid) and len(children(program.pid)) == 3)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    assert rows(program)["web/FRONTEND"]["status"] == "STOP"
    assert query(stats, "enable frontend web").strip() == ""
    assert [get(port, "/") for _ in range(10)] == [200] * 10


def test_maxconn_of_a_frontend_counts_all_lanes(program: Program) -> None:
    port, stats = program.ports["web"], program.folder / "stats"
    query(stats, "set maxconn frontend web 3")
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    time.sleep(0.5)
    answered = []
    for client in clients:
        client.setblocking(False)
        try:
            answered.append(client.recv(4096)[:12] == b"HTTP/1.1 200")
        except BlockingIOError:
            answered.append(False)
    assert answered.count(True) == 3
    assert rows(program)["web/FRONTEND"]["scur"] == "3"
    for client in clients:
        client.close()
    until(lambda: rows(program)["web/FRONTEND"]["scur"] == "0")
    assert rows(program)["web/FRONTEND"]["smax"] == "3"
