"""`use-service prometheus-exporter` (manual 4.4): series, values, parameters, as Debian's haproxy prints them; and that
a scrape of ten thousand servers keeps nobody waiting."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.crowd import children, until
from support.origin import Origin, answering
from support.ports import free_port
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.scenario import query, show_stat

TEXT = """
global
    stats socket {dir}/stats level admin
    node here
    maxconn 200
defaults
    mode http
    retries 0
    timeout connect 500ms
    timeout client 5s
    timeout server 2s
    log 127.0.0.1:{sink} local0
    option httplog
frontend metrics
    bind 127.0.0.1:{port:metrics}
    http-request use-service prometheus-exporter if { path /metrics }
    http-response set-header x-response-rule yes
    http-after-response set-header x-after-rule yes
    default_backend late
frontend web
    bind 127.0.0.1:{port:web} name main
    option socket-stats
    http-request deny if { path /no }
    use_backend dead if { path /dead }
    default_backend app
listen raw
    mode tcp
    bind 127.0.0.1:{port:raw}
    server r1 127.0.0.1:{origin}
backend app
    balance roundrobin
    option httpchk
    server s1 127.0.0.1:{origin} check inter 100ms maxconn 50
    server s2 127.0.0.1:{origin} weight 2
    server s3 127.0.0.1:{origin} disabled check
    server s4 127.0.0.1:{nobody} check inter 100ms fall 1
backend dead
    balance roundrobin
    server d1 127.0.0.1:{nobody}
backend late
    http-request use-service prometheus-exporter
    http-response set-header x-late yes
    server l1 127.0.0.1:{nobody}
"""
SERIES = re.compile(r"(haproxy_[a-z0-9_]+)(\{.*\})? (\S+)")
# 3.2 calls a counter a gauge where the first server, which nobody checks, has none.
TYPE = re.compile("(?m)^# TYPE (?!haproxy_resolver|haproxy_server_(?:check_failures|check_up_down|downtime)).*$")
# What depends on the clock, on memory and descriptors, or on the program itself.
MOVING = re.compile(
    r"haproxy_process_(?!nbproc|node|stopping|max_connections|limit|max_ssl|current_ssl|ssl|busy|dropped)"
    r"|haproxy_process_limit_http_comp|.*_bytes_|.*_max_sessions|.*_seconds|.*rate|.*downtime|.*_limit_sessions\{|haproxy_frontend.*\"metrics\""
    r"|haproxy_.*check_(failures|last|duration|code)|.*idle_connections|.*_connections_current"
)
ADDED = re.compile(
    "haproxy_[a-z]+_(sessions_other|requests_other|h[123]_|private_idle|request_bytes|response_bytes|http_cache_hint)"
)


class Running:
    def __init__(self, program: Program, folder: Path, sink: socket.socket) -> None:
        self.program = program
        self.folder = folder
        self.sink = sink

    def get(self, path: str, port: str = "metrics", method: str = "GET") -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.program.ports[port], timeout=10)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def series(self, parameters: str = "") -> dict[str, str]:
        status, _, text = self.get("/metrics" + parameters)
        assert status == 200
        return {
            f"{found[1]}{found[2] or ''}": found[3]
            for found in map(SERIES.fullmatch, text.splitlines())
            if found and not found[1].startswith("haproxy_resolver_")
        }  # the section `default` is made of this machine's /etc/resolv.conf

    def log_line(self) -> str:
        """Of the next request: not what is told about servers."""
        self.sink.settimeout(5)
        return next(line for line in iter(lambda: self.sink.recv(4096).decode(), "") if " metrics " in line)


@contextmanager
def running(kind: Kind, folder: Path, text: str = TEXT) -> Iterator[Running]:
    origin = Origin(answering(b"hello"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        values = {"origin": str(origin.port), "nobody": str(free_port()), "sink": str(sink.getsockname()[1])}
        try:
            with Program(kind, text, folder, values) as program:
                yield Running(program, folder, sink)
        finally:
            origin.close()


def settle(one: Running) -> None:
    """Until the checks have come to their results, and all clients' connections are over."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        found = show_stat(one.folder / "stats")
        if (
            found["app/s4"]["status"] == "DOWN"
            and found["app/s1"]["check_status"] == "L7OK"
            and all(row["scur"] == "0" for row in found.values())
        ):
            return
        time.sleep(0.05)
    raise AssertionError("the checks have come to nothing")


def traffic(one: Running) -> dict[str, str]:
    settle(one)
    for path in ("/",) * 9 + ("/no",) * 2 + ("/dead",):
        one.get(path, "web")
    assert one.get("/", "raw")[0] == 200
    settle(one)
    return one.series()


def test_the_series_are_those_of_the_peer(tmp_path: Path) -> None:
    """Same names, same labels, same types, in the same order; and after the same traffic the same values."""
    if HAPROXY.missing:
        pytest.skip("the program haproxy is not installed")
    found: dict[str, dict[str, str]] = {}
    types: dict[str, list[str]] = {}
    for kind in (HAPROXY, POINTSMAN):
        with running(kind, tmp_path / kind.name) as one:
            found[kind.name] = traffic(one)
            types[kind.name] = TYPE.findall(one.get("/metrics")[2])
    theirs, ours = found["haproxy"], found["pointsman"]
    version = re.compile("haproxy_process_build_info")
    assert [name for name in theirs if name not in ours and not version.match(name)] == []
    in_order = [name for name in ours if name in theirs]
    assert in_order == [name for name in theirs if name in ours]
    assert [line for line in types["pointsman"] if line in types["haproxy"]] == types["haproxy"]
    different = {
        name: (value, ours[name])
        for name, value in theirs.items()
        if name in ours and ours[name] != value and not MOVING.match(name)
    }
    assert different == {}
    compared = [name for name in theirs if not MOVING.match(name)]
    assert len(compared) > 400


def test_what_newer_versions_add_is_there(peer: Kind, tmp_path: Path) -> None:
    """3.2 has what 2.6 has not: rates of now, what a server is, its requests."""
    if peer is HAPROXY and peer_version() < (3, 2):
        pytest.skip("the peer is older")
    with running(peer, tmp_path) as one:
        found = traffic(one)
    assert found['haproxy_server_active{proxy="app",server="s1"}'] == "1"
    assert found['haproxy_server_http_requests_total{proxy="app",server="s2"}'] == "6"
    assert found['haproxy_listener_connections_total{proxy="web",listener="main"}'] == "12"
    assert found['haproxy_frontend_current_session_rate{proxy="web"}'].isdigit()
    assert found['haproxy_process_node{node="here"}'] == "1"
    assert found['haproxy_backend_agg_server_status{proxy="app",state="MAINT"}'] == "1"
    assert found['haproxy_backend_agg_server_status{proxy="app",state="UP"}'] == "2"
    assert found['haproxy_server_check_code{proxy="app",server="s1"}'] == "200"
    assert 'haproxy_server_check_code{proxy="app",server="s2"}' not in found  # nobody checks it
    assert found['haproxy_server_limit_sessions{proxy="app",server="s2"}'] == "NaN"


def scopes(series: dict[str, str]) -> set[str]:
    return {name.split("_")[1] for name in series}


def test_parameters(peer: Kind, tmp_path: Path) -> None:
    every = {"process", "frontend", "listener", "backend", "server"}
    with running(peer, tmp_path) as one:
        settle(one)
        for parameters, expected in (
            ("?scope=global", {"process"}),
            ("?scope=server&scope=backend", {"server", "backend"}),
            ("?scope=*", every),
            ("?scope=", set()),
            ("?scope=server&scope=", set()),
            ("?scope=&scope=listener", {"listener"}),
            ("?scope=ser%76er", {"server"}),
            ("?other=1", every),
            ("?", every),
            ("?sc%6fpe=frontend&x", {"frontend"}),
        ):
            assert scopes(one.series(parameters)) == expected, parameters
        full = one.series("?scope=server")
        less = one.series("?scope=server&no-maint")
        assert {name for name in full if name not in less} == {name for name in full if 'server="s3"' in name} != set()
        for parameters in ("?scope=nothing", "?scope", "?scope=Server", "?scope=%zz", "?scope=server;no-maint"):
            assert one.get("/metrics" + parameters)[0] == 400, parameters


def test_parameters_of_newer_versions(pointsman: Kind, tmp_path: Path) -> None:
    """As 3.2 answers: metrics, desc-labels, resolver."""
    text = TEXT.replace("backend dead\n", 'backend dead\n    description "a \\"b\\" c"\n')
    with running(pointsman, tmp_path, text) as one:
        weight, status = "haproxy_backend_weight", "haproxy_backend_status"
        for parameters, expected in (
            (f"?metrics={weight},{status}", {weight, status}),
            (f"?metrics={weight}&metrics={status}", {weight, status}),
            (f"?metrics={weight},-{weight}", set()),
            ("?metrics=nothing", set()),
            ("?scope=resolver", set()),
            (f"?metrics=,{weight},", {weight}),
            (f"?metrics={weight}%2C{status}", {weight, status}),
        ):
            assert {name.partition("{")[0] for name in one.series(parameters)} == expected, parameters
        rest = one.series(f"?scope=backend&metrics=-{status}")
        assert rest and not any(name.startswith(status) for name in rest)
        assert one.series("?metrics=").keys() == one.series().keys()
        assert one.get("/metrics?metrics")[0] == 400
        described = one.series(f"?desc-labels&metrics={weight}")
        assert list(described) == [
            f'{weight}{{proxy="{name}"{text}}}'
            for name, text in (("raw", ""), ("app", ""), ("dead", r',desc="a \"b\" c"'), ("late", ""))
        ]


def test_an_answer_passes_the_rules_of_responses(peer: Kind, tmp_path: Path) -> None:
    """http-response and http-after-response rules of the frontend and, in it, of the backend; and the log line."""
    with running(peer, tmp_path) as one:
        status, fields, _ = one.get("/metrics?scope=listener")
        assert (status, fields["content-type"], fields["cache-control"]) == (
            200,
            "text/plain; version=0.0.4",
            "no-cache",
        )
        assert (fields["x-response-rule"], fields["x-after-rule"], fields["x-late"]) == ("yes", "yes", None)
        assert re.search(r" metrics metrics/<PROMEX> 0/0/0/\d+/\d+ 200 \d+ - - LR-- ", one.log_line())
        status, fields, _ = one.get("/else?scope=listener")
        assert (status, fields["x-response-rule"], fields["x-late"]) == (200, "yes", "yes")
        assert re.search(r" metrics late/<PROMEX> 0/0/0/\d+/\d+ 200 \d+ - - LR-- ", one.log_line())
        status, fields, _ = one.get("/metrics?scope=nothing")
        assert (status, fields["x-response-rule"]) == (400, "yes")
        assert re.search(r" metrics metrics/<PROMEX> 0/0/0/0/0 400 \d+ - - LR-- ", one.log_line())
        status, fields, text = one.get("/metrics", method="HEAD")
        assert (status, fields["transfer-encoding"], text) == (200, "chunked", "")
        one.log_line()
        assert one.get("/metrics?scope=listener", method="POST")[0] == 200
        one.log_line()
        found = show_stat(one.folder / "stats")["metrics/FRONTEND"]
        assert (found["req_tot"], found["intercepted"], found["hrsp_2xx"], found["hrsp_4xx"]) == ("5", "4", "4", "1")


def test_a_response_rule_may_deny_it(pointsman: Kind, tmp_path: Path) -> None:
    text = TEXT.replace("    http-response set-header x-response-rule yes", "    http-response deny status 451")
    with running(pointsman, tmp_path, text) as one:
        assert one.get("/metrics")[0] == 451
        assert one.get("/metrics")[0] == 451


def test_requests_of_a_connection_and_of_http_1_0(pointsman: Kind, tmp_path: Path) -> None:
    """The connection goes on; HTTP/1.0 has no chunks, so there the answer ends with the connection."""
    with running(pointsman, tmp_path) as one:
        connection = http.client.HTTPConnection("127.0.0.1", one.program.ports["metrics"], timeout=10)
        for _ in range(3):
            connection.request("GET", "/metrics?scope=frontend")
            assert "haproxy_frontend_status" in connection.getresponse().read().decode()
        connection.close()
        with socket.create_connection(("127.0.0.1", one.program.ports["metrics"]), 5) as sock:
            sock.sendall(b"GET /metrics?scope=listener HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            data = b"".join(iter(lambda: sock.recv(65_536), b""))
        assert b"transfer-encoding" not in data and b"connection: close" in data
        assert (
            data.endswith(b'haproxy_listener_internal_errors_total{proxy="web",listener="main"} 0\n')
            or b"haproxy_listener_response_bytes_out_total" in data.rsplit(b"\n", 2)[1]
        )


def test_prometheus_own_parser_reads_it(pointsman: Kind, tmp_path: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="the package prometheus-client is not installed")
    text = TEXT.replace("backend dead\n", 'backend dead\n    description "a \\"b\\" \\\\ c"\n')
    with running(pointsman, tmp_path, text) as one:
        traffic(one)
        plain = one.series("?desc-labels&extra-counters")
        text = one.get("/metrics?desc-labels&extra-counters")[2]
    families = list(parser.text_string_to_metric_families(text))
    samples = [sample for family in families for sample in family.samples]
    assert len([one for one in samples if not one.name.startswith("haproxy_resolver_")]) == len(plain) > 500
    assert all(family.documentation for family in families)
    assert all(family.type in ("gauge", "counter") for family in families)
    keys = {(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples}
    assert len(keys) == len(samples)  # no series twice
    assert {sample.labels["desc"] for sample in samples if "desc" in sample.labels} == {'a "b" \\ c'}


MANY = """
global
    nbthread {lanes}
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 5s
frontend metrics
    bind 127.0.0.1:{port:metrics}
    http-request use-service prometheus-exporter if { path /metrics }
    http-request return status 200 if { path /here }
    default_backend checked
backend many
    server-template s 1-10000 127.0.0.1:9
backend checked
    option httpchk
    server c1 127.0.0.1:{origin} check inter 50ms
"""


@pytest.mark.parametrize("lanes", ["1", "2"])
def test_a_scrape_of_ten_thousand_servers_keeps_nobody_waiting(lanes: str, tmp_path: Path) -> None:
    """While it is written the runtime socket answers, requests are answered, and checks are made."""
    origin = Origin(answering(b"hello"))
    try:
        with Program(POINTSMAN, MANY, tmp_path, {"lanes": lanes, "origin": str(origin.port)}, patience=60) as program:
            done: list[int] = []

            def scrape() -> None:
                connection = http.client.HTTPConnection("127.0.0.1", program.ports["metrics"], timeout=120)
                connection.request("GET", "/metrics?scope=server")
                done.append(connection.getresponse().read().count(b"\n"))
                connection.close()

            checked, started = len(origin.actors), time.monotonic()
            thread = threading.Thread(target=scrape)
            thread.start()
            time.sleep(0.2)
            waits: list[float] = []
            while thread.is_alive():
                began = time.monotonic()
                assert "Uptime" in query(tmp_path / "stats", "show info")
                with socket.create_connection(("127.0.0.1", program.ports["metrics"]), 10) as sock:
                    sock.sendall(b"GET /here HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    assert sock.recv(100).startswith(b"HTTP/1.1 200 ")
                waits.append(time.monotonic() - began)
                time.sleep(0.02)
            assert done[0] > 10_000 * 50
            assert len(waits) > 5 and sorted(waits)[len(waits) // 2] < 0.5, waits
            assert len(origin.actors) - checked >= min(3, int((time.monotonic() - started) / 0.2)), len(origin.actors)
    finally:
        origin.close()


def test_a_client_that_takes_nothing_costs_nothing(pointsman: Kind, tmp_path: Path) -> None:
    """The writer waits for it, and others are served; once it leaves, all is given back."""
    text = MANY.replace("{lanes}", "2").replace("timeout client 60s", "timeout client 1s").replace("1-10000", "1-3000")
    origin = Origin(answering(b"hello"))
    try:
        with Program(pointsman, text, tmp_path, {"origin": str(origin.port)}, patience=60) as program:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", program.ports["metrics"]))
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.5)
            connection = http.client.HTTPConnection("127.0.0.1", program.ports["metrics"], timeout=60)
            connection.request("GET", "/metrics?scope=global")
            assert b"haproxy_process_nbthread 2\n" in connection.getresponse().read()
            connection.close()
            limit = time.monotonic() + 10
            while time.monotonic() < limit:  # timeout client ends it
                if "CurrConns: 0\n" in query(tmp_path / "stats", "show info"):
                    break
                time.sleep(0.1)
            assert "CurrConns: 0\n" in query(tmp_path / "stats", "show info")
            sock.close()
    finally:
        origin.close()


def test_a_writer_that_dies_is_replaced(pointsman: Kind, tmp_path: Path) -> None:
    """The client of an answer that will not be whole sees so; the next one has its answer from the next control."""
    text = MANY.replace("{lanes}", "2")
    origin = Origin(answering(b"hello"))
    try:
        with Program(pointsman, text, tmp_path, {"origin": str(origin.port)}, patience=60) as program:
            port = program.ports["metrics"]
            until(lambda: len(children(program.pid)) == 3)
            control = children(program.pid)[-1]
            with socket.create_connection(("127.0.0.1", port), 10) as sock:
                sock.sendall(b"GET /metrics?scope=server HTTP/1.1\r\nHost: x\r\n\r\n")
                data = sock.recv(1000)
                os.kill(control, signal.SIGKILL)
                data += b"".join(iter(lambda: sock.recv(65_536), b""))
            assert data.startswith(b"HTTP/1.1 200 ") and not data.endswith(b"\r\n0\r\n\r\n")
            until(lambda: len(children(program.pid)) == 3 and control not in children(program.pid))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/metrics?scope=global")
            assert b"haproxy_process_nbthread 2\n" in connection.getresponse().read()
            connection.close()
    finally:
        origin.close()
