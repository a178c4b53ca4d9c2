"""What each tutorial promises, as a story played on a stage (see support/stage.py). One function for each seed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from support.programs import HAPROXY
from support.receiver import LogReceiver
from support.scenario import query
from support.stage import Stage
from tutorial_apps import fitness, fitness_static, form, hello, main_page, numbered

# A check every 2 s, three failures in a row (the manual's defaults for inter and fall): 6 s and a little.
DETECTED = 7.0
# Log lines are written after the connection has ended.
WRITTEN = 0.3


def bodies(stage: Stage, count: int, path: str = "/") -> list[str]:
    """That many answers, each 200, one after the other."""
    answers = [stage.get(path) for _ in range(count)]
    assert all(answer.status == 200 for answer in answers), answers
    return [answer.body for answer in answers]


def cycles(seen: list[str], length: int) -> None:
    """The answers go round, each of the first `length` in turn."""
    assert len(set(seen[:length])) == length, seen
    assert seen == (seen[:length] * len(seen))[: len(seen)], seen


def traffic_police(stage: Stage) -> None:
    """Episode 1: round robin, a failed server left out, logs through chroot, a socket, a user, the background."""
    stage.address("192.168.1.2", "192.168.1.3", "192.168.1.4")
    services = [hello(f"app{n}", 5000, host=f"192.168.1.{n + 1}") for n in (1, 2, 3)]
    receivers = [stage.log]
    if stage.kind is HAPROXY:
        # Debian's rsyslog listens inside the chroot as well, because HAProxy opens /dev/log after it went there.
        receivers.append(LogReceiver(Path("/var/lib/haproxy/dev/log")))
        os.chmod("/var/lib/haproxy/dev/log", 0o666)
    stage.start("ep1-traffic-police")
    cycles(bodies(stage, 9), 3)

    status = Path(f"/proc/{stage.pid}/status").read_text()
    owner = os.stat("/run/haproxy/admin.sock")
    assert "\nUid:\t0\t" not in status
    assert os.readlink(f"/proc/{stage.pid}/root") == "/var/lib/haproxy"
    assert stat.S_IMODE(owner.st_mode) == 0o660
    info = query(Path("/run/haproxy/admin.sock"), "show info")
    assert f"\nPid: {stage.pid}\n" in info
    assert "app2" in query(Path("/run/haproxy/admin.sock"), "show stat")

    services[1].stop()
    time.sleep(DETECTED)
    cycles(bodies(stage, 8), 2)
    time.sleep(WRITTEN)
    lines = [line for receiver in receivers for line in receiver.wait(0)]
    traffic = [line for line in lines if line.startswith("<134>") and " http_front http_back/app" in line]
    assert len(traffic) >= 17, lines
    # The change of state reaches both facilities (local0 is 16, local1 is 17; manual 3.1), as alert or notice.
    down = [line for line in lines if "Server http_back/app2 is DOWN" in line]
    assert {int(line[1 : line.index(">")]) >> 3 for line in down} == {16, 17}, lines
    assert not [line for line in lines if line.startswith("<142>")], "local1 takes notices and worse only"
    stage.stop()


def tcp(stage: Stage) -> None:
    """Episode 2: Flask over a raw TCP proxy; round robin over two; logs on standard output."""
    for n, port in ((1, 5000), (2, 5001)):
        hello(f"Hello from Flask over TCP! {n}", port)
    stage.start("ep2-tcp", 4000)
    cycles(bodies(stage, 6), 2)
    time.sleep(WRITTEN)
    stage.stop()
    lines = [line for line in stage.printed().splitlines() if " tcp_front flask_backend/flask" in line]
    assert len(lines) == 6, stage.printed()
    assert " -- " in lines[0]


def layer7(stage: Stage) -> None:
    """Episode 3: routes by path; logs on standard output."""
    fitness_static(5001)
    fitness(5002)
    stage.start("ep3-l7")
    assert stage.get("/static/site.css").body == "static site.css"
    assert stage.get("/").body == "Welcome to FitGuru!"
    assert '"Here is your data"' in stage.get("/api/data").body
    assert stage.get("/nothing").status == 404
    time.sleep(WRITTEN)
    stage.stop()
    printed = stage.printed()
    assert " http_front static_backend/static1 " in printed
    assert '"GET /api/data HTTP/1.1"' in printed


def path_fragment(stage: Stage) -> None:
    """Episode 4, by path, without a defaults section."""
    hello("static", 5001)
    hello("dynamic", 5002)
    stage.start("ep4-1-path")
    assert stage.get("/static/x").body == "static"
    assert stage.get("/other").body == "dynamic"
    stage.stop()


def source_fragment(stage: Stage) -> None:
    """Episode 4, by source address."""
    stage.address("192.168.1.77", "192.168.2.77")
    hello("web", 5003)
    stage.start("ep4-2-src")
    assert stage.get(source="192.168.1.77").status == 403
    assert stage.get(source="192.168.2.77").body == "web"
    assert stage.get().body == "web"
    stage.stop()


def method_fragment(stage: Stage) -> None:
    """Episode 4, by method."""
    hello("general", 5007)
    form(5006)
    stage.start("ep4-4-method")
    assert stage.get("/submit", method="POST", body=b"a=b").body == "Form submitted successfully!"
    assert stage.get("/submit").body == "general"
    assert stage.get("/", method="HEAD").status == 200
    stage.stop()


def agent_fragment(stage: Stage) -> None:
    """Episode 4, by user agent in any case."""
    hello("mobile", 5008)
    hello("desktop", 5009)
    stage.start("ep4-5-user-agent")
    for agent, expected in (
        ("X Mobile/1", "mobile"),
        ("MOBILE", "mobile"),
        ("xmobilex", "mobile"),
        ("Desk", "desktop"),
    ):
        assert stage.get(headers={"User-Agent": agent}).body == expected
    assert stage.get().body == "desktop"
    stage.stop()


def admin_fragment(stage: Stage) -> None:
    """Episode 4, /admin from the internal network only."""
    stage.address("192.168.10.5")
    hello("web", 5015)
    stage.start("ep4-6-admin")
    assert stage.get("/admin").status == 403
    assert stage.get("/admin/users").status == 403
    assert stage.get("/admin", source="192.168.10.5").body == "web"
    assert stage.get("/").body == "web"
    stage.stop()


def flask_fragment(stage: Stage) -> None:
    """Episode 4, POST and /submit together."""
    main_page(5003)
    form(5004)
    stage.start("ep4-7-flask")
    assert stage.get("/").body == "Welcome to the main page!"
    assert stage.get("/submit", method="POST", body=b"name=x").body == "Form submitted successfully!"
    assert stage.get("/submit").status == 404
    assert stage.get("/", method="POST", body=b"x").status == 405
    stage.stop()


def roundrobin(stage: Stage) -> None:
    """Episode 5: answers alternate; a dead server is left out without a failed request; it comes back."""
    services = numbered()
    stage.start("ep5-roundrobin")
    cycles(bodies(stage, 9), 3)
    services[0].stop()
    time.sleep(DETECTED)
    seen = bodies(stage, 20)
    assert Counter(seen) == {"Hello from Flask App 2!": 10, "Hello from Flask App 3!": 10}
    stage.stop()


def leastconn(stage: Stage) -> None:
    """Episode 6: applications 1 and 3 are slow; while they are busy the fast one gets the traffic."""
    gates = [threading.Event() for _ in range(3)]
    services = numbered(gates)
    stage.start("ep6-leastconn")
    # As long as none answers, each gets its share. A connection is given back after the client has seen the answer, and
    # another thread or lane may choose before that: so the slow ones get more than such a moment can make up for.
    first = []
    for count in range(1, 10):
        first.append(stage.later())
        limit = time.monotonic() + 5
        while sum(service.requests for service in services) < count:
            assert time.monotonic() < limit, "nobody was asked"
            time.sleep(0.01)
    assert [service.requests for service in services] == [3, 3, 3]
    gates[1].set()
    while sum(one.done() for one in first) < 3:
        time.sleep(0.01)
    time.sleep(WRITTEN)
    seen = bodies(stage, 20)
    gates[0].set()
    gates[2].set()
    assert set(seen) == {"Hello from Flask App 2!"}
    assert Counter(answer.result().body for answer in first) == {f"Hello from Flask App {n}!": 3 for n in (1, 2, 3)}
    stage.stop()


def _moves(stage: Stage, seed: str, ask: list[dict[str, str]]) -> None:
    """Each asker keeps its server; when one server dies, only its askers move."""
    services = numbered()
    stage.start(seed)

    def where() -> list[str]:
        answers = [stage.get(**one) for one in ask]
        assert all(answer.status == 200 for answer in answers), answers
        return [answer.body for answer in answers]

    before = where()
    assert before == where()
    assert len(set(before)) == 3, Counter(before)
    services[1].stop()
    time.sleep(DETECTED)
    after = where()
    dead = "Hello from Flask App 2!"
    assert dead not in after
    assert [new for old, new in zip(before, after, strict=True) if old != dead] == [
        old for old in before if old != dead
    ]
    stage.stop()


def source(stage: Stage) -> None:
    """Episode 7: a client address keeps its server."""
    _moves(stage, "ep7-source", [{"source": f"127.0.{n}.{7 * n}"} for n in range(1, 31)])


def uri(stage: Stage) -> None:
    """Episode 7: a URI keeps its server."""
    _moves(stage, "ep7-uri", [{"path": f"/page/{n}"} for n in range(1, 31)])


def random(stage: Stage) -> None:
    """Episode 8: random draws reach every server."""
    numbered()
    stage.start("ep8-random")
    seen = Counter(bodies(stage, 60, "/data"))
    # 60 draws of three equal servers: fewer than 5 for one of them happens less than once in 100,000 runs.
    assert len(seen) == 3 and min(seen.values()) >= 5, seen
    stage.stop()
    assert "random(2)" in stage.printed(), "the warning names the better spelling"


def weighted(stage: Stage) -> None:
    """Episode 9: counts follow the weights 2, 1, 3 exactly."""
    numbered()
    stage.start("ep9-weighted")
    seen = Counter(bodies(stage, 60))
    assert seen == {"Hello from Flask App 1!": 20, "Hello from Flask App 2!": 10, "Hello from Flask App 3!": 30}
    stage.stop()


def cloud(stage: Stage) -> None:
    """The cloud tutorial: old spellings, one name twice, error files; its servers stand on a network of their own."""
    apps = str(Path(__file__).with_name("tutorial_apps.py"))
    far = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", 'echo away; read go; exec "$@"', "sh", sys.executable, apps,
         "172.31.6.124:80", "172.31.6.125:80"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert far.stdin is not None and far.stdout is not None
    assert far.stdout.readline() == b"away\n"
    there = ["nsenter", "--target", str(far.pid), "--net", "ip"]
    for command in (
        ["ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(far.pid)],
        ["ip", "address", "add", "172.31.6.1/24", "dev", "near"],
        ["ip", "link", "set", "near", "up"],
        [*there, "link", "set", "lo", "up"],
        [*there, "address", "add", "172.31.6.124/24", "dev", "far"],
        [*there, "address", "add", "172.31.6.125/24", "dev", "far"],
        [*there, "link", "set", "far", "up"],
    ):
        subprocess.run(command, check=True)
    far.stdin.write(b"go\n")
    far.stdin.flush()
    assert far.stdout.readline() == b"ready\n"
    stage.start("aws")
    seen = bodies(stage, 6)
    cycles(seen, 2)
    assert set(seen) == {"It works on 172.31.6.124", "It works on 172.31.6.125"}
    far.kill()
    far.wait()
    time.sleep(DETECTED + 6)
    assert stage.get().body == "<p>page 503</p>\n"
    stage.stop()
    lines = stage.log.wait(0)
    assert [line for line in lines if " haproxy_in haproxy_in/web01 " in line], lines
