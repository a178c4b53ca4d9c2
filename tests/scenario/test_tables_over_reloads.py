"""Stick tables outlive reloads: entries, counters, limits and trackers, under traffic; and so they do when their line
has changed, as far as both say the same. HAProxy needs a peers section for that."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.crowd import children, read_response, until
from support.dumps import ask, dump
from support.service import HEAD, Service

BODY = """
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 2s
frontend web
    bind 127.0.0.1:{port}
    http-request track-sc0 req.hdr(x-who) table who
    http-request deny deny_status 429 if { sc_http_req_cnt(0) gt 40 }
    http-request return status 200 content-type text/plain string "{text}"
backend who
    stick-table {table}
"""
TABLE = "type string len 16 size 1k expire 10m store http_req_cnt,conn_cur,gpc0,http_req_rate(100s)"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    made.head = HEAD.replace("    log {dir}/log local0 notice\n", "").replace(
        "600 level", "600 expose-fd listeners level"
    )
    say(made, TABLE)
    yield made
    if made.process is not None:
        if made.process.poll() is None:
            made.process.terminate()
        made.process.wait(15)
    assert "Traceback" not in made.stderr()


def say(service: Service, table: str) -> None:
    """From the next file on."""
    service.body = BODY.replace("{table}", table)


def wait_for_bodies(service: Service) -> None:
    service.body = service.body.replace(
        "    http-request return", "    http-request wait-for-body time 20s\n    http-request return"
    )


def request(who: str, more: str = "") -> bytes:
    return f"GET / HTTP/1.1\r\nHost: h\r\nX-Who: {who}\r\n{more}\r\n".encode()


def asked(service: Service, who: str) -> int:
    """The status of one request."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        client.sendall(request(who, "Connection: close\r\n"))
        return int(read_response(client).split()[1])


def served(service: Service, who: str) -> bool:
    try:
        return asked(service, who) == 200
    except (OSError, IndexError):
        return False


def listed(service: Service) -> str:
    try:
        return ask(service.folder / "stats", "show table")
    except OSError:
        return ""


def table(service: Service) -> dict[str, dict[str, int]]:
    try:
        return dump(service.folder / "stats", "who")
    except OSError:  # the socket passes from one generation to the next
        return {}


def test_ten_reloads_under_traffic_lose_no_entry_and_reset_no_limit(service: Service) -> None:
    service.begin("0")
    counts: dict[str, int] = {}
    allowed: dict[str, int] = {}
    failures: list[str] = []
    over = threading.Event()

    def traffic(number: int) -> None:
        turn = 0
        while not over.is_set():
            who = f"w{number}-{turn // 50}"
            turn += 1
            try:
                status = asked(service, who)
            except (OSError, IndexError) as error:
                failures.append(f"{who}: {error!r}")
                continue
            counts[who] = counts.get(who, 0) + 1
            allowed[who] = allowed.get(who, 0) + (status == 200)
            time.sleep(0.002)

    threads = [threading.Thread(target=traffic, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    for reload in range(1, 11):
        service.reload(str(reload))
    until(lambda: sum(counts.values()) > 1500, 60)
    over.set()
    for thread in threads:
        thread.join(20)
    assert failures == []
    found = table(service)
    assert {who: values["http_req_cnt"] for who, values in found.items()} == counts
    assert {who: min(count, 40) for who, count in counts.items()} == allowed
    assert all("use" not in values and "conn_cur" not in values for values in found.values())


def test_what_still_ends_in_the_old_generation_is_counted_down_in_the_new_one(service: Service) -> None:
    wait_for_bodies(service)
    service.begin("first")
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        client.sendall(request("slow", "Content-Length: 4\r\n") + b"ab")
        until(lambda: table(service).get("slow", {}).get("use") == 1)
        service.reload("second")
        tracked = {"use": 1, "http_req_cnt": 1, "conn_cur": 1, "http_req_rate(100000)": 1}
        until(lambda: table(service).get("slow") == tracked)
        client.sendall(b"cd")
        assert read_response(client).startswith(b"HTTP/1.1 200")
    until(lambda: table(service).get("slow") == {"http_req_cnt": 1, "http_req_rate(100000)": 1})


def test_trackers_of_a_killed_generation_are_given_back(service: Service) -> None:
    wait_for_bodies(service)
    service.begin("first")
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        client.sendall(request("slow", "Content-Length: 4\r\n") + b"ab")
        until(lambda: table(service).get("slow", {}).get("use") == 1)
        (old,) = children(service.pid)
        processes = [old, *children(old)]
        service.reload("second")
        until(lambda: table(service).get("slow", {}).get("conn_cur") == 1)
        for pid in processes:
            with suppress(ProcessLookupError):  # lanes end with their keeper
                os.kill(pid, signal.SIGKILL)
        until(lambda: "conn_cur" not in table(service)["slow"])
        assert "use" not in table(service)["slow"]
    assert asked(service, "slow") == 200


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        (TABLE, {"http_req_cnt": 5, "gpc0": 7, "http_req_rate(100000)": 5}),
        (TABLE.replace("size 1k", "size 2k"), {"http_req_cnt": 5, "gpc0": 7, "http_req_rate(100000)": 5}),
        (TABLE.replace("gpc0,", "gpt0,"), {"http_req_cnt": 5, "http_req_rate(100000)": 5}),
        (TABLE.replace("rate(100s)", "rate(50s)"), {"http_req_cnt": 5, "gpc0": 7}),
        (TABLE.replace("http_req_cnt,", "bytes_in_cnt,http_req_cnt,"), {"http_req_cnt": 5, "gpc0": 7}),
        (TABLE.replace("len 16", "len 3"), {"http_req_cnt": 5, "gpc0": 7}),
        (TABLE.replace("type string len 16", "type ip"), None),
    ],
    ids=["same", "size", "types", "period", "layout", "length", "key"],
)
def test_a_line_that_has_changed(service: Service, changed: str, kept: dict[str, int] | None) -> None:
    service.begin("first")
    for _ in range(5):
        assert asked(service, "abcdef") == 200
    ask(service.folder / "stats", "set table who key abcdef data.gpc0 7")
    say(service, changed)
    service.reload("second")
    # For a moment the stats socket of the old generation answers, too.
    if kept is None:
        until(lambda: ": ip, " in listed(service))
        assert table(service) == {}
        return
    name = "abc" if "len 3" in changed else "abcdef"

    def has_kept() -> bool:
        found = table(service)
        return list(found) == [name] and {**found[name], **kept} == found[name]

    until(has_kept)
    until(lambda: "gpc0" in kept or "gpc0" not in table(service)[name])


def test_more_lanes_take_over_what_fewer_had(service: Service) -> None:
    service.begin("first")
    assert asked(service, "abc") == 200
    service.head = service.head.replace("nbthread 2", "nbthread 3")
    service.reload("second")
    until(lambda: table(service).get("abc", {}).get("http_req_cnt") == 1)


def test_without_a_master_the_next_program_fetches_them(service: Service) -> None:
    """-x, from the stats socket of the program that goes."""
    service.write("first")
    service.start("-db")
    until(lambda: served(service, "abc"))
    old = service.process
    assert old is not None
    service.write("second")
    service.start("-db", "-x", str(service.folder / "stats"), "-sf", str(old.pid))
    assert old.wait(15) == 0
    until(lambda: served(service, "abc"))
    until(lambda: table(service).get("abc", {}).get("http_req_cnt", 0) >= 2)
