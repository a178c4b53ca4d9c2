"""The global section (manual 3). Words of errors are those of the haproxy program."""

import os
import pwd

import pytest
from support.configs import good, only_error, read, section

from pointsman.assemble import assemble
from pointsman.config.bind import BindParameters, SocketOwner, UnixBind
from pointsman.config.global_section import (
    NUMBERS,
    StatsSocket,
    buffer_sizes,
    global_flag,
    global_number,
    global_text,
)
from pointsman.config.global_tuning import FAMILIES
from pointsman.config.vocabulary import lookup
from pointsman.core.address import AddressSpec


@pytest.mark.parametrize(
    "line, name, value",
    [
        ("maxconn 2000", "maxconn", 2000),
        ("ulimit-n 4096", "ulimit-n", 4096),
        ("uid 99", "uid", 99),
        ("gid 98", "gid", 98),
        ("hard-stop-after 30s", "hard-stop-after", 30_000),
        ("grace 10s", "grace", 10_000),
        ("spread-checks 50", "spread-checks", 50),
        ("max-spread-checks 15s", "max-spread-checks", 15_000),
        ("stats timeout 2m", "stats timeout", 120_000),
        ("stats maxconn 3", "stats maxconn", 3),
        ("tune.bufsize 32k", "tune.bufsize", 32768),
        ("tune.maxrewrite 2048", "tune.maxrewrite", 2048),
        ("tune.http.maxhdr 200", "tune.http.maxhdr", 200),
        ("maxconnrate 7", "maxconnrate", 7),
        ("fd-hard-limit 50000", "fd-hard-limit", 50_000),
        ("nbthread 1", "nbthread", 1),
        ("maxpipes 0", "maxpipes", 0),
        ("maxpipes 500", "maxpipes", 500),
    ],
)
def test_numbers(line: str, name: str, value: int) -> None:
    assert global_number(good("global", line).main, name) == value


def test_numbers_that_are_not_said() -> None:
    main = good("global").main
    assert {name: global_number(main, name) for name in NUMBERS} == {
        "close-spread-time": 0,
        "fd-hard-limit": 0,
        "gid": -1,
        "grace": 0,
        "hard-stop-after": 0,
        "maxpipes": 1,
        "max-spread-checks": 0,
        "maxconn": 0,
        "maxconnrate": 0,
        "maxsessrate": 0,
        "mworker-max-reloads": 50,
        "nbthread": 1,
        "pointsman-decisions": 0,
        "pointsman-lane-timeout": 10_000,
        "spread-checks": 0,
        "stats maxconn": 10,
        "stats timeout": 10_000,
        "thread-hard-limit": 0,
        "tune.bufsize": 16384,
        "tune.cli.max-payload-size": 131_072,
        "tune.glitches.kill.cpu-usage": 0,
        "tune.h1.be.glitches-threshold": 0,
        "tune.h1.fe.glitches-threshold": 0,
        "tune.http.cookielen": 63,
        "tune.http.logurilen": 1024,
        "tune.http.maxhdr": 101,
        "tune.max-checks-per-thread": 0,
        "tune.maxrewrite": 1024,
        "tune.python.slow": 100,
        "tune.stick-counters": 3,
        **{f"tune.vars.{scope}-max-size": 0 for scope in ("check", "global", "proc", "reqres", "sess", "txn")},
        "uid": -1,
        "ulimit-n": 0,
    }


@pytest.mark.parametrize(
    "lines, sizes",
    [
        ((), (16384, 1024)),
        (("tune.bufsize 8001",), (8016, 1024)),
        (("tune.bufsize 1000",), (1008, 504)),
        (("tune.maxrewrite 9000",), (16384, 8192)),
    ],
)
def test_buffers(lines: tuple[str, ...], sizes: tuple[int, int]) -> None:
    assert buffer_sizes(good("global", *lines).main) == sizes


@pytest.mark.parametrize(
    "line, message",
    [
        ("maxconn", "'maxconn' expects an integer argument."),
        ("maxconn x", "'maxconn': 'x' is not a number"),
        ("maxconn 10 20", "'maxconn' cannot handle unexpected argument '20'"),
        ("nbthread", "'nbthread' passed a missing or unparsable integer value in ''"),
        ("nbthread x", "'nbthread' passed a missing or unparsable integer value in 'x'"),
        ("nbthread 0", "'nbthread' value must be between 1 and 64 (was 0)"),
        ("nbthread 100", "'nbthread' value must be between 1 and 64 (was 100)"),
        ("nbproc 2", "The 'nbproc' directive is not supported anymore since HAProxy 2.5."),
        ("daemon x", "'daemon' cannot handle unexpected argument 'x'"),
        ("no daemon", "negation/default is not supported for 'daemon'."),
        ("pidfile", "'pidfile' expects a file name as an argument."),
        ("chroot", "'chroot' expects a directory as an argument."),
        ("user nosuch", "cannot find user id for 'nosuch'"),
        ("group nosuch", "cannot find group id for 'nosuch'"),
        ("uid x", "'uid': 'x' is not a number"),
        ("hard-stop-after", "'hard-stop-after' expects <time> as argument."),
        ("hard-stop-after x", "'x' is not a time"),
        ("spread-checks 51", "'spread-checks': '51' is not a number"),
        (
            "node a/b",
            "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.), "
            "hyphen(-) or underscode(_).",
        ),
        ("description", "'description' expects a string argument."),
        ("localpeer", "'localpeer' expects a name as an argument."),
        ("stats foo", "'stats' only supports 'socket', 'maxconn' and 'timeout' (got 'foo')"),
        ("stats socket", "'stats socket' in global section expects an address or a path to a UNIX socket"),
        ("stats socket foo", "missing port specification in 'foo'"),
        ("stats socket /x foo", "'stats socket' : unknown keyword 'foo'"),
        ("stats socket /x level", "'stats socket' : 'level' : missing level"),
        ("stats timeout 0", "'stats timeout' expects a positive value"),
        ("stats maxconn 0", "'stats maxconn': '0' is not a number"),
        ("tune.bufsize 0", "'tune.bufsize' expects a positive value"),
        ("tune.http.maxhdr 32768", "'tune.http.maxhdr': '32768' is not a number"),
        ("unix-bind foo", "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options."),
        ("unix-bind user nosuch", "'unix-bind' : 'user' : unknown user name 'nosuch'"),
        (
            "setcap",
            "'setcap' : missing capability name(s).  Supported ones are: cap_net_raw, cap_net_admin, "
            "cap_net_bind_service, cap_sys_admin.",
        ),
        (
            "setcap cap_net_admin,cap_chown",
            "'setcap' : unsupported capability 'cap_chown'.  Supported ones are: cap_net_raw, cap_net_admin, "
            "cap_net_bind_service, cap_sys_admin.",
        ),
        ("set-dumpable x", "'set-dumpable': unknown value 'x'"),
        ("master-worker foo", "'master-worker': unknown option 'foo'"),
        (
            "default-path foo",
            "unsupported default-path mode 'foo' for 'default-path', supported modes include 'current', "
            "'config', 'parent', and 'origin'.",
        ),
        ("default-path origin", "'default-path origin' expects a directory as an argument."),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert only_error("global", line) == message


@pytest.mark.parametrize(
    "first, second, said, name, holds",
    [
        ("maxconn 10", "maxconn 20", "'maxconn'", "maxconn", 10),
        ("maxconnrate 1", "maxconnrate 2", "'maxconnrate'", "maxconnrate", 1),
        ("uid 1", "uid 2", "user/uid", "uid", 1),
        ("gid 1", "group root", "group/gid", "gid", 1),
        ("user root", "uid 2", "user/uid", "uid", 0),
    ],
)
def test_the_first_of_two_numbers_holds(first: str, second: str, said: str, name: str, holds: int) -> None:
    loaded = read(f"global\n {first}\nglobal\n {second}\n")
    assert loaded.errors == []
    assert loaded.warnings == [f"{said} already specified. Continuing."]
    assert global_number(loaded.main, name) == holds


@pytest.mark.parametrize("name", ["pidfile", "chroot"])
def test_the_first_of_two_texts_holds(name: str) -> None:
    loaded = read(f"global\n {name} /a\n {name} /b\n")
    assert loaded.warnings == [f"'{name}' already specified. Continuing."]
    assert global_text(loaded.main, name) == "/a"


def test_sections_add_up() -> None:
    loaded = read("global\n daemon\nglobal\n quiet\n description a  b\n")
    assert global_flag(loaded.main, "daemon") and global_flag(loaded.main, "quiet")
    assert not global_flag(loaded.main, "zero-warning")
    assert global_text(loaded.main, "description") == "a b"


def test_strict_limits_are_on_until_taken_back() -> None:
    assert global_flag(good("global").main, "strict-limits", True)
    assert not global_flag(good("global", "no strict-limits").main, "strict-limits", True)


@pytest.mark.parametrize(
    "line, on",
    [
        ("set-dumpable", True),
        ("set-dumpable on", True),
        ("set-dumpable libs", True),
        ("set-dumpable off", False),
        ("no set-dumpable", False),
    ],
)
def test_dumpable(line: str, on: bool) -> None:
    assert global_flag(good("global", line).main, "set-dumpable") is on


def test_user_by_name() -> None:
    me = pwd.getpwuid(os.getuid())
    assert global_number(good("global", f"user {me.pw_name}").main, "uid") == me.pw_uid


def test_any_number_of_threads_is_taken() -> None:
    assert good("global", "nbthread 4").notices == []


def test_stats_sockets() -> None:
    first, second = good(
        "global",
        "stats socket /run/a.sock mode 660 level admin expose-fd listeners",
        "stats socket ipv4@127.0.0.1:9999 level user",
    ).main.all(StatsSocket)
    assert first.addresses == (AddressSpec("unix", "/run/a.sock"),)
    assert first.parameters == BindParameters(owner=SocketOwner(mode=0o660), level="admin", expose_listeners=True)
    assert second.parameters == BindParameters(level="user") and second.addresses[0].port == 9999


def test_unix_bind_lines_add_up_and_leave_stats_sockets_alone() -> None:
    main = good("global", "unix-bind prefix /run/p mode 600", "unix-bind uid 5", "stats socket /run/a.sock").main
    found = main.one(UnixBind)
    assert found is not None and found.prefix == "/run/p" and found.owner == SocketOwner(mode=0o600, uid=5)
    assert main.all(StatsSocket)[0].parameters.owner == SocketOwner()
    assert main.all(StatsSocket)[0].addresses[0].host == "/run/a.sock"


def test_localpeer_is_seen_by_later_lines() -> None:
    loaded = good("global", "localpeer me", 'description "$HAPROXY_LOCALPEER"')
    assert global_text(loaded.main, "description") == "me"


ARGUMENTS = {"flag": "", "number": " 3", "size": " 16k", "time": " 3s", "switch": " on", "words": " a b", "any": ""}
TUNING = [(name, how) for table, _ in FAMILIES for name, how in table.items()]


@pytest.mark.parametrize("name, how", TUNING)
def test_tuning_is_noticed(name: str, how: str) -> None:
    loaded = section("global", name + ARGUMENTS[how])
    assert (loaded.errors, loaded.warnings, len(loaded.notices)) == ([], [], 1)
    assert loaded.notices[0].startswith(f"'{name}' has no effect: it ")
    assert lookup("global", name) or name in ("quick-exit", "stats calculate-max-counters")


@pytest.mark.parametrize(
    "line, message",
    [
        ("noepoll x", "'noepoll' cannot handle unexpected argument 'x'"),
        ("tune.maxaccept x", "'tune.maxaccept': 'x' is not a number"),
        ("profiling.tasks", "'profiling.tasks' expects <value>"),
        ("tune.idletimer x", "'x' is not a time"),
    ],
)
def test_tuning_is_checked(line: str, message: str) -> None:
    assert only_error("global", line) == message


@pytest.mark.parametrize(("words", "value"), [("infinite", -1), ("5s", 5000), ("0", 0)])
def test_how_long_ends_are_spread(words: str, value: int) -> None:
    loaded = good("global", f"close-spread-time {words}")
    assert global_number(loaded.main, "close-spread-time") == value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "expects <time> as argument."),
        ("-1", "'-1' is not a time"),
        ("Infinite", "'Infinite' is not a time"),
        ("1s 2s", "unexpected argument '2s'"),
    ],
)
def test_times_over_which_nothing_can_be_spread(words: str, said: str) -> None:
    assert said in only_error("global", f"close-spread-time {words}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "expects either 'on' or 'off'."),
        ("auto", "expects either 'on' or 'off'."),
        ("on off", "unexpected argument 'off'"),
    ],
)
def test_reject_privileged_ports_is_on_or_off(words: str, said: str) -> None:
    assert said in only_error("global", f"harden.reject-privileged-ports.tcp {words}")


@pytest.mark.parametrize(
    ("words", "lowest"),
    [("", 0), ("harden.reject-privileged-ports.tcp on", 1024), ("harden.reject-privileged-ports.tcp off", 0)],
)
def test_which_ports_clients_must_not_have(words: str, lowest: int) -> None:
    loaded = read(f"global\n {words}\nfrontend f\n bind 127.0.0.1:1\n timeout client 1s\n")
    live = assemble(loaded.configuration, loaded.diagnostics)
    assert [listener.lowest_port for listener in live.listeners] == [lowest]
