"""Clients that others have written for HAProxy, against both programs: each gets the same answers (docs/clients.md).

Those in Python are looked for in the folder POINTSMAN_CLIENTS (the bin of a virtual environment of their own, as they
bring packages that do not suit ours), else beside the interpreter that runs the tests; others on the path. A client
that is not there is skipped by its name.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.origin import Origin, answering
from support.ports import free_port
from support.programs import Kind, Program
from support.receiver import LogReceiver

TEXT = """
global
    stats socket {dir}/haproxy.sock mode 600 level admin
    stats timeout 10s
    log {log} local0
    nbthread 2
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web}
    http-request set-header x %[path,map({dir}/some.map)]
    http-request deny if {{ path -f {dir}/some.acl }}
    default_backend app
frontend other
    bind 127.0.0.1:{port:other}
    default_backend app
frontend stats
    bind 127.0.0.1:{port:stats}
    stats enable
    stats uri /stats
backend app
    balance roundrobin
    server s1 127.0.0.1:{one} check inter 300ms weight 2
    server s2 127.0.0.1:{one} check inter 300ms
backend spare
    server u1 127.0.0.1:{one}
"""
HERE = Path(os.environ.get("POINTSMAN_CLIENTS") or Path(sys.executable).parent)


@dataclass(frozen=True, slots=True)
class Running:
    program: Program
    folder: Path
    receiver: LogReceiver

    @property
    def socket(self) -> str:
        return str(self.folder / "haproxy.sock")

    def url(self, name: str, path: str) -> str:
        return f"http://127.0.0.1:{self.program.ports[name]}{path}"

    def ask(self, line: str) -> str:
        data = b""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(self.socket)
            sock.sendall(line.encode() + b"\n")
            while some := sock.recv(65536):
                data += some
        return data.decode()


@contextmanager
def running(kind: Kind, folder: Path) -> Iterator[Running]:
    """After twelve requests that were answered and one that was denied."""
    (folder / "some.map").write_text("a 1\nb 2\n")
    (folder / "some.acl").write_text("/x\n/y\n")
    receiver, origin = LogReceiver(), Origin(answering(b"ok"))
    text = TEXT.replace("{{", "{").replace("}}", "}")
    try:
        with Program(kind, text, folder, {"log": receiver.where, "one": str(origin.port)}) as program:
            one = Running(program, folder, receiver)
            for path in ["/a", "/b", "/c"] * 4 + ["/x"]:
                with socket.create_connection(("127.0.0.1", program.ports["web"]), 5) as sock:
                    sock.sendall(b"GET %b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % path.encode())
                    while sock.recv(65536):
                        pass
            limit = time.monotonic() + 5
            while one.ask("show stat app 4 -1").count(",L4OK,") < 2 and time.monotonic() < limit:
                time.sleep(0.05)
            receiver.wait(13)
            yield one
    finally:
        origin.close()
        receiver.close()


def command(name: str) -> str:
    found = shutil.which(name, path=f"{HERE}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def python_with(module: str) -> str:
    """An interpreter that has it."""
    for place in (str(HERE / "python"), sys.executable):
        if (
            Path(place).exists()
            and subprocess.run([place, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
        ):
            return place
    pytest.skip(f"the Python package {module} is not installed")


def run(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


HAPROXYADMIN = """
import json, sys
from haproxyadmin import haproxy
balancer = haproxy.HAProxy(socket_dir=sys.argv[1])
found = {}
found["process"] = [balancer.nodename != "", balancer.totalrequests > 13, balancer.metric("CurrConns")]
found["frontends"] = [[one.name, one.status, one.requests] for one in balancer.frontends()]
found["backends"] = [[one.name, one.status, [server.name for server in one.servers()]] for one in balancer.backends()]
found["servers"] = [[one.name, one.status, one.weight, one.check_status, one.requests] for one in balancer.servers()]
server = balancer.server("s1", backend="app")[0]
found["drain"] = [server.setstate("drain"), server.status]
found["maint"] = [server.setstate("maint"), server.status]
found["ready"] = [server.setstate("ready"), server.status[:2]]
found["weight"] = [server.setweight(5), server.weight, server.setweight("50%"), server.weight]
found["map"] = [balancer.add_map("0", "z", "26"), balancer.set_map("0", "z", "27"), balancer.get_map("0", "z"),
                balancer.del_map("0", "z"), len(balancer.show_map("0"))]
found["acl"] = [balancer.add_acl("1", "/zz"), balancer.get_acl("1", "/zz"), balancer.del_acl("1", "/zz")]
front = balancer.frontend("other")
found["frontend"] = [front.disable(), front.status, front.enable(), front.status]
found["frontend"] += [front.setmaxconn(50), front.shutdown()]
found["limits"] = [balancer.setmaxconn(90), balancer.setratelimitconn(100), balancer.setratelimitsess(100),
                   balancer.setratelimitsslsess(100), balancer.clearcounters()]
print(json.dumps(found))
"""


def test_haproxyadmin(peer: Kind, tmp_path: Path) -> None:
    """haproxyadmin 0.2.4 (PyPI)."""
    python = python_with("haproxyadmin")
    with running(peer, tmp_path) as one:
        found = json.loads(run([python, "-c", HAPROXYADMIN, str(one.folder)]))
    assert found == {
        "process": [True, True, 0],
        "frontends": [["web", "OPEN", 13], ["other", "OPEN", 0], ["stats", "OPEN", 0]],
        "backends": [["app", "UP", ["s1", "s2"]], ["spare", "UP", ["u1"]]],
        "servers": [["s1", "UP", "2", "L4OK", 8], ["s2", "UP", "1", "L4OK", 4], ["u1", "no check", "1", "", 0]],
        "drain": [True, "DRAIN"],
        "maint": [True, "MAINT"],
        "ready": [True, "UP"],
        "weight": [True, "5", True, "1"],
        "map": [True, True, 'type=str, case=sensitive, found=yes, idx=tree, key="z", value="27", type="str"', True, 2],
        "acl": [True, 'type=str, case=sensitive, match=yes, idx=tree, pattern="/zz"', True],
        "frontend": [True, "PAUSED", True, "OPEN", True, True],
        "limits": [True] * 5,
    }


def test_haproxytool(peer: Kind, tmp_path: Path) -> None:
    """haproxytool 0.5.7 (PyPI)."""
    tool = command("haproxytool")
    with running(peer, tmp_path) as one:

        def say(words: str) -> list[list[str]]:
            """Its answer in words, by lines; headings left out."""
            kind, *rest = words.split()
            lines = run([tool, kind, "-D", str(one.folder), *rest]).splitlines()
            return [line.split() for line in lines if not line.startswith("#")]

        assert say("frontend -r") == [["web", "13"], ["other", "0"], ["stats", "0"]]
        assert say("frontend -s") == [["web", "OPEN"], ["other", "OPEN"], ["stats", "OPEN"]]
        assert say("backend -l") == [["app"], ["spare"]]
        assert say("server -W") == [["app", "s1", "2"], ["app", "s2", "1"], ["spare", "u1", "1"]]
        say("server -f -d s2")
        assert ["app", "s2", "MAINT"] in say("server -s")
        say("server -R s2")
        assert any(line[:3] == ["app", "s2", "UP"] for line in say("server -s"))
        say("server -w 4 s2")
        assert say("server -W s2") == [["app", "s2", "4"]]
        say("frontend -d other")
        assert say("frontend -s other") == [["other", "PAUSED"]]
        say("frontend -e other")
        assert say("frontend -s other") == [["other", "OPEN"]]
        assert any("some.map" in " ".join(line) for line in say("map -l"))
        say("map -A 0 c 3")
        assert [line[1:] for line in say("map -s 0") if line] == [["a", "1"], ["b", "2"], ["c", "3"]]
        assert say("haproxy -m CurrConns") == [["CurrConns", "=", "0"]]


COLLECTD = """
import json, sys, types
collectd = types.ModuleType("collectd")
for name in ("register_config", "register_init", "register_read", "register_shutdown", "info", "error", "warning",
             "debug"):
    setattr(collectd, name, lambda *words, **others: None)
sys.modules["collectd"] = collectd
from collectd_haproxy.connection import HAProxySocket
wire = HAProxySocket(collectd, sys.argv[1])
names = [name for name, value in wire.gen_info()]
rows = {proxy + "/" + row["svname"]: row["stot"] for proxy, row in wire.gen_stats(True, True, True)}
print(json.dumps([[name in names for name in ("CumConns", "Idle_pct", "Uptime_sec")], rows]))
"""


def test_collectd_haproxy(peer: Kind, tmp_path: Path) -> None:
    """collectd-haproxy 1.2.1 (PyPI), in a collectd that only listens."""
    python = python_with("collectd_haproxy.compat")
    with running(peer, tmp_path) as one:
        names, rows = json.loads(run([python, "-c", COLLECTD, one.socket]))
    assert names == [True] * 3
    assert rows == {
        "web/FRONTEND": "13",
        "other/FRONTEND": "0",
        "stats/FRONTEND": "0",
        "app/s1": "8",
        "app/s2": "4",
        "app/BACKEND": "12",
        "spare/u1": "0",
        "spare/BACKEND": "0",
    }


def test_hatop(peer: Kind, tmp_path: Path) -> None:
    """hatop 0.8.2 (Debian), on a terminal of its own."""
    program = command("hatop")
    with running(peer, tmp_path) as one:
        terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 150, 0, 0))
        client = subprocess.Popen(
            [program, "-s", one.socket, "-i", "1"],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(inner)
        shown = b""
        try:
            limit = time.monotonic() + 10
            while b"spare" not in shown and time.monotonic() < limit:
                if select.select([terminal], [], [], 0.2)[0]:
                    shown += os.read(terminal, 65536)
        finally:
            client.kill()
            client.wait()
            os.close(terminal)
    text = re.sub(r"\x1b[\[(][0-9;?]*[A-Za-z]", " ", shown.decode("latin-1"))
    for part in ("HAProxy Version: ", "Node: ", "NAME", ">>>", "FRONTEND", "L4OK", "spare"):
        assert part in text, text


def test_prometheus_haproxy_exporter(peer: Kind, tmp_path: Path) -> None:
    """prometheus-haproxy-exporter 0.14 (Debian), by the socket and by CSV over HTTP."""
    program = command("prometheus-haproxy-exporter")
    with running(peer, tmp_path) as one:
        for where in (f"unix:{one.socket}", one.url("stats", "/stats;csv")):
            port = free_port()
            with subprocess.Popen(
                [program, f"--haproxy.scrape-uri={where}", f"--web.listen-address=127.0.0.1:{port}"],
                stderr=subprocess.DEVNULL,
            ) as exporter:
                text = ""
                limit = time.monotonic() + 10
                while not text and time.monotonic() < limit:
                    try:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                            text = answer.read().decode()
                    except OSError:
                        time.sleep(0.1)
                exporter.terminate()
            for line in (
                "haproxy_up 1",
                'haproxy_backend_up{backend="app"} 1',
                'haproxy_frontend_http_responses_total{code="2xx",frontend="web"} 12',
                'haproxy_server_weight{backend="app",server="s1"} 2',
                "haproxy_exporter_csv_parse_failures_total 0",
            ):
                assert line in text, line


def log_file(one: Running) -> str:
    """The log as a syslog daemon writes it."""
    lines = [re.sub(r"^<\d+>(\w+ +\d+ [\d:]+) ", r"\1 localhost ", line) for line in one.receiver.wait(13)]
    path = one.folder / "haproxy.log"
    path.write_text("".join(line + "\n" for line in lines))
    return str(path)


def test_halog(peer: Kind, tmp_path: Path) -> None:
    """halog, of Debian's package haproxy."""
    program = shutil.which("halog", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("halog is not installed")
    with running(peer, tmp_path) as one, Path(log_file(one)).open("rb") as file:
        text = file.read()
    servers = subprocess.run([program, "-srv", "-q"], input=text, capture_output=True, check=True).stdout.decode()
    statuses = subprocess.run([program, "-st", "-q"], input=text, capture_output=True, check=True).stdout.decode()
    found = {line.split()[0]: line.split()[2] for line in servers.splitlines() if "/" in line.split()[0]}
    assert found == {"app/s1": "8", "app/s2": "4", "web/<NOSRV>": "0"}
    assert statuses.split() == ["200", "12", "403", "1"]


def test_haproxy_log_analysis(peer: Kind, tmp_path: Path) -> None:
    """haproxy-log-analysis 6.0.0 (PyPI)."""
    program = command("haproxy_log_analysis")
    with running(peer, tmp_path) as one:
        lines = run(
            [program, "-l", log_file(one), "--json", "-c", "counter,http_methods,status_codes_counter,server_load"]
        ).splitlines()
    found: dict[str, object] = {}
    for line in lines:
        if line.startswith("{"):
            found.update(json.loads(line))
    assert found == {
        "COUNTER": 13,
        "HTTP_METHODS": [{"GET": 13}],
        "STATUS_CODES_COUNTER": [{"200": 12}, {"403": 1}],
        "SERVER_LOAD": [{"s1": 8}, {"s2": 4}, {"<NOSRV>": 1}],
    }
