"""retry-on and option redispatch (manual 4.2) with each fault of a server injected for real, two lanes.

POINTSMAN_LONG=1 in the environment: 5,000 requests to servers that fail at random, else some hundred.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Final

import pytest
from support.faulty import ABORTS, GOOD, SENT, FaultyServers
from support.programs import POINTSMAN, Program
from support.storm import LONG

CONFIG: Final = """
global
    nbthread 2
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
    retries 3
    option redispatch
    retry-on all-retryable-errors
frontend web
    bind 127.0.0.1:{port:web}
    http-after-response set-header x-lane %[thread]
    http-request disable-l7-retry if METH_POST
    use_backend %[path,field(2,/)]
backend faults
    server bada 127.0.0.1:{bada} weight 100
    server badb 127.0.0.1:{badb} weight 100
    server good 127.0.0.1:{good} weight 1
backend doors
    server refuses 127.0.0.1:{refuses} weight 100
    server full 127.0.0.1:{full} weight 100
    server aborts 127.0.0.1:{aborts} weight 100
    server good 127.0.0.1:{good} weight 1
backend api
    retry-on all-retryable-errors 429
    server a 127.0.0.1:{a}
    server c 127.0.0.1:{c}
    server d 127.0.0.1:{d}
backend once
    retry-on conn-failure
    server a 127.0.0.1:{a}
    server c 127.0.0.1:{c}
"""
STATUSES: Final = ("500", "502", "503", "504")
FAULTS: Final = (*(fault for fault in SENT if fault != "half-body"), "rst", "hang", "half-hang", *STATUSES)
EACH: Final = 6  # requests
MOCKED: Final = 5_000 if LONG else 300
MOST: Final = 4  # attempts: the first one and `retries`

# A mock API of the kind that tutorials on retries use. Of a hundred attempts so many end so.
API: Final = {GOOD: 47, "500": 12, "429": 12, "fin": 12, "half-head": 8, "half-body": 6, "rst": 2, "hang": 1}
ENDS: Final = [fault for fault, share in API.items() for _ in range(share)]
MENDED: Final = frozenset(API) - {GOOD, "half-body"}  # by another attempt


def plan(server: str, name: str, attempt: int) -> str:
    if server == "good":
        return GOOD
    kind, _, _ = name.rpartition("_")
    if kind in FAULTS:
        return kind
    return Random(f"{name} {attempt}").choice(ENDS)


@pytest.fixture(scope="module")
def servers() -> Iterator[FaultyServers]:
    with FaultyServers(plan, "bada", "badb", "good", ABORTS, "a", "c", "d") as made:
        yield made


@pytest.fixture(scope="module")
def port(servers: FaultyServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of the program. One of its servers' ports is closed; of another the kernel takes no connection any more."""
    with contextlib.ExitStack() as stack:
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        values = {name: str(number) for name, number in servers.ports.items()}
        values |= {"refuses": str(closed.getsockname()[1]), "full": str(full.getsockname()[1])}
        folder = tmp_path_factory.mktemp("retried")
        with Program(POINTSMAN, CONFIG, folder, values) as program:
            yield program.ports["web"]


def ask(port: int, backend: str, name: str, method: str = "GET") -> tuple[str, str, str]:
    """Status, body, lane; what was cut short has the body that came."""
    body = "" if method == "GET" else "twelve bytes"
    lines = [f"{method} /{backend}/{name} HTTP/1.1", "Host: h", "Connection: close", f"Content-Length: {len(body)}"]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall("\r\n".join([*lines, "", body]).encode())
        answer = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    while answer.startswith("HTTP/1.1 103"):
        answer = answer.partition("\r\n\r\n")[2]
    lane = re.search(r"x-lane: (\d+)", answer)
    return answer[9:12], answer.partition("\r\n\r\n")[2], lane[1] if lane is not None else ""


@pytest.mark.timeout(200)
def test_no_request_fails_while_one_server_lives(port: int, servers: FaultyServers) -> None:
    names = [f"{fault}_{number}" for fault in FAULTS for number in range(EACH)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda name: ask(port, "faults", name, "PUT" if name.endswith("1") else "GET"), reversed(names))
        )
    wrong = [
        (name, answer, servers.asked[name])
        for name, answer in zip(reversed(names), answers, strict=True)
        if answer[:2] != ("200", name)
    ]
    assert wrong == []
    for fault in FAULTS:
        met = sum(one[1] == fault for number in range(EACH) for one in servers.asked[f"{fault}_{number}"])
        assert met >= EACH, fault
    for name in names:
        asked = [server for server, _ in servers.asked[name]]
        assert len(asked) == len(set(asked)), "a server that had failed was asked again"
    assert {lane for _, _, lane in answers} == {"0", "1"}


@pytest.mark.timeout(200)
def test_no_request_fails_while_one_server_can_be_connected_to(port: int) -> None:
    names = [f"door_{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda name: ask(port, "doors", name), names))
    assert [answer[:2] for answer in answers] == [("200", name) for name in names]


@pytest.mark.timeout(900)
def test_servers_that_fail_at_random(port: int, servers: FaultyServers) -> None:
    """What another attempt could mend is mended, unless there is none left; nothing is sent once too often."""
    work = [(f"api_{number}", "POST" if number % 5 == 4 else "GET") for number in range(MOCKED)]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda one: ask(port, "api", *one), work))
    outcomes: Counter[str] = Counter()
    for (name, method), (status, body, _) in zip(work, answers, strict=True):
        ends = [fault for _, fault in servers.asked[name]]
        said = (name, method, status, body, servers.asked[name])
        *before, last = ends
        assert all(one in MENDED for one in before), said
        if method == "POST":
            assert len(ends) == 1, said
        elif last in MENDED:
            assert len(ends) == MOST, said
        else:
            assert len(ends) <= MOST, said
        assert (status, body) == expected(last, name, body), said
        outcomes[f"{method} {'good' if last == GOOD else 'cut' if last == 'half-body' else 'failed'}"] += 1
        mended = last == GOOD and len(ends) > 1
        outcomes["mended"] += mended
    print(dict(outcomes))
    assert outcomes["mended"] > MOCKED / 5
    assert outcomes["GET failed"] < outcomes["POST failed"]


def expected(last: str, name: str, body: str) -> tuple[str, str]:
    if last == GOOD:
        return "200", name
    if last == "half-body":  # it had begun, and is cut where it was
        return "200", "half"
    if last.isdigit():
        return last, name
    return "504" if last == "hang" else "502", body


@pytest.mark.timeout(200)
def test_by_default_nothing_that_was_sent_is_sent_again(port: int, servers: FaultyServers) -> None:
    work = [(f"once_{number}", "GET" if number % 2 else "PUT") for number in range(MOCKED // 3)]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda one: ask(port, "once", *one), work))
    for (name, _), (status, body, _) in zip(work, answers, strict=True):
        ((_, end),) = servers.asked[name]
        assert (status, body) == expected(end, name, body)
