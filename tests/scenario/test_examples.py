"""Every example: its compose file and image are sound as far as that can be seen without a container engine, and it
runs without containers by its one command."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from support.browser import Browser
from support.programs import ROOT, environment

from pointsman.core.tls import MISSING

EXAMPLES = ROOT / "examples"
# That of Python's functions needs no containers: test_python_page.py runs it.
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/haproxy.cfg") if path.parent.name != "python")
OURS = [EXAMPLES / "sessions", EXAMPLES / "tls"]  # of no tutorial
TUTORIALS = [folder for folder in FOLDERS if folder not in OURS]
SEEDS = Path(__file__).parent / "seeds"
COPY = re.compile(r"(?m)^COPY (?:--\S+ )*(.+) (\S+)$")


MADE = "./certificates:/etc/haproxy/certificates:ro"  # by the example's script


def ids(path: Path) -> str:
    """The name of an example."""
    return path.name


def seed_of(folder: Path) -> Path:
    """The tutorial's file: ep5 is ep5-roundrobin, ep7-uri is ep7-uri."""
    exact = SEEDS / f"{folder.name}.cfg"
    found = [exact] if exact.exists() else list(SEEDS.glob(f"{folder.name}-*.cfg"))
    assert len(found) == 1, found
    return found[0]


def test_every_tutorial_is_an_example() -> None:
    """None is forgotten, none stands twice."""
    assert sorted(seed_of(folder) for folder in TUTORIALS) == sorted(SEEDS.glob("*.cfg"))


@pytest.mark.parametrize("folder", TUTORIALS, ids=ids)
def test_configuration_is_as_written(folder: Path) -> None:
    """Byte by byte the tutorial's file."""
    assert (folder / "haproxy.cfg").read_bytes() == seed_of(folder).read_bytes()


@pytest.mark.parametrize("folder", FOLDERS, ids=ids)
def test_compose_file(folder: Path) -> None:
    """Its paths exist; its services are the file's servers; its ports are the file's."""
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    balancer = compose["services"].pop("balancer")
    assert (folder / balancer["build"]["context"] / balancer["build"]["dockerfile"]).is_file()
    for volume in balancer["volumes"]:
        made = volume == MADE and (folder / "certificates.sh").exists()
        assert made or (folder / volume.split(":")[0]).exists(), volume
    assert any(volume.endswith(":/usr/local/etc/haproxy/haproxy.cfg:ro") for volume in balancer["volumes"])

    text = (folder / "haproxy.cfg").read_text()
    assert sorted(re.findall(r"(?m)^\s*bind \*:(\d+)", text)) == [port.split(":")[1] for port in balancer["ports"]]
    standing = set()
    for name, service in compose["services"].items():
        assert (folder / service["build"] / "Dockerfile").is_file()
        assert (folder / service["build"] / "app.py").is_file()
        assert ("CERTIFICATE" in service["environment"]) == (service.get("volumes") == [MADE])
        shared = service.get("network_mode") == "service:balancer"
        fixed = service.get("networks", {}).get("tutorial", {}).get("ipv4_address")
        assert shared or name in balancer["depends_on"]
        standing.add(f"{fixed or ('127.0.0.1' if shared else name)}:{service['environment']['PORT']}")
    assert standing == set(re.findall(r"(?m)^\s*server \S+ (\S+)", text))
    needs_root = re.search(r"(?m)^\s*(chroot|user)\s", text) is not None
    assert (balancer.get("user") == "root") == needs_root


@pytest.mark.parametrize("path", [ROOT / "deploy" / "Dockerfile", EXAMPLES / "app" / "Dockerfile"], ids=str)
def test_image_copies_what_exists(path: Path) -> None:
    """Each COPY from the build context names files that are there and that .dockerignore lets through."""
    context = ROOT if path.parent.name == "deploy" else path.parent
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = [match for match in COPY.finditer(path.read_text()) if "--from" not in match[0]]
    copied = [name for match in lines for name in match[1].split()]
    assert copied
    for name in copied:
        assert (context / name).exists(), name
        assert context != ROOT or name in let_in, name


def entrypoint(*words: str) -> list[str]:
    """What the image runs for these words."""
    script = (ROOT / "deploy" / "entrypoint.sh").read_text().replace('exec "$@"', 'printf "%s\\n" "$@"')
    done = subprocess.run(["sh", "-c", script, "sh", *words], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_entrypoint_follows_the_official_image() -> None:
    """Options mean haproxy; haproxy means our program in the foreground; anything else is run as it is."""
    assert entrypoint("-f", "x y.cfg") == ["pointsman", "-W", "-db", "-f", "x y.cfg"]
    assert entrypoint("haproxy", "-f", "a.cfg") == ["pointsman", "-W", "-db", "-f", "a.cfg"]
    assert entrypoint("pointsman", "-c") == ["pointsman", "-W", "-db", "-c"]
    assert entrypoint("bash", "-l") == ["bash", "-l"]


def test_systemd_unit(tmp_path: Path) -> None:
    """It checks the file before it starts, stays in the foreground, keeps the rights it needs; systemd agrees."""
    text = (ROOT / "deploy" / "pointsman.service").read_text()
    assert re.search(r"(?m)^ExecStartPre=\S+/pointsman -c -q -f \$CONFIG \$EXTRAOPTS$", text)
    assert re.search(r"(?m)^ExecStart=\S+/pointsman -Ws -f \$CONFIG \$EXTRAOPTS$", text)
    rights = " ".join(re.findall(r"(?m)^CapabilityBoundingSet=(.*)$", text)).split()
    assert {"CAP_NET_BIND_SERVICE", "CAP_SETUID", "CAP_SETGID", "CAP_SYS_CHROOT"} <= set(rights)
    names = {
        line.split("=")[0]
        for line in (ROOT / "deploy" / "pointsman.default").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    }
    assert names == {"CONFIG", "EXTRAOPTS"} and all(f'"{name}=' in text for name in names)
    unit = tmp_path / "pointsman.service"
    unit.write_text(text.replace("/usr/local/bin/pointsman", "/bin/true"))
    try:
        done = subprocess.run(
            ["systemd-analyze", "--man=no", "verify", str(unit)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return  # what could be checked without systemd was checked
    assert (done.returncode, done.stderr) == (0, "")


@dataclass
class Example:
    """A running example."""

    port: int
    said: str

    def ask(
        self, path: str = "/", *, method: str = "GET", source: str = "127.0.0.1", agent: str = "x"
    ) -> tuple[int, str]:
        """Status and body of one request on a connection of its own."""
        connection: http.client.HTTPConnection
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(source, 0))
        if authorities := re.search(r"--cacert (\S+)", self.said):
            context = ssl.create_default_context(cafile=authorities[1])
            connection = http.client.HTTPSConnection("localhost", self.port, timeout=10, context=context)
        try:
            connection.request(method, path, b"a=b" if method == "POST" else None, {"User-Agent": agent})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@contextmanager
def running(name: str) -> Iterator[Example]:
    """The example, by its one command on a free port; it ends at SIGINT with status 0 and without complaint."""
    command = [sys.executable, str(EXAMPLES / "run.py"), name, "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            said = ""
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            else:
                raise AssertionError(said + process.stderr.read())
            found = re.search(r"https?://localhost:(\d+)/", said)
            assert found
            yield Example(int(found[1]), said)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
            assert process.returncode == 0 and "Traceback" not in errors, errors
        finally:
            if process.poll() is None:
                process.terminate()  # not kill: its balancer is to end with it
                process.communicate(timeout=10)


def bodies(example: Example, count: int) -> list[str]:
    """The bodies of so many answers."""
    return [example.ask()[1] for _ in range(count)]


@pytest.mark.parametrize("name", ["ep1", "ep2", "ep5", "ep9", "aws"])
def test_in_turn(name: str) -> None:
    """Requests go round: over three servers, over two, by weight."""
    with running(name) as example:
        seen = bodies(example, 12)
    counts = sorted(seen.count(body) for body in set(seen))
    assert counts == {"ep1": [4, 4, 4], "ep2": [6, 6], "ep5": [4, 4, 4], "ep9": [2, 4, 6], "aws": [6, 6]}[name], seen


@pytest.mark.parametrize("name", ["ep6", "ep7-source", "ep7-uri", "ep8"])
def test_one_of_three(name: str) -> None:
    """Some server of the three answers; where a key chooses it, always the same one."""
    with running(name) as example:
        seen = {example.ask("/data")[0] for _ in range(2)} if name == "ep6" else set(bodies(example, 6))
    if name == "ep6":
        assert seen == {200}
    else:
        assert len(seen) == 1 or name == "ep8"
        assert all(re.fullmatch(r"Hello from Flask App [123]!\n", str(body)) for body in seen)


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_tls_in_front_and_behind() -> None:
    """The certificate is good for its authority alone; servers are asked over TLS, and verified."""
    with running("tls") as example:
        assert sorted({*bodies(example, 4)}) == ["Hello from Flask App 1!\n", "Hello from Flask App 2!\n"]
        with (
            socket.create_connection(("127.0.0.1", example.port), 10) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
        server = re.search(r"(?m)^\+ +server app1 127\.0\.0\.1:(\d+)", example.said)
        assert server
        with socket.create_connection(("127.0.0.1", int(server[1])), 10) as plain:
            context = ssl.create_default_context(cafile=re.findall(r"--cacert (\S+)", example.said)[0])
            with context.wrap_socket(plain, server_hostname="app.example.test") as sock:
                assert sock.version() == "TLSv1.3"


def test_sessions() -> None:
    """Logins are in the memory of one server each; browsers come back to it, each to its own, in any tab."""
    with running("sessions") as example:
        users = {name: Browser(example.port) for name in ("anna", "bert", "carl", "dora")}
        at = {name: browser.ask("/login", {"user": name})[1] for name, browser in users.items()}
        assert {text[-3] for text in at.values()} == {"1", "2"}, "both servers have some"
        for _ in range(3):
            for name, browser in users.items():
                assert browser.ask("/who") == (200, f"{name} ({at[name][-3]})\n")
        stranger = Browser(example.port)
        assert {stranger.ask("/who")[0], example.ask("/who")[0]} == {401}


def test_layer_7() -> None:
    """Episode 3 routes by path."""
    with running("ep3") as example:
        assert example.ask() == (200, "Welcome to FitGuru!\n")
        assert example.ask("/static/site.css") == (200, "/* site.css, from static1 */\n")
        assert '"app":"dynamic1"' in example.ask("/api/data")[1]


def test_rules() -> None:
    """Episode 4: path, source, method, user agent, both, a form."""
    with running("ep4-1-path") as example:
        assert [example.ask(path)[1] for path in ("/x", "/static/x")] == ["dynamic\n", "/* x, from static1 */\n"]
    with running("ep4-2-src") as example:
        assert example.ask()[1] == "web\n"
        assert example.ask(source="127.168.1.77")[0] == 403
    with running("ep4-4-method") as example:
        assert example.ask()[1] == "general\n"
        assert "(post1)" in example.ask(method="POST")[1]
    with running("ep4-5-user-agent") as example:
        assert example.ask(agent="a MOBILE thing")[1] == "the mobile site\n"
        assert example.ask()[1] == "the desktop site\n"
    with running("ep4-6-admin") as example:
        assert example.ask("/admin")[0] == 403
        assert example.ask("/admin", source="127.168.10.5")[1] == "web\n"
    with running("ep4-7-flask") as example:
        assert example.ask()[1] == "Welcome to the main page!\n"
        assert "(app2)" in example.ask("/submit", method="POST")[1]
