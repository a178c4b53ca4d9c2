"""Every command that README and docs show is run here, as it stands there, or has its reason not to be.

Paths of a system (/run/haproxy, /etc/haproxy, .venv/bin) become those of the test; addresses stay, in a network
namespace of the test's own.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.programs import POINTSMAN, ROOT, Program, environment
from support.scenario import show_stat

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?ms)^```([^`\n]*)\n(.*?)^```$")
STARTS = (
    "make",
    "curl",
    "echo",
    "kill",
    "ln",
    "cp",
    "apt-get",
    "systemctl",
    "docker",
    "python3",
    "pointsman",
    ".venv/bin/",
    "/opt/",
    "pip",
    "uv",
    "man",
    "socat",
)
# Of a whole machine: packages, services, images. What can be seen of them without one, test_examples.py looks at.
ELSEWHERE = (
    "apt-get",
    "systemctl",
    "docker",
    "ln -s",
    "cp deploy/",
    "python3 -m venv /opt",
    "/opt/pointsman/bin/pip",
    "/opt/clients/bin/pip",
    "pip install '/path/to/",
)
RUN_ELSEWHERE = ("acls", "cookies", "statistics", "migrate", "tls")
# What make would do is looked at, not done: hours of others' tests, or figures that need a machine of their own.
LOOKED_AT = ("make test", "make build", "make wheel", "make bench", "make check")


def commands(page: Path) -> list[str]:
    """Commands of a page."""
    return commands_of(page.read_text(encoding="utf-8"))


def commands_of(text: str, *more: str) -> list[str]:
    """Commands of indented blocks, without what is said about them; `more` are other words by which one begins."""
    text = BLOCK.sub("", text)
    lines = [line.strip() for line in re.findall(r"(?m)^    (?! )\S.*$", text)]
    return [re.split(r" {2,}|\s+#\s", line)[0] for line in lines if line.startswith((*STARTS, *more))]


def sections(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The configurations of a page, each with the commands between it and the next one."""
    _, *parts = re.split(r"(?m)^```haproxy\n", page.read_text(encoding="utf-8"))
    for part in parts:
        text, _, rest = part.partition("\n```\n")
        yield text + "\n", commands_of(rest)


ALL = sorted({command for page in PAGES for command in commands(page)})


def configuration(page: str, word: str) -> str:
    """The page's configuration that holds the word."""
    found = [
        text
        for kind, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
        if kind.partition(" ")[0] == "haproxy" and word in text
    ]
    assert found, (page, word)
    return str(found[0])


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command, with this test's places for a system's."""
    program = f"{sys.executable} -m pointsman"
    command = re.sub(r"^(\.venv/bin/)?pointsman\b", program, command)
    command = re.sub(r"^\.venv/bin/python\b", sys.executable, command)
    for place in ("/run/haproxy/", "/etc/haproxy/", "/run/"):
        command = command.replace(place, f"{folder}/")
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def background(command: str, folder: Path) -> Iterator[None]:
    """The command, running; it ends at Ctrl-C."""
    words = re.sub(
        r"^\.venv/bin/(pointsman|python)",
        lambda found: sys.executable + (" -m pointsman" if found[1] == "pointsman" else ""),
        command,
    ).split()
    with subprocess.Popen(words, cwd=folder, env=environment(), stdout=subprocess.DEVNULL) as process:
        try:
            yield
            assert process.poll() is None, command
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)


def patiently(command: str, folder: Path) -> str:
    """What the command prints, once it succeeds: what it needs may not listen yet."""
    end = time.monotonic() + 20
    while (done := shell(command, folder)).returncode != 0:
        assert time.monotonic() < end, done
        time.sleep(0.05)
    return done.stdout


def alone(name: str, folder: Path) -> None:
    """Runs a function of this file in namespaces of its own, where every port is free and nothing is left behind."""
    paths = [str(ROOT / "tests"), str(ROOT / "tests" / "scenario"), str(ROOT)]
    script = (
        f"import sys; sys.path[:0] = {paths}; from pathlib import Path; import test_documented_commands as here; "
        f"here.{name}(Path({str(folder)!r}))"
    )
    done = subprocess.run(
        [
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            'ip link set lo up && exec "$@"',
            "-",
            sys.executable,
            "-c",
            script,
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# What runs in such namespaces; each says which commands it has run.


def first_steps(folder: Path) -> None:
    """The README's own first file, from its servers to its answers."""
    (folder / "first.cfg").write_text(configuration("README.md", "use_backend api if is_api"))
    check, run = ".venv/bin/pointsman -c -V -f first.cfg", ".venv/bin/pointsman -db -f first.cfg"
    checked = shell(check, folder)
    assert (checked.returncode, checked.stdout) == (0, "Configuration file is valid\n"), checked
    with background(".venv/bin/python -m pointsman.demo.server 9001 9002 9003", folder), background(run, folder):
        assert re.fullmatch(r"Hello from server 900[12]!\n", patiently("curl -sf http://127.0.0.1:8080/", folder))
        assert patiently("curl -sf http://127.0.0.1:8080/api/", folder) == "Hello from server 9003!\n"


def sockets_and_pages(folder: Path) -> None:
    """Each `echo ... | socat` and curl of two pages, on the configuration above it."""
    for page in ("acls.md", "statistics.md"):
        for text, below in sections(ROOT / "docs" / page):
            asked = [one for one in below if one.startswith("echo") or ":8404" in one]
            if not asked:
                continue
            with Program(POINTSMAN, text.replace("/run/haproxy/", f"{folder}/"), folder):
                for command in asked:
                    done = shell(command.replace("curl", "curl -sf"), folder)
                    assert done.returncode == 0, done
                    silent = re.search(
                        r"add map|show acl|disable server|check-port|set rate-limit|set decisions| -d ", command
                    )
                    assert bool(done.stdout.strip()) != bool(silent), done  # an error would be said
                    assert "nknown" not in done.stdout.partition("\n")[0], done


def moving_house(folder: Path) -> None:
    """docs/migrate.md: a check, a master and its reload, a process that takes over from another."""
    told = commands(ROOT / "docs" / "migrate.md")
    check, master, again, over = (one for one in told if one.startswith(("pointsman", "kill")))
    (folder / "haproxy.cfg").write_text(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n"
        "frontend web\n    bind 127.0.0.1:8080\n    http-request return status 200 content-type text/plain string ok\n"
    )
    assert shell(check, folder).stdout == "Configuration file is valid\n"
    assert shell(master, folder).returncode == 0
    before = (folder / "pointsman.pid").read_text().split()[0]
    assert patiently("curl -sf http://127.0.0.1:8080/", folder) == "ok"
    assert shell(again, folder).returncode == 0
    assert patiently("curl -sf http://127.0.0.1:8080/", folder) == "ok"
    os.kill(int(before), signal.SIGTERM)
    while os.path.exists(f"/proc/{before}") and Path(f"/proc/{before}/stat").read_text().split()[2] != "Z":
        time.sleep(0.02)
    assert shell(over.partition(" -sf")[0], folder).returncode == 0
    old = (folder / "pointsman.pid").read_text().split()[0]
    assert shell(over, folder).returncode == 0
    assert (folder / "pointsman.pid").read_text().split()[0] != old
    assert patiently("curl -sf http://127.0.0.1:8080/", folder) == "ok"


ROOMS = (first_steps, sockets_and_pages, moving_house)


@pytest.mark.root
@pytest.mark.skipif(shutil.which("socat") is None or shutil.which("curl") is None, reason="socat and curl are needed")
@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_commands_do_what_is_said(room: Callable[[Path], None], tmp_path: Path) -> None:
    alone(room.__name__, tmp_path)


# As if everything was installed: with the interpreter of this run.
STAMPS = [word for name in ("installed", "build", "tools", "examples") for word in ("-o", f".venv/.{name}")]
MAKE = ["make", *STAMPS, f"RUN={sys.executable}"]


def without_make() -> dict[str, str]:
    """The environment of a shell, also where make itself runs the tests."""
    return {name: value for name, value in environment().items() if not name.startswith(("MAKE", "MFLAGS"))}


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """make with these words."""
    return subprocess.run(
        [*MAKE, *words], cwd=ROOT, env=without_make(), capture_output=True, text=True, timeout=100, check=False
    )


def test_make_lists_the_examples_at_once() -> None:
    done = make("example")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 18, done
    assert all(re.match(r"(ep\d|aws|tls|sessions)", line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("command", [one for one in ALL if one.startswith(LOOKED_AT)])
def test_make_knows_how(command: str) -> None:
    """Each command of such a recipe begins with a program that exists."""
    done = make("--dry-run", *shlex.split(command)[1:])
    assert done.returncode == 0 and done.stdout, done


def test_the_demo() -> None:
    """`make demo` says in one line when it runs interpreted, and then what to try."""
    with subprocess.Popen(
        [*MAKE, "demo"], cwd=ROOT, env=without_make(), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
    tries = re.findall(r"(?m)^  curl (?!-)(\S+)", said)
    assert len(tries) == 2 and said.count("interpreted") <= 1, said


LIMITED = """
global
    stats socket {dir}/haproxy.sock level admin
defaults
    mode http
    timeout connect 15s
    timeout client 15s
    timeout server 15s
listen site
    bind 127.0.0.1:{port:front}
    server app1 127.0.0.1:1 maxconn 5
"""


def test_a_limit_that_is_changed_while_it_runs(tmp_path: Path) -> None:
    with Program(POINTSMAN, LIMITED, tmp_path):
        done = shell('echo "set maxconn server site/app1 20" | socat stdio /run/haproxy.sock', tmp_path)
        assert done.returncode == 0, done
        assert show_stat(tmp_path / "haproxy.sock")["site/app1"]["slim"] == "20"


def test_every_command_is_run_or_says_why_not() -> None:
    """A command that is new to a page fails here until it has a test (of some pages: one of its own)."""
    text = Path(__file__).read_text(encoding="utf-8")
    run = {one for page in RUN_ELSEWHERE for one in commands(ROOT / "docs" / f"{page}.md")}
    for command in ALL:
        page = command in run and command.startswith(("echo", "curl", "kill", "pointsman"))
        known = command.startswith((*ELSEWHERE, *LOOKED_AT, "make demo", "make example", "make try"))
        assert (
            page
            or known
            or any(form in text for form in (command, command.replace("curl ", "curl -sf ")))
            or ".../off" in command
            or command.endswith("-f haproxy.cfg")
        ), command
