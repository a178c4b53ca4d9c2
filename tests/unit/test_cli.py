"""The command in this process: which messages and which status come of which words and files."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman import __version__, cli
from pointsman.config.command_line import CommandLine
from pointsman.config.setting import Configuration, In
from pointsman.core.address import AddressSpec
from pointsman.core.diagnostics import Diagnostics
from pointsman.listener.generation import Generation
from pointsman.listener.listener import Listener
from pointsman.listener.sockets import Opening, SocketOptions
from pointsman.net.reactor import Reactor
from pointsman.stream.acceptor import Acceptor, BindState, ProcessState
from pointsman.worker.console import Console
from pointsman.worker.plan import ProcessPlan

GOOD = "defaults\n mode http\nfrontend f\n bind 127.0.0.1:18999\n"
WARNS = "global\n maxconn 10\n maxconn 20\n" + GOOD
BAD = GOOD + " blah\n"
NOBODY = "global\n"
SOUND = "Configuration file is valid\n"
WARNED = "Warnings were found.\n"


class Calls:
    """What was assembled, and with which plan it would run."""

    def __init__(self) -> None:
        self.configurations: list[Configuration] = []
        self.plans: list[ProcessPlan] = []
        self.reactors: list[Reactor] = []

    def assemble(self, configuration: Configuration, diagnostics: Diagnostics) -> Generation:
        self.configurations.append(configuration)
        reactor = Reactor()
        self.reactors.append(reactor)
        process = ProcessState(reactor)
        generation = Generation(reactor, process)
        for section in configuration.proxies:
            if section.kind & In.FRONT:
                opening = Opening(AddressSpec("inet", "127.0.0.1", 0), SocketOptions(), "x:1", "frontend x")
                generation.listeners.append(
                    Listener(reactor, Acceptor(section.name, 2, True), BindState("", 1, process), opening)
                )
        return generation

    def run(self, generation: Generation, plan: ProcessPlan, console: Console) -> int:
        self.plans.append(plan)
        return 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    made = Calls()
    monkeypatch.setattr("pointsman.worker.start.assembled", made.assemble)
    monkeypatch.setattr("pointsman.worker.process.run", made.run)
    monkeypatch.setattr("pointsman.master.generation.keep", made.run)  # with several lanes
    yield made
    for reactor in made.reactors:
        reactor.epoll.close()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (
        ("good", GOOD),
        ("warns", WARNS),
        ("bad", BAD),
        ("nobody", NOBODY),
        ("quiet", "global\n quiet\n"),
        ("strict", "global\n zero-warning\n"),
    ):
        (tmp_path / f"{name}.cfg").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "status", "out", "err"),
    [
        ("-c -f good.cfg", 0, "", ""),
        ("-c -V -f good.cfg", 0, SOUND, ""),
        ("-c -q -V -f good.cfg", 0, SOUND, ""),
        ("-c -q -f good.cfg", 0, "", ""),
        ("-c -f warns.cfg", 0, WARNED, "already specified"),
        ("-c -V -f warns.cfg", 0, WARNED + SOUND, "already specified"),
        ("-c -q -f warns.cfg", 0, "", ""),
        ("-c -dW -f warns.cfg", 1, "", "Some warnings were found and 'zero-warning' is set. Aborting."),
        ("-c -dW -f good.cfg", 0, "", ""),
        ("-c -q -dW -f warns.cfg", 1, "", ""),
        ("-c -f strict.cfg -f warns.cfg", 1, "", "'zero-warning' is set"),
        ("-c -f quiet.cfg -f warns.cfg", 0, "", ""),
        ("-c -V -f quiet.cfg -f warns.cfg", 0, WARNED + SOUND, "already specified"),
        ("-c -f bad.cfg", 1, "", "unknown keyword 'blah' in 'frontend' section"),
        ("-c -q -f bad.cfg", 1, "", ""),
        ("-c -f nobody.cfg", 0, "", ""),
        ("-c -V -f nobody.cfg", 0, SOUND, ""),
        ("-c -q -f nobody.cfg", 0, "", ""),
        ("-f nobody.cfg", 1, "", "No enabled listener found (check for 'bind' directives) ! Exiting."),
        (
            "-c -f missing.cfg",
            1,
            "",
            "Cannot open configuration file/directory missing.cfg : No such file or directory",
        ),
        ("-c -C /nonexistent -f good.cfg", 1, "", "Could not change to directory /nonexistent"),
        ("-W -c -f good.cfg", 0, "", ""),
        ("-c -- good.cfg", 0, "", ""),
        ("-cc 1", 0, "", ""),
        ("-cc 0 -c -f missing.cfg", 1, "", ""),
        ("-cc version_atleast(3.5)", 0, "", ""),
        ("-cc bogus()", 2, "", "Failed to evaluate condition: unparsable conditional expression 'bogus()'"),
        ("-cc defined(POINTSMAN)", 0, "", ""),
        ("-dR -cc enabled(REUSEPORT)", 1, "", ""),
        ("-cc enabled(REUSEPORT)", 0, "", ""),
        ("-vq", 0, f"{__version__}\n", ""),
        ("-de -c -f good.cfg", 0, "", "'-de' has no effect: epoll is the only polling system."),
    ],
)
def test_status_and_messages(
    calls: Calls, files: Path, capsys: pytest.CaptureFixture[str], words: str, status: int, out: str, err: str
) -> None:
    assert cli.main(words.split()) == status
    shown = capsys.readouterr()
    assert shown.out == out
    assert err in shown.err if err else shown.err == ""


@pytest.mark.parametrize("words", ["", "-c", "-Z", "foo", "-V", "-c -f good.cfg foo", "-x", "-cc"])
def test_help_is_status_1_with_the_version_on_stdout(
    files: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert cli.main(words.split()) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith(f"Pointsman version {__version__}")
    assert "Usage : pointsman [-f <cfgfile|cfgdir>]*" in shown.err


def test_version_begins_with_our_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-v"]) == 0
    short = capsys.readouterr().out
    assert short.startswith(f"Pointsman version {__version__} ")
    assert cli.main(["-vv"]) == 0
    long = capsys.readouterr().out
    assert long.startswith(short)
    assert "Feature list : " in long and "+EPOLL" in long and "-QUIC" in long
    assert "Running on Python version : CPython 3." in long
    assert "Event loop of control tasks : " in long
    assert "Hot modules are compiled : " in long


def test_who_speaks_is_said_before_the_first_alert_only(
    calls: Calls, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["-c", "-f", "bad.cfg"])
    lines = capsys.readouterr().err.splitlines()
    assert "pointsman version is" in lines[0] and lines[0].startswith("[NOTICE] ")
    assert "path to executable is" in lines[1]
    assert sum("version is" in line for line in lines) == 1


def test_help_of_memory_debugging_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-dMhelp"]) == 0
    assert "Python" in capsys.readouterr().out


def test_lists_are_printed_in_quiet_mode_too(calls: Calls, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-q", "-c", "-dKall", "-f", "nobody.cfg"]) == 0
    assert capsys.readouterr().out.startswith("# List of registered ACL keywords:\nbase = base -m str\n")
    assert cli.main(["-q", "-c", "-dKhelp", "-f", "good.cfg"]) == 0
    assert capsys.readouterr().out.startswith("# List of supported keyword classes:\n")
    assert cli.main(["-q", "-c", "-dC", "-f", "nobody.cfg"]) == 0
    assert capsys.readouterr().out == "global\n"
    assert cli.main(["-q", "-c", "-dL", "-f", "good.cfg"]) == 0
    assert "/libc" in capsys.readouterr().out


def test_the_command_line_prevails(calls: Calls, files: Path) -> None:
    (files / "all.cfg").write_text(
        "global\n maxconn 10\n pidfile a\n daemon\n ulimit-n 500\n grace 5\n uid 12\n"
        " gid 13\n hard-stop-after 7s\n no strict-limits\n chroot /var/empty\n" + GOOD
    )
    words = ["-f", "all.cfg", "-n", "77", "-p", "b", "-db", "-N", "5", "-dr", "-4", "-dR", "-sf", "123", "124"]
    assert cli.main(words) == 0
    plan = calls.plans[0]
    assert (plan.wanted.maxconn, plan.wanted.descriptors, plan.pidfile, plan.daemon) == (77, 500, "b", False)
    assert (plan.grace, plan.hard_stop_after, plan.strict_limits) == (5, 7000, False)
    assert (plan.privileges.uid, plan.privileges.gid, plan.privileges.chroot) == (12, 13, "/var/empty")
    assert (plan.old_pids, plan.old_finish) == ((123, 124), True)
    said = calls.configurations[0].main.one(CommandLine)
    assert said is not None
    assert (said.proxy_maxconn, said.ignore_resolution, said.ipv4_only, said.reuse_port) == (5, True, True, False)


def test_what_only_the_file_says_holds(calls: Calls, files: Path) -> None:
    (files / "all.cfg").write_text("global\n maxconn 10\n pidfile a\n daemon\n" + GOOD)
    assert cli.main(["-f", "all.cfg"]) == 0
    plan = calls.plans[0]
    assert (plan.wanted.maxconn, plan.pidfile, plan.daemon) == (10, "a", True)
    assert (plan.privileges.uid, plan.privileges.gid) == (None, None)
    assert cli.main(["-f", "all.cfg", "-d"]) == 0
    assert not calls.plans[1].daemon
    assert cli.main(["-f", "good.cfg", "-D"]) == 0
    assert calls.plans[2].daemon


def test_folders_and_the_local_peer(calls: Calls, files: Path) -> None:
    folder = files / "conf"
    folder.mkdir()
    (folder / "b.cfg").write_text(GOOD)
    (folder / "a.cfg").write_text("global\n maxconn 1\n")
    (folder / "c.txt").write_text("nonsense")
    assert cli.main(["-c", "-L", "peer1", "-f", "conf"]) == 0
    configuration = calls.configurations[0]
    assert configuration.environment["HAPROXY_LOCALPEER"] == "peer1"
    assert configuration.environment["HAPROXY_CFGFILES"] == "conf/a.cfg;conf/b.cfg"


def test_in_this_process_signals_are_left_alone(calls: Calls, files: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    cli.main(["-c", "-f", "good.cfg"])
    assert signal.getsignal(signal.SIGINT) is before
