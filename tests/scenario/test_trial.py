"""`pointsman try`: files that no laptop could run as they are come up, answer, misbehave, and leave nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.ports import free_port
from support.programs import ROOT, environment

from pointsman.core.tls import MISSING

PATIENCE = 60.0
LONG = os.environ.get("POINTSMAN_LONG") == "1"  # all examples
FILES = sorted((Path(__file__).parent / "laptop").glob("*.cfg"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.cfg"))
CONFIG = """\
global
    chroot /var/lib/haproxy
    user nobodyhere
    group nogrouphere
    daemon
    pidfile /run/haproxy.pid
    maxconn 200000
    nbthread 16
    crt-base /etc/nowhere/certs
    ca-base /etc/nowhere/ca
    log logs.internal:514 local0
    stats socket /run/nowhere/admin.sock user nobodyhere mode 660 level admin expose-fd listeners
    server-state-file /var/lib/nowhere/state
defaults
    mode http
    balance roundrobin
    log global
    option httplog
    timeout connect 2s
    timeout client 10s
    timeout server 10s
    retries 0
    errorfile 503 /etc/nowhere/errors/503.http
resolvers dns
    nameserver a 10.0.0.9:53
peers mesh
    peer a 10.0.0.1:1024
    peer b 10.0.0.2:1024
frontend www
    bind :80,:::80
    bind "*:${WEB_PORT}"
    bind :443 ssl crt site.pem alpn h2,http/1.1 thread 3-4
    bind :444 ssl crt-list /etc/nowhere/list.txt strict-sni
    bind :445 ssl crt site.pem ca-file clients.pem crl-file clients.crl verify required
    bind /run/nowhere/www.sock mode 660 user nobodyhere
    bind :81 accept-proxy interface eth9
    bind :82 proto h2
    bind quic4@:443 ssl crt site.pem alpn h3
    http-request deny if { src -f /etc/nowhere/deny.lst }
    http-request set-header X-Map %[path,map_beg(/etc/nowhere/paths.map,none)]
    http-request return status 200 content-type text/plain lf-string "port %[dst_port]" if { path /port }
    use_backend api if { req.hdr(Host) -i api.example.com }
    use_backend secure if { hdr(host) -i secure.example.com }
    use_backend real if { hdr(host) -i real.example.com }
    use_backend inner if { hdr(host) -i inner.example.com }
    default_backend web
frontend expecting
    bind :83
    tcp-request connection expect-proxy layer4
    http-request return status 200 content-type text/plain lf-string "from %[src]"
frontend through
    mode tcp
    no log
    bind :446
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend passed if { req.ssl_sni -m end .pass.example.com }
backend passed
    mode tcp
    server p1 10.0.0.6:443 send-proxy
frontend inner
    bind abns@inner accept-proxy
    default_backend web
backend real
    server mine localhost:REAL
backend table
    stick-table type ip size 1m expire 30s store gpc0 peers mesh
backend web
    no log
    option httpchk
    http-check send meth GET uri /health ver HTTP/1.1 hdr Host www
    http-check expect rstring "status: (up|green)[0-9]+"
    server w1 10.0.0.1:80 check port 8080 inter 500ms
    server w2 app.internal:80 check source 10.8.8.8 usesrc clientip
backend api
    server-template a 2 _http._tcp.api.internal resolvers dns
backend secure
    server h2 10.0.0.3:443 ssl verify required ca-file inner.pem alpn h2 sni req.hdr(host)
    server h1 10.0.0.4:443 ssl verify required ca-file inner.pem verifyhost pay.internal send-proxy-v2
backend inner
    server own abns@inner send-proxy
backend broken
    option httpchk
    http-check expect rstring (?=up)down
    server b1 10.0.0.5:80 check
listen mysql
    mode tcp
    bind :3306
    no log
    option mysql-check user haproxy
    server m1 10.1.0.1:3306 check inter 500ms agent-check agent-port 99 agent-inter 500ms
listen redis
    mode tcp
    bind :6379
    option tcp-check
    tcp-check send PING\\r\\n
    tcp-check expect string +PONG
    tcp-check send QUIT\\r\\n
    tcp-check expect string +OK
    server r1 10.1.0.2:6379 check inter 500ms
"""
CHECKS = {
    "pg": "option pgsql-check user x",
    "smtp": "option smtpchk EHLO me",
    "ldap": "option ldap-check",
    "hello": "option ssl-hello-chk",
    "red": "option redis-check",
    "spoe": "option spop-check",
    "plain": "option tcp-check",
}
for _name, _option in CHECKS.items():
    CONFIG += f"backend {_name}\n    mode tcp\n    {_option}\n    server s 10.2.0.1:99 check inter 500ms\n"


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"mine\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


class Trial:
    """One run."""

    def __init__(self, folder: Path, text: str, *words: str) -> None:
        (folder / "haproxy.cfg").write_text(text)
        self.folder = folder
        (folder / "tmp").mkdir()
        variables = {**environment(), "TMPDIR": str(folder / "tmp")}
        variables.pop("WEB_PORT", None)
        base = ("-f", "haproxy.cfg", "--json", "--port-base", str(free_port()))
        self.out = (folder / "out").open("w+b")
        self.err = (folder / "err").open("w+b")
        command = [sys.executable, "-m", "pointsman", "try", *base, *words]
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.out, stderr=self.err, env=variables)
        until = time.monotonic() + PATIENCE
        while not (text := (folder / "out").read_text()).endswith("}\n"):
            assert self.process.poll() is None, (folder / "err").read_text()
            assert time.monotonic() < until
            time.sleep(0.01)
        self.map = json.loads(text)
        self.run = Path(self.map["folder"])

    def port(self, wanted: str) -> int:
        [found] = [one["port"] for one in self.map["listening"] if one["wanted"] == wanted]
        return int(found)

    def ask(self, port: int, host: str = "localhost", path: str = "/", first: bytes = b"", tls: str = "") -> str:
        """The whole answer of an HTTP request. `tls`: the name that is asked for."""
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
            plain.sendall(first)
            with self.context().wrap_socket(plain, server_hostname=tls) if tls else plain as sock:
                sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                with contextlib.suppress(ConnectionResetError):
                    while piece := sock.recv(65_536):
                        answer += piece
                return answer.decode()

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.map["ca"])
        context.load_cert_chain(self.run / "client.pem")
        return context

    def page(self, path: str, host: str = "", body: dict[str, str] | None = None) -> tuple[int, str]:
        data = urllib.parse.urlencode(body).encode() if body is not None else None
        request = urllib.request.Request(self.map["page"].rstrip("/") + path, data)
        if host:
            request.add_header("Host", host)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def states(self) -> dict[str, str]:
        return {one["title"]: one["state"] for one in json.loads(self.page("/state")[1])["servers"]}

    def children(self) -> list[int]:
        """The processes of the run: the balancer and the sweeper."""
        return [
            int(number)
            for number in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        self.out.close()
        self.err.close()
        return status


def gone(folder: Path, processes: list[int]) -> bool:
    """Nothing is left: neither a file nor a process."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not os.listdir(folder / "tmp") and not any(Path(f"/proc/{pid}/exe").exists() for pid in processes):
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    if MISSING:
        pytest.skip(MISSING)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as own:
        thread = threading.Thread(target=own.serve_forever)
        thread.start()
        text = CONFIG.replace("REAL", str(own.server_port))
        made = Trial(tmp_path_factory.mktemp("trial"), text, "--real", "real/*")
        yield made
        own.shutdown()
        thread.join()
    processes = made.children()
    assert made.end(signal.SIGINT) == 0
    assert gone(made.folder, processes)
    said = (made.folder / "err").read_text()
    assert said == "", said


def test_the_map(trial: Trial) -> None:
    wanted = [one["wanted"] for one in trial.map["listening"]]
    assert wanted == [
        *(":80", "[::]:80", ":9001", ":443", ":444", ":445", "/run/nowhere/www.sock", ":81", ":82"),
        *(":83", ":446", "abns@inner", ":3306", ":6379"),
    ]
    ports = [one["port"] for one in trial.map["listening"] if one["port"]]
    assert len(set(ports)) == len(ports) == 12
    assert min(ports) > 1023
    notices = "\n".join(trial.map["notices"])
    line = CONFIG[: CONFIG.index("bind quic4@")].count("\n") + 1
    assert f"haproxy.cfg:{line}: QUIC is not spoken here" in notices
    assert "WEB_PORT=9001" in notices
    assert "rules ask at which port clients came in" in notices
    assert re.search(r"checks turned off, as no text is known .*: broken/b1", notices)


def test_every_port_answers(trial: Trial) -> None:
    for wanted in (":80", "[::]:80", ":9001"):
        assert "server   web/w" in trial.ask(trial.port(wanted))
    assert "x-map: none" in trial.ask(trial.port(":80"))
    assert "server   web/w" in trial.ask(trial.port(":443"), tls="localhost")
    assert "server   api/a" in trial.ask(trial.port(":444"), "api.example.com", tls="api.example.com")
    assert "server   web/w" in trial.ask(trial.port(":445"), tls="localhost")
    seen = trial.ask(trial.port(":81"), first=b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 81\r\n", path="/port")
    assert seen.endswith("port 81")
    assert {one["wanted"] for one in trial.map["listening"] if one["proxied"]} == {":81", ":83", "abns@inner"}
    assert f"port {trial.port(':80')}" in trial.ask(trial.port(":80"), path="/port")


def test_servers_of_all_kinds(trial: Trial) -> None:
    port = trial.port(":80")
    names = {re.search(r"server   (\S+)", trial.ask(port, "api.example.com"))[1] for _ in range(4)}  # type: ignore[index]
    assert names == {"api/a1", "api/a2"}
    answers = [trial.ask(port, "secure.example.com") for _ in range(2)]
    first = next(text for text in answers if "secure/h2" in text)
    second = next(text for text in answers if "secure/h1" in text)
    assert "HTTP/2.0" in first
    assert "alpn h2" in first
    assert "sni secure.example.com" in first
    assert re.search(r"proxy    version 2, source 127\.0\.0\.1:\d+", second)
    # A server that is a frontend of the same file is that frontend.
    seen = trial.ask(port, "inner.example.com")
    assert "server   web/w" in seen
    assert "host: inner.example.com" in seen


def test_real_servers_stay(trial: Trial) -> None:
    assert trial.ask(trial.port(":80"), "real.example.com").endswith("\r\n\r\nmine\n")
    [one] = [one for one in trial.map["servers"] if one["kind"] == "real"]
    assert one["backend"] == "real"


def test_tls_that_goes_through_ends_at_the_server(trial: Trial) -> None:
    seen = trial.ask(trial.port(":446"), "own.pass.example.com", tls="own.pass.example.com")
    assert "server   passed/p1" in seen
    assert "sni own.pass.example.com" in seen
    assert re.search(r"proxy    version 1, source 127\.0\.0\.1:\d+", seen)


def test_bytes_come_back(trial: Trial) -> None:
    with socket.create_connection(("127.0.0.1", trial.port(":3306")), timeout=PATIENCE) as sock:
        sock.sendall(b"hello")
        assert sock.recv(100) == b"hello"


def test_every_check_passes(trial: Trial) -> None:
    wanted = ["web/w1", "web/w2", "mysql/m1", "redis/r1", *(f"{name}/s" for name in CHECKS)]
    until = time.monotonic() + PATIENCE
    while True:
        text = runtime(trial, "show stat -1 4 -1")
        rows = [line.split(",") for line in text.splitlines()]
        place = rows[0].index("check_status")
        results = {f"{row[0].lstrip('# ')}/{row[1]}": row[place].lstrip("* ") for row in rows[1:] if len(row) > place}
        if all(results.get(name, "INI") not in ("", "INI") for name in wanted):
            break
        assert time.monotonic() < until, results
        time.sleep(0.05)
    assert {name: results[name] for name in wanted if not re.match(r"L[467]OK", results[name])} == {}


def runtime(trial: Trial, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(trial.run / "run.sock"))
        sock.sendall(command.encode() + b"\n")
        answer = b""
        while piece := sock.recv(65_536):
            answer += piece
        return answer.decode()


def test_the_page(trial: Trial) -> None:
    status, text = trial.page("/")
    assert status == 200
    assert "haproxy.cfg" in text
    trial.ask(trial.port(":80"), "api.example.com", "/<script>")
    until = time.monotonic() + PATIENCE
    while True:
        state = json.loads(trial.page("/state")[1])
        found = [one for one in state["requests"] if one["request"] == "GET /<script> HTTP/1.1"]
        if found:
            break
        assert time.monotonic() < until
        time.sleep(0.02)
    [one] = found
    assert (one["frontend"], one["backend"], one["status"], one["letters"]) == ("www", "api", "200", "----")
    assert json.loads(trial.page(f"/state?since={one['number']}")[1])["requests"] == []
    assert trial.page("/state", host="rebound.example")[0] == 403
    assert trial.page("/fault", body={"fault": "api=hang", "token": "x"})[0] == 403
    assert trial.page("/fault?token=x")[0] == 404


def fault(trial: Trial, text: str) -> None:
    token = re.search(r'name="token" content="([^"]+)"', trial.page("/")[1])
    assert token is not None
    assert trial.page("/fault", body={"fault": text, "token": token[1]}) == (200, "done\n")


def test_faults(trial: Trial) -> None:
    port = trial.port(":80")

    def answer() -> str:
        return trial.ask(port, "api.example.com").partition("\r\n")[0]

    fault(trial, "api=503")
    assert answer().startswith("HTTP/1.1 503")
    fault(trial, "api/*=none")
    assert answer() == "HTTP/1.1 200 OK"
    for what in ("drop", "reset"):
        fault(trial, f"api={what}")
        assert answer().startswith("HTTP/1.1 502"), what
        fault(trial, "api=none")
    fault(trial, "api=slow:300ms")
    begun = time.monotonic()
    assert answer() == "HTTP/1.1 200 OK"
    assert time.monotonic() - begun >= 0.3
    fault(trial, "api=none")
    fault(trial, "api=refuse")
    until = time.monotonic() + PATIENCE
    while not answer().startswith("HTTP/1.1 503 Stand-in"):  # of the error file that was made
        assert time.monotonic() < until
    fault(trial, "api=none")
    while answer() != "HTTP/1.1 200 OK":
        assert time.monotonic() < until
    assert trial.page("/fault", body={"fault": "apo=hang", "token": "x"})[0] == 403


def test_nobody_else_may_look(trial: Trial) -> None:
    assert trial.run.stat().st_mode & 0o777 == 0o700
    for key in ("ca.key", "site.key", "client.pem"):
        assert (trial.run / key).stat().st_mode & 0o777 == 0o600
    for pid in (trial.process.pid, *trial.children()):
        sockets = {os.readlink(f) for f in Path(f"/proc/{pid}/fd").iterdir() if os.path.lexists(f)}
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets and words[1].startswith("00000000"):
                # The echo servers' sockets take all addresses, of the interface lo alone.
                port = int(words[1].partition(":")[2], 16)
                shown = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True)
                assert "%lo:" in shown.stdout, shown.stdout


SMALL = """\
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend www
    bind :80
    default_backend web
backend web
    server s1 10.0.0.1:80
"""


def test_a_run_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    trial = Trial(tmp_path, SMALL, "--no-page")
    processes = trial.children()
    assert len(processes) == 2
    trial.end(signal.SIGKILL)
    assert gone(tmp_path, processes)


def test_a_balancer_that_crashes_ends_the_run(tmp_path: Path) -> None:
    trial = Trial(tmp_path, SMALL, "--no-page")
    processes = trial.children()
    [balancer] = [pid for pid in processes if b"trial.program" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(balancer, signal.SIGSEGV)
    assert trial.process.wait(PATIENCE) == 1
    assert "the balancer has ended by signal 11" in (tmp_path / "err").read_text()
    assert gone(tmp_path, processes)
    trial.end(0)


def command(folder: Path, *words: str) -> tuple[int, str, str]:
    (folder / "tmp").mkdir(exist_ok=True)
    variables = {**environment(), "TMPDIR": str(folder / "tmp")}
    run = subprocess.run(
        [sys.executable, "-m", "pointsman", "try", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env=variables,
        timeout=PATIENCE,
        check=False,
    )
    assert not os.listdir(folder / "tmp")
    return run.returncode, run.stdout, run.stderr


def test_mistakes_are_told_with_the_users_own_lines(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text(SMALL.replace("bind :80", "bind :80 maxcon 5"))
    status, out, err = command(tmp_path, "-f", "haproxy.cfg", "--self-test")
    assert (status, out) == (1, "")
    assert "parsing [haproxy.cfg:7]" in err
    assert "did you mean 'maxconn'?" in err


@pytest.mark.parametrize(
    "file", [*FILES, *EXAMPLES] if LONG else FILES[-1:], ids=lambda file: "-".join(file.parts[-2:])
)
def test_files_come_up(file: Path, tmp_path: Path) -> None:
    """Files as people write them, and the examples: each loads where all that it names is at hand."""
    come_up(file, tmp_path)


def come_up(file: Path, folder: Path) -> None:
    status, out, err = command(folder, "-f", str(file), "--self-test", "--port-base", str(free_port()))
    assert status == 0, out + err
    assert re.search(r"^([0-9]+) of \1 HTTP ports have answered$", out, re.MULTILINE), out
