"""External checks: what programs are given, what their ends mean, and what is left behind when they do not end.

Statuses and codes are those of HAProxy 3.2; tests/peer/test_peer_external_checks.py asks it anew.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support.programs import environment as environ

import pointsman.keywords
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.server.checks.checks import Checker
from pointsman.server.checks.external import ExternalRun
from pointsman.server.checks.status import Result

assert pointsman.keywords

GLOBAL = "global\n external-check\n insecure-fork-wanted\n"
PATIENCE = 15.0


def until(holds: Callable[[], bool]) -> bool:
    limit = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < limit:
        time.sleep(0.01)
    return holds()


def checker(text: str, variables: dict[str, str] | None = None) -> Checker:
    """Of the first server of a configuration. `variables`: the environment."""
    diagnostics = Diagnostics()
    live = assemble(load_text(text, diagnostics, variables=variables), diagnostics)
    assert not diagnostics.failed, [one.message for one in diagnostics.findings]
    assert live.health is not None
    return next(iter(live.health.checkers.values()))


def section(command: str, path: str = "/usr/bin:/bin", server: str = "127.0.0.1:80 check inter 15s fall 1") -> str:
    lines = f" option external-check\n external-check command {command}\n"
    if path:
        lines += f" external-check path {path}\n"
    return f"{GLOBAL}backend b\n mode tcp\n timeout connect 1s\n timeout server 1s\n{lines} server s {server}\n"


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Writes a script of the shell and gives its path."""

    def write(body: str, first: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
        path = tmp_path / "script"
        path.write_text(first + body + "\n")
        path.chmod(mode)
        return str(path)

    return write


Script = Callable[..., str]


def check(command: str, path: str = "/usr/bin:/bin", inter: str = "15s") -> tuple[Result, int]:
    """Of one check: its result without its duration, and that."""
    one = checker(section(command, path, f"127.0.0.1:80 check inter {inter} fall 1"))
    asyncio.run(one.once())
    server = one.health.server
    return Result(server.check_status, server.check_code, server.last_check), server.check_duration


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("exit 0", "PROCOK", 0),
        ("exit 1", "PROCERR", 1),
        ("exit 127", "PROCERR", 127),
        ("exit 255", "PROCERR", 255),
        ("kill -TERM $$", "PROCERR", -1),
        ("kill -KILL $$", "PROCERR", -1),
        ("echo hello; echo world >&2; exit 4", "PROCERR", 4),
    ],
)
def test_ends(script: Script, body: str, status: str, code: int) -> None:
    assert check(script(body))[0] == Result(status, code)


def test_what_cannot_be_run(script: Script, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    not_started = Result("PROCERR", 255)
    assert check("/nonexistent/program")[0] == not_started
    assert "Failed to exec process for external health check: No such file or directory." in capfd.readouterr().err
    assert check(script("exit 0", mode=0o644))[0] == not_started
    assert check(str(tmp_path))[0] == not_started
    assert check(script("exit 0", "#!/nonexistent\n"))[0] == not_started


def test_a_script_that_does_not_say_so_is_one_of_the_shell(script: Script) -> None:
    path = script("exit 3", "")
    assert check(path)[0] == Result("PROCERR", 3)
    assert check(Path(path).name, str(Path(path).parent))[0] == Result("PROCERR", 3)


def test_a_name_is_looked_up_in_the_path() -> None:
    assert check("true")[0] == Result("PROCOK", 0)
    assert check("false")[0] == Result("PROCERR", 1)


def environment(
    text: str, script: Script, folder: Path, given: dict[str, str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment of a check."""
    told = folder / "told"
    command = script(f'{{ echo "$@"; /usr/bin/env; }} >{told}')
    one = checker(text.replace("COMMAND", command), given)
    asyncio.run(one.once())
    assert one.health.server.check_status == "PROCOK"
    first, *lines = told.read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    for name in ("PWD", "OLDPWD", "SHLVL", "_"):  # the shell's own
        variables.pop(name, None)
    return first.split(" "), variables


WORDS = " option external-check\n external-check command COMMAND\n external-check path /usr/bin:/bin\n"
CLEAN = {
    "HAPROXY_PROXY_ADDR": "",
    "HAPROXY_PROXY_ID": "2",
    "HAPROXY_PROXY_NAME": "b",
    "HAPROXY_PROXY_PORT": "",
    "HAPROXY_SERVER_ADDR": "127.0.0.1",
    "HAPROXY_SERVER_CURCONN": "0",
    "HAPROXY_SERVER_ID": "1",
    "HAPROXY_SERVER_MAXCONN": "0",
    "HAPROXY_SERVER_NAME": "s",
    "HAPROXY_SERVER_PORT": "80",
    "HAPROXY_SERVER_PROTO": "tcp",
    "HAPROXY_SERVER_SSL": "0",
    "PATH": "/usr/bin:/bin",
}
BACKEND = f"backend b\n mode tcp\n timeout connect 1s\n timeout server 1s\n{WORDS}"
LISTEN = f"listen b\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n{WORDS}"


@pytest.mark.parametrize(
    ("lines", "arguments", "differs"),
    [
        (f"{BACKEND} server s 127.0.0.1:80 check\n", ["NOT_USED", "NOT_USED", "127.0.0.1", "80"], {}),
        (
            f"{BACKEND} server other 127.0.0.1:1 disabled\n"
            " server s [::1]:81 check id 77 maxconn 5 addr 1.2.3.4 port 9\n",
            ["NOT_USED", "NOT_USED", "::1", "81"],
            {
                "HAPROXY_SERVER_ADDR": "::1",
                "HAPROXY_SERVER_PORT": "81",
                "HAPROXY_SERVER_ID": "77",
                "HAPROXY_SERVER_MAXCONN": "5",
            },
        ),
        (
            f"{BACKEND} server s /run/s.sock check\n",
            ["NOT_USED", "NOT_USED", "/run/s.sock", "NOT_USED"],
            {"HAPROXY_SERVER_ADDR": "/run/s.sock", "HAPROXY_SERVER_PORT": ""},
        ),
        (
            f"{BACKEND} server s 127.0.0.1 check\n",
            ["NOT_USED", "NOT_USED", "127.0.0.1", "0"],
            {"HAPROXY_SERVER_PORT": "0"},
        ),
        (
            f"{LISTEN} bind *:8001-8003\n bind /run/b.sock\n server s 127.0.0.1:80 check\n",
            ["0.0.0.0", "8001", "127.0.0.1", "80"],
            {"HAPROXY_PROXY_ADDR": "0.0.0.0", "HAPROXY_PROXY_PORT": "8001", "HAPROXY_SERVER_PROTO": "h1"},
        ),
        (
            f"{LISTEN} bind abns@b\n bind /run/b.sock\n bind [::1]:8001\n server s 127.0.0.1:80 check\n",
            ["/run/b.sock", "NOT_USED", "127.0.0.1", "80"],
            {"HAPROXY_PROXY_ADDR": "/run/b.sock", "HAPROXY_SERVER_PROTO": "h1"},
        ),
        (
            f"{LISTEN} bind :::8001\n server s 127.0.0.1:80 check\n",
            ["::", "8001", "127.0.0.1", "80"],
            {"HAPROXY_PROXY_ADDR": "::", "HAPROXY_PROXY_PORT": "8001", "HAPROXY_SERVER_PROTO": "h1"},
        ),
    ],
    ids=range(7),
)
def test_what_it_is_told(
    script: Script, tmp_path: Path, lines: str, arguments: list[str], differs: dict[str, str]
) -> None:
    found = environment(GLOBAL + lines, script, tmp_path)
    identifier = found[1]["HAPROXY_PROXY_ID"]
    assert identifier.isdigit()
    assert found == (arguments, {**CLEAN, **differs, "HAPROXY_PROXY_ID": identifier})


def test_the_environment_is_kept_where_that_is_asked_for(script: Script, tmp_path: Path) -> None:
    given = {"FOO": "bar", "HAPROXY_SERVER_NAME": "an older one", "PATH": "/nowhere"}
    text = GLOBAL.replace("external-check", "external-check preserve-env") + " setenv OWN x\n"
    text += f"{BACKEND} server s 127.0.0.1:80 check\n"
    variables = environment(text, script, tmp_path, given)[1]
    assert (variables["FOO"], variables["OWN"], variables["HAPROXY_SERVER_NAME"]) == ("bar", "x", "s")
    assert variables["PATH"] == "/usr/bin:/bin"


def test_what_does_not_end_is_ended_with_all_that_it_has_started(script: Script, tmp_path: Path) -> None:
    """The script heeds no SIGTERM; what it has started holds a lock as long as it lives."""
    pids = tmp_path / "pids"
    body = f"trap '' TERM; sleep 60 & echo $$ $! >{pids}.new; mv {pids}.new {pids}; while :; do sleep 60; done"
    result, duration = check(script(body), inter="1500ms")
    assert result == Result("PROCTOUT", 0)
    assert duration >= 1500
    for pid in pids.read_text().split():
        assert until(partial(_is_over, int(pid)))


def _is_over(pid: int) -> bool:
    """It has ended, if nobody has asked after it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_check_that_is_given_up_ends_its_program(script: Script, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    one = checker(section(script(f"echo $$ >{mark}.new; mv {mark}.new {mark}; exec sleep 60")))
    runs: list[ExternalRun] = []

    async def scene() -> None:
        run = one.make_run(b"")
        assert isinstance(run, ExternalRun)
        runs.append(run)
        task = asyncio.create_task(run.perform())
        while not mark.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert runs[0].process is not None and runs[0].process.returncode == -9


@pytest.mark.parametrize("setuid", [False, True])
def test_what_programs_inherit_of_signals_and_rights(setuid: bool) -> None:
    """In a process of its own, for it cannot be taken back."""
    code = (
        "import signal, subprocess\n"
        "from pointsman.server.checks.external import prepare_to_run_programs\n"
        "for number in (signal.SIGALRM, signal.SIGUSR2, signal.SIGINT):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        f"prepare_to_run_programs({setuid})\n"
        "subprocess.run(['/bin/grep', '-E', 'SigIgn|NoNewPrivs', '/proc/self/status'])\n"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environ())
    found = dict(line.split(":\t") for line in lines.stdout.splitlines())
    ours = sum(1 << number - 1 for number in (signal.SIGALRM, signal.SIGUSR2, signal.SIGINT))
    assert int(found["SigIgn"], 16) & ours == 0  # a shell may have had us ignore others
    assert found["NoNewPrivs"] == str(int(not setuid))


@pytest.mark.parametrize("first", [True, False], ids=["before", "meanwhile"])
def test_programs_of_servers_that_come_at_run_time_inherit_no_more(first: bool) -> None:
    """In a process of its own. `first`: the first of these servers is there before checks begin."""
    code = (
        "import asyncio, subprocess\n"
        "from test_external_checks import section\n"
        "import pointsman.keywords\n"
        "from pointsman.assemble import assemble\n"
        "from pointsman.assemble.checks import plan_of\n"
        "from pointsman.config.load import load_text\n"
        "from pointsman.core.diagnostics import Diagnostics, Position\n"
        "text = section('/bin/true')\n"
        "configuration = load_text(text, Diagnostics())\n"
        "live = assemble(configuration, Diagnostics())\n"
        "checks, backend = live.health, live.backends[0]\n"
        "server, plan = backend.servers[0], plan_of(live, backend, configuration, Diagnostics())\n"
        "parameters = checks.checkers[server].parameters\n"
        "checks.remove(server)\n"
        "checks.programs = None  # as where no backend of the file has such checks\n"
        "def add() -> None:\n"
        "    checks.add(backend, server, parameters, plan, print, Position('file', 1))\n"
        "async def scene() -> None:\n"
        f"    if {first}: add()\n"
        "    checks.start()\n"
        f"    if not {first}: add()\n"
        "    await checks.stop()\n"
        "asyncio.run(scene())\n"
        "subprocess.run(['/bin/grep', 'NoNewPrivs', '/proc/self/status'])\n"
    )
    variables = environ() | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=variables)
    assert said.stdout.split() == ["NoNewPrivs:", "1"]


def test_what_it_has_left_running_does_not_matter(script: Script) -> None:
    assert check(script("sleep 5 >&- 2>&- & exit 0"))[0] == Result("PROCOK", 0)


def test_nothing_is_inherited_and_nothing_is_left_behind(script: Script, tmp_path: Path) -> None:
    told = tmp_path / "told"
    one = checker(section(script(f"ls /proc/$$/fd >{told}")))
    held = fcntl.fcntl(0, fcntl.F_DUPFD, 100)  # one that is inherited, if nobody forbids it
    assert os.get_inheritable(held)
    asyncio.run(one.once())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        asyncio.run(one.once())
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(held)
    assert {int(word) for word in told.read_text().split()} <= {0, 1, 2, 10, 11, 255}  # those above 2 are the shell's
    assert one.health.server.check_status == "PROCOK"


def findings(text: str) -> list[tuple[Severity, str]]:
    diagnostics = Diagnostics()
    assemble(load_text(text, diagnostics), diagnostics)
    return [
        (one.severity, one.message)
        for one in diagnostics.findings
        if "external-check" in one.message and one.severity >= Severity.WARNING
    ]


FORK = (
    Severity.WARNING,
    "Proxy 'b' : 'insecure-fork-wanted' not enabled in the global section, 'option external-check' will likely fail in "
    "HAProxy.",
)


@pytest.mark.parametrize(
    ("main", "lines", "expected"),
    [
        (
            "",
            "option external-check|external-check command /bin/true",
            [
                (
                    Severity.ALERT,
                    "Proxy 'b' : 'option external-check' unable to find required 'global.external-check'.",
                ),
                FORK,
            ],
        ),
        (
            "external-check|insecure-fork-wanted",
            "option external-check",
            [
                (
                    Severity.ALERT,
                    "Proxy 'b' : 'option external-check' unable to find required 'external-check command'.",
                )
            ],
        ),
        (
            "external-check|insecure-fork-wanted",
            "option external-check|external-check command true",
            [
                (
                    Severity.ALERT,
                    "Proxy 'b' : 'external-check command' does not have a leading '/' and 'external-check path' is not "
                    "set.",
                )
            ],
        ),
        ("external-check", "option external-check|external-check command /bin/true", [FORK]),
        (
            "external-check|no insecure-fork-wanted",
            "option external-check|external-check command /bin/true",
            [FORK],
        ),
        (
            "",
            "external-check command /bin/true|external-check path /bin",
            [
                (
                    Severity.WARNING,
                    f"'external-check {word}' will be ignored for backend 'b' (requires 'option external-check').",
                )
                for word in ("command", "path")
            ],
        ),
        (
            "external-check foo",
            "",
            [(Severity.ALERT, "'external-check' only supports 'preserve-env' as an argument, found 'foo'.")],
        ),
        ("", "external-check", [(Severity.ALERT, "missing argument after 'external-check'.")]),
        (
            "",
            "external-check foo",
            [(Severity.ALERT, "'external-check' only supports 'command' and 'path'. but got 'foo'.")],
        ),
        (
            "",
            "external-check path a b",
            [(Severity.ALERT, "'external-check path' cannot handle unexpected argument 'b'")],
        ),
        (
            "",
            "option external-check x",
            [(Severity.ALERT, "'option external-check' cannot handle unexpected argument 'x'")],
        ),
    ],
    ids=range(11),
)
def test_what_is_missing_or_in_vain(main: str, lines: str, expected: list[tuple[Severity, str]]) -> None:
    text = "".join(f" {line}\n" for line in main.split("|"))
    rules = "".join(f" {line}\n" for line in lines.split("|"))
    server = " timeout connect 1s\n timeout server 1s\n server s 127.0.0.1:1 check\n"
    found = findings(f"global\n{text}backend b\n mode tcp\n{rules}{server}")
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("word", ["command", "path"])
def test_a_word_without_its_value(word: str) -> None:
    diagnostics = Diagnostics()
    load_text(f"backend b\n external-check {word}\n", diagnostics)
    assert [one.message for one in diagnostics.findings] == [f"missing argument after '{word}'."]


def test_defaults_hold_and_other_checks_replace_it() -> None:
    text = f"{GLOBAL}defaults\n option external-check\n external-check command /bin/true\n"
    body = "backend b\n mode tcp\n timeout connect 1s\n timeout server 1s\n"
    one = checker(f"{text}{body} server s 127.0.0.1:1 check\n")
    assert one.plan.external is not None and one.plan.external.command == "/bin/true"
    one = checker(f"{text}{body} option tcp-check\n server s 127.0.0.1:1 check\n")
    assert one.plan.external is None
