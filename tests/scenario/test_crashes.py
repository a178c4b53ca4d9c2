"""Processes that are killed under load: only what they held is lost, they are back at once, and nothing drifts.

POINTSMAN_LONG=1 in the environment runs the long forms: ten crashes in a row, 200 at random instants.
"""

import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from support.counting import CountingOrigin
from support.crowd import children, get, until
from support.programs import POINTSMAN, Program
from support.scenario import query, show_stat
from support.storm import LONG, Storm

IN_A_ROW: Final = 10 if LONG else 2
AT_RANDOM: Final = 200 if LONG else 30
RATE: Final = 2000  # new connections a second
PEACE: Final = 2.6  # s between crashes: a fifth one within ten seconds would slow the keeper down

CONFIG: Final = """
global
    nbthread {lanes}
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 10s
    timeout queue 10s
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200 content-type text/plain lf-string "%pid" if { path /who }
    use_backend slow if { path_beg /slow }
    default_backend app
backend app
    balance leastconn
    server s1 {origin} weight 20 check inter 100ms
    server s2 {origin} weight 10 maxconn 50 check inter 100ms
    server s3 {origin} weight 10 check inter 100ms
backend slow
    server s1 {origin} maxconn 5
"""


@pytest.fixture
def origin() -> Iterator[CountingOrigin]:
    """And nobody leaves a core file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    with CountingOrigin() as made:
        yield made
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@contextmanager
def running(folder: Path, origin: CountingOrigin, lanes: int = 2) -> Iterator[tuple[Program, int]]:
    """The program, and the pid of control."""
    values = {"origin": f"127.0.0.1:{origin.port}", "lanes": str(lanes)}
    with Program(POINTSMAN, CONFIG, folder, values) as program:
        until(lambda: len(children(program.pid)) == lanes + 1 and checked(folder))
        yield program, children(program.pid)[-1]


def checked(folder: Path) -> bool:
    """The runtime socket answers, and the checks of all servers are at work, or not wanted."""
    try:
        rows = show_stat(folder / "stats")
    except OSError:
        return False
    return all(
        rows[f"app/s{number}"]["check_status"].removeprefix("* ") == "L4OK"
        or rows[f"app/s{number}"]["status"] == "MAINT"
        for number in (1, 2, 3)
    )


def gauges(folder: Path) -> dict[str, str]:
    """Those that are not 0."""
    found = {
        f"{name} {column}": row[column]
        for name, row in show_stat(folder / "stats").items()
        for column in ("scur", "qcur", "used_conn_cur")
        if row[column] not in ("", "0")
    }
    current = query(folder / "stats", "show info").partition("CurrConns: ")[2].partition("\n")[0]
    return found if current == "0" else found | {"CurrConns": current}


def all_return_to_zero(folder: Path) -> None:
    until(lambda: not gauges(folder))


# New connections, two thousand a second.


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_lanes_die_under_new_connections(tmp_path: Path, origin: CountingOrigin, number: signal.Signals) -> None:
    """Nothing but the killed lane's own connections fails, and it is back within a second."""
    crashes: dict[int, tuple[float, float]] = {}  # of each victim: just before, and when nothing was left of it
    with running(tmp_path, origin) as (program, control):
        with Storm(program.ports["web"], RATE, "/app", every=8) as storm:
            for turn in range(IN_A_ROW):
                time.sleep(PEACE)
                before = children(program.pid)
                victim = [pid for pid in before if pid != control][turn % 2]
                begin = time.monotonic()
                os.kill(victim, number)
                until(lambda gone=victim: gone not in children(program.pid))
                crashes[victim] = begin, time.monotonic()
                until(
                    lambda old=before: (
                        set(children(program.pid)) - set(old) <= set(storm.owners) and len(children(program.pid)) == 3
                    )
                )
                assert time.monotonic() - begin < 1, "it was not back within a second"
            time.sleep(PEACE / 2)
        for client in storm.failures:
            if client.owner:
                assert client.owner in crashes, client
            else:
                assert any(client.begun < gone and client.ended >= begin for begin, gone in crashes.values()), client
        assert storm.answered > RATE * storm.seconds / 4
        assert "have ended within" not in program.stderr()
        all_return_to_zero(tmp_path)
        held = [sum(client.owner == victim for client in storm.failures) for victim in crashes]
        print(f"{storm.started} connections in {storm.seconds:.1f} s, {len(storm.failures)} failed; known: {held}")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_control_is_killed_under_new_connections(tmp_path: Path, origin: CountingOrigin) -> None:
    """Traffic does not notice; checks and socket are back within a second, with all that was set."""
    stats = tmp_path / "stats"
    with running(tmp_path, origin) as (program, control):
        for command in (
            "set server app/s1 state maint",
            "set server app/s2 weight 7",
            "set maxconn server app/s2 33",
            "set maxconn frontend web 1900",
            "set rate-limit connections global 100000",
        ):
            assert query(stats, command).strip() == ""
        with Storm(program.ports["web"], RATE, "/app", every=8) as storm:
            for _ in range(IN_A_ROW):
                time.sleep(PEACE)
                begin = time.monotonic()
                os.kill(control, signal.SIGKILL)
                until(lambda gone=control: gone not in children(program.pid) and len(children(program.pid)) == 3)
                until(lambda: checked(tmp_path))
                assert time.monotonic() - begin < 1, "it was not back within a second"
                control = children(program.pid)[-1]
                rows = show_stat(stats)
                assert rows["app/s1"]["status"] == "MAINT"
                assert (rows["app/s2"]["weight"], rows["app/s2"]["slim"]) == ("7", "33")
                assert rows["web/FRONTEND"]["slim"] == "1900"
                assert "ConnRateLimit: 100000\n" in query(stats, "show info")
        assert storm.failures == []
        assert storm.answered == storm.started > RATE * storm.seconds / 4
        rows = show_stat(stats)
        assert rows["app/s1"]["stot"] == "0" < rows["app/s2"]["stot"]
        assert rows["web/FRONTEND"]["stot"] == str(storm.started)
        assert rows["app/BACKEND"]["hrsp_2xx"] == str((storm.started + 7) // 8)
        all_return_to_zero(tmp_path)


# A queue.


class Queueing:
    """Forty clients that want one of five slots again and again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stop = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.longest = 0.0
        self.faults: list[BaseException] = []
        self.threads = [threading.Thread(target=self._ask) for _ in range(40)]

    def _ask(self) -> None:
        try:
            while not self.stop.is_set():
                begin = time.monotonic()
                self.statuses[get(self.port, "/slow")] += 1
                self.longest = max(self.longest, time.monotonic() - begin)
        except BaseException as error:
            self.faults.append(error)

    def __enter__(self) -> "Queueing":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(20)
        assert not [thread for thread in self.threads if thread.is_alive()], "somebody waits for ever"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_at_random_instants_among_clients_that_queue(tmp_path: Path, origin: CountingOrigin) -> None:
    """Never more than five at the server, nobody waits for ever, no gauge drifts."""
    seed = int(os.environ.get("POINTSMAN_SEED") or time.time_ns() % 1_000_000)
    print(f"POINTSMAN_SEED={seed} gives the same instants")
    drawn = random.Random(seed)
    with running(tmp_path, origin, lanes=4) as (program, control):
        with Queueing(program.ports["web"]) as crowd:
            for _ in range(AT_RANDOM):
                time.sleep(drawn.uniform(0.01, 0.6))
                until(lambda: len(children(program.pid)) >= 3)
                os.kill(drawn.choice([pid for pid in children(program.pid) if pid != control]), signal.SIGKILL)
            time.sleep(1.5)
        assert not crowd.faults, crowd.faults
        assert origin.most == 5
        assert set(crowd.statuses) <= {200, 0}
        assert crowd.statuses[200] > 5 * AT_RANDOM
        assert crowd.longest < 10
        print(f"{AT_RANDOM} crashes: {dict(crowd.statuses)}, longest {crowd.longest:.2f} s")
        until(lambda: len(children(program.pid)) == 5)
        all_return_to_zero(tmp_path)
        origin.most = 0
        with ThreadPoolExecutor(40) as pool:  # all five slots are still there, and no more
            assert Counter(pool.map(lambda _: get(program.ports["web"], "/slow"), range(400))) == {200: 400}
        assert origin.most == 5
        all_return_to_zero(tmp_path)
