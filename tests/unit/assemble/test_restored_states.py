"""Server-state files: which are read, and what comes of them (manual 3.1, 4.2). Each case was observed at HAProxy 3.2;
where Pointsman differs, docs/differences.md says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from support.server_states import HEAD, state_line

from pointsman.assemble import assembled
from pointsman.assemble.live import Live
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.net.clock import monotonic_ms
from pointsman.server.backend import LiveServer
from pointsman.server.server import RUNNING, STARTING, STOPPED, STOPPING

DOWN = (
    "Server b/s1 is DOWN, changed from server-state after a reload. 0 active and 0 backup servers left. "
    "0 sessions active, 0 requeued, 0 remaining in queue."
)


@dataclass
class Loaded:
    live: Live | None
    said: list[str]  # but for missing timeouts and the like

    def server(self, name: str = "s1") -> LiveServer:
        assert self.live is not None
        found = self.live.backends[0].find(name.encode())
        assert found is not None
        return found


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.chdir(tmp_path)
    return Load(tmp_path)


class Load:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def text(self, servers: str, main: str = "", source: str = "global") -> Loaded:
        diagnostics = Diagnostics()
        text = (
            f"global\n {main}\ndefaults\n mode http\n load-server-state-from-file {source}\n timeout connect 1s\n"
            f" timeout server 1s\nbackend b\n id 3\n {servers}\n"
        )
        live = assembled(load_text(text, diagnostics), diagnostics)
        said = [one.message for one in diagnostics.findings if one.severity >= Severity.NOTICE]
        return Loaded(live, said)

    def state(self, servers: str, *lines: str) -> Loaded:
        self.write("st", HEAD + "".join(lines))
        return self.text(servers, "server-state-file st")


CHECKED = "server s1 127.0.0.1:1 check rise 5 fall 7"


@pytest.mark.parametrize(
    ("state", "health", "becomes", "counts"),
    [
        *((STOPPED, health, STOPPED, 0) for health in (0, 4, 8)),
        *((STARTING, health, RUNNING, left) for health, left in ((0, 4), (1, 1), (4, 4), (5, 4), (8, 4))),
        *((RUNNING, health, RUNNING, 11) for health in (0, 5, 11, 30)),
        *((STOPPING, health, STOPPING, left) for health, left in ((0, 5), (5, 5), (8, 8), (11, 5), (30, 5))),
    ],
)
def test_operational_states(load: Load, state: int, health: int, becomes: int, counts: int) -> None:
    one = load.state(CHECKED, state_line(srv_op_state=state, srv_check_health=health, srv_check_status=15))
    server = one.server()
    assert (server.state, server.check_health, server.check_status) == (becomes, counts, "L7OK")
    assert 99_000 <= monotonic_ms() - server.last_change <= 160_000
    assert server.usable == (becomes == RUNNING)
    assert bool(server.backend.usable) == (becomes == RUNNING)
    said = {STOPPED: [DOWN], STOPPING: [DOWN.replace("DOWN", "stopping")]}.get(becomes, [])
    assert [text.partition(". ")[0] for text in one.said] == [text.partition(". ")[0].rstrip() for text in said]


def test_it_was_down(load: Load) -> None:
    assert load.state(CHECKED, state_line(srv_op_state=0)).said == [DOWN]
    one = load.state("server s1 127.0.0.1:1", state_line(srv_op_state=0))
    assert (one.server().state, one.server().downs) == (STOPPED, 1)


def test_it_was_warming_up(load: Load) -> None:
    line = state_line(srv_op_state=1, srv_time_since_last_change=500)
    server = load.state("server s1 127.0.0.1:1 check slowstart 1000s", line).server()
    assert (server.state, server.share) == (STARTING, 8)
    server = load.state("server s1 127.0.0.1:1 check slowstart 400s", line).server()
    assert (server.state, server.share) == (RUNNING, 16)


def test_it_begins_down_and_was_up(load: Load) -> None:
    one = load.state("server s1 127.0.0.1:1 check init-state down", state_line())
    assert one.server().state == RUNNING
    assert one.said == [
        "Server b/s1 is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
    ]


@pytest.mark.parametrize(
    ("words", "admin", "becomes"),
    [
        *(("check", admin, admin & 9) for admin in (0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 17, 24, 32, 33, 40, 64, 65)),
        *(("check", admin, 0) for admin in (5, 7, 21)),  # by the configuration, which does not say so any more
        *(("check disabled", admin, 5) for admin in (0, 1, 2, 5, 8, 16, 24, 32)),
        *(("check disabled", admin, becomes) for admin, becomes in ((4, 4), (6, 4), (12, 12), (20, 4))),
    ],
)
def test_administrative_states(load: Load, words: str, admin: int, becomes: int) -> None:
    server = load.state(f"server s1 127.0.0.1:1 {words}", state_line(srv_admin_state=admin)).server()
    assert server.admin == becomes
    assert server.up == (not becomes & 1)
    assert server.usable == (becomes in (0, 4))


@pytest.mark.parametrize("admin", [2, 5, 32, 34])
def test_maintenance_that_is_over_leaves_nobody_down(load: Load, admin: int) -> None:
    """HAProxy keeps a server that is not checked down for ever then."""
    one = load.state("server s1 127.0.0.1:1", state_line(srv_admin_state=admin, srv_op_state=0))
    assert (one.server().state, one.said) == (RUNNING, [])
    one = load.state("server s1 127.0.0.1:1", state_line(srv_admin_state=4, srv_op_state=0))
    assert one.said == [DOWN]  # the runtime socket had made it ready, and it was down


def test_weights(load: Load) -> None:
    line = state_line(srv_uweight=7, srv_iweight=4)
    assert load.state("server s1 127.0.0.1:1 weight 4", line).server().weight == 7
    assert load.state("server s1 127.0.0.1:1 weight 5", line).server().weight == 5
    server = load.state("server s1 127.0.0.1:1 weight 4", state_line(srv_uweight=0, srv_iweight=4)).server()
    assert (server.weight, server.initial_weight, server.usable) == (0, 4, False)


def test_checks_and_agents(load: Load) -> None:
    words = "server s1 127.0.0.1:1 check agent-check agent-port 9 agent-send hello"
    for state, paused in ((0, False), (2, True), (6, False), (14, False), (10, True)):
        server = load.state(words, state_line(srv_check_state=state, srv_agent_state=state | 16)).server()
        assert (server.check_paused, server.agent_paused) == (paused, paused)
    one = load.state(
        words,
        state_line(srv_check_port=77, srv_check_addr="127.0.0.5", srv_agent_port=78, srv_agent_addr="::1"),
    )
    assert one.live is not None and one.live.health is not None
    target = one.live.health.checkers[one.server()].target
    agent = one.live.health.agents[one.server()].agent.target
    assert (target.address, target.port) == ("127.0.0.5", 77)
    assert (agent.address, agent.port, agent.send) == ("::1", 78, b"hello")
    assert one.said == []


@pytest.mark.parametrize(
    ("words", "columns", "wrong"),
    [
        ("check", {"srv_check_port": 70000}, "provided port is invalid"),
        ("check", {"srv_check_port": "x"}, "provided port is not an integer"),
        ("check", {"srv_check_addr": "zz"}, "invalid addr 'zz'"),
        ("", {"srv_check_port": 9}, "health checks are not enabled on this server"),
        ("", {"srv_agent_addr": "::1"}, "agent checks are not enabled on this server"),
    ],
)
def test_what_cannot_be_had(load: Load, words: str, columns: dict[str, str | int], wrong: str) -> None:
    one = load.state(f"server s1 127.0.0.1:1 {words}", state_line(srv_uweight=9, **columns))
    assert one.said == [f"server-state partially applied for server 'b/s1', {wrong}"]
    assert one.server().weight == 9


@pytest.mark.parametrize(
    ("address", "columns", "target", "follows"),
    [
        ("127.0.0.1:1", {"srv_port": 5}, ("127.0.0.1", 5), False),
        ("127.0.0.1:1", {"srv_port": 0}, ("127.0.0.1", 1), False),
        ("127.0.0.1:1", {"srv_addr": "127.0.0.9", "srv_port": 1}, ("127.0.0.1", 1), False),
        ("127.0.0.1:1 init-addr last", {"srv_addr": "127.0.0.9"}, ("127.0.0.1", 1), False),
        ("127.0.0.1", {"srv_port": 0}, ("127.0.0.1", 0), True),
        ("127.0.0.1:+5", {"srv_port": 5}, ("127.0.0.1", 0), True),
        ("127.0.0.1:+5", {"srv_port": 80}, ("127.0.0.1", 80), False),
        ("127.0.0.1:-5", {"srv_port": 4294967291}, ("127.0.0.1", 0), True),
        ("nope.invalid:80", {"srv_addr": "127.0.0.9"}, ("127.0.0.9", 80), False),
        ("nope.invalid:80", {"srv_addr": "::1", "srv_port": 8080}, ("::1", 8080), False),
        ("ipv4@nope.invalid:80 init-addr last,none", {"srv_addr": "::1"}, ("", 80), False),
        ("ipv6@nope.invalid:80 init-addr last,none", {"srv_addr": "::1"}, ("::1", 80), False),
        ("nope.invalid:80 init-addr none,last", {"srv_addr": "127.0.0.9"}, ("", 80), False),
        ("nope.invalid:80 init-addr 127.0.0.8,last", {"srv_addr": "127.0.0.9"}, ("127.0.0.8", 80), False),
        ("nope.invalid:80 init-addr last,none", {"srv_addr": "-", "srv_admin_state": 32}, ("", 80), False),
    ],
)
def test_where_it_is(
    load: Load, address: str, columns: dict[str, str | int], target: tuple[str, int], follows: bool
) -> None:
    server = load.state(f"server s1 {address}", state_line(**columns)).server()
    assert (server.dial.target, server.dial.follow_port) == (target, follows)
    assert bool(server.admin & 32) == (not target[0])


def test_names_and_services(load: Load) -> None:
    resolvers = "resolvers r\n nameserver n 127.0.0.1:1"
    named = state_line(srv_addr="127.0.0.9", srv_fqdn="other.test", srv_admin_state=64)
    server = load.state(f"server s1 nope.invalid:80 resolvers r\n{resolvers}", named).server()
    assert (server.fqdn, server.admin, server.dial.target) == ("other.test", 64, ("127.0.0.9", 80))
    server = load.state("server s1 nope.invalid:80", named).server()  # nobody could have said so
    assert (server.fqdn, server.admin) == ("nope.invalid", 0)
    service = "_http._tcp.x.test"
    line = state_line(srv_addr="127.0.0.9", srv_fqdn="a.x.test", srv_port=8080, srvrecord=service, srv_uweight=33)
    server = load.state(f"server s1 {service} resolvers r\n{resolvers}", line).server()
    assert (server.service, server.fqdn, server.weight) == (service, "a.x.test", 33)
    assert (server.dial.target, server.admin) == (("127.0.0.9", 8080), 0)
    one = load.state(f"server s1 _other._tcp.x.test resolvers r\n{resolvers}", line)
    assert (one.server().fqdn, one.server().dial.target, one.server().admin) == ("", ("", 0), 32)
    assert one.said == [
        "server-state partially applied for server 'b/s1', SRV record mismatch between configuration "
        f"('_other._tcp.x.test') and state file ('{service}')"
    ]


def test_tls(load: Load) -> None:
    one = load.state("server s1 127.0.0.1:1 ssl verify none", state_line(srv_use_ssl=1))
    assert one.server().transports is not None and one.said == []
    one = load.state("server s1 127.0.0.1:1 ssl verify none", state_line(srv_use_ssl=0))
    assert one.server().transports is None and one.server().encrypting is not None
    assert one.said == ["server 'b/s1' is spoken to without TLS, as its server-state file says."]
    for words in ("", "ssl verify none no-ssl"):
        server = load.state(f"server s1 127.0.0.1:1 {words}", state_line(srv_use_ssl=1)).server()
        assert server.transports is None


def test_servers_that_track(load: Load) -> None:
    servers = "server s1 127.0.0.1:1 check\n server s2 127.0.0.1:1 track s1"
    follower = state_line(srv_name="s2", srv_op_state=0, srv_admin_state=2)
    for admin, state, inherited in ((0, STOPPED, 0), (1, STOPPED, 2), (8, RUNNING, 16)):
        one = load.state(servers, state_line(srv_op_state=state, srv_admin_state=admin), follower)
        assert (one.server().admin, one.server("s2").admin) == (admin, inherited)
        assert (one.server().state, one.server("s2").state) == (state, state)
        via = "Server b/s2 is DOWN via b/s1. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, "
        left = DOWN.replace("0 active", "1 active")
        assert one.said == ([left, f"{via}0 remaining in queue."] if state == STOPPED else [])
    one = load.state(servers, state_line(), follower)  # its state is its leader's
    assert (one.server("s2").state, one.server("s2").admin) == (RUNNING, 0)
    one = load.state(servers, state_line(), state_line(srv_name="s2", srv_admin_state=1, srv_uweight=9))
    assert (one.server("s2").admin, one.server("s2").weight) == (1, 9)


def test_many_servers_are_put_in_order_once(load: Load) -> None:
    """Not once for each that was down: that would take a minute where there are ten thousand."""
    names = [f"s{number}" for number in range(1, 101)]
    servers = "\n ".join(f"server {name} 127.0.0.1:1" for name in names)
    one = load.state(
        servers, *(state_line(srv_name=name, srv_op_state=number % 2) for number, name in enumerate(names))
    )
    backend = one.server().backend
    assert len(one.said) == len(backend.usable) == 50
    assert backend.arena.cells.load(backend.version) < 10


# Files.


def test_servers_are_known_by_their_names(load: Load) -> None:
    servers = "server s1 127.0.0.1:1\n server s2 127.0.0.1:1 id 20"
    lines = [
        state_line(be_id=99, srv_id=88, srv_uweight=7),
        state_line(srv_uweight=8),  # the first one counts
        state_line(srv_name="s9", srv_id=20, srv_uweight=9),
        state_line(be_name="c", srv_name="s2", srv_uweight=9),
    ]
    one = load.state(servers, *lines)
    assert (one.server().weight, one.server("s2").weight, one.said) == (7, 1, [])
    load.write("b", HEAD + "".join(lines))
    one = load.text(servers, source="local")
    assert (one.server().weight, one.server("s2").weight) == (7, 1)
    assert one.said == [
        "Proxy 'b': can't find server 's9' in backend 'b'",
        "Proxy 'b': backend name mismatch: from server state file: 'c', from running config 'b'",
    ]


@pytest.mark.parametrize(
    ("main", "source", "words", "file"),
    [
        ("server-state-file st", "global", "", "st"),
        ("server-state-base d\n server-state-file st", "global", "", "d/st"),
        ("server-state-base d/\n server-state-file {folder}/st", "global", "", "st"),
        ("", "local", "", "b"),
        ("server-state-base d", "local", "", "d/b"),
        ("server-state-base d", "local", "server-state-file-name\n", "d/b"),
        ("server-state-base d", "local", "server-state-file-name use-backend-name\n", "d/b"),
        ("server-state-base d", "local", "server-state-file-name x\n", "d/x"),
        ("server-state-base d", "local", "server-state-file-name {folder}/x\n", "x"),
        ("", "global", "load-server-state-from-file local\n", "b"),
    ],
)
def test_which_file(load: Load, main: str, source: str, words: str, file: str) -> None:
    load.write(file, HEAD + state_line(srv_uweight=7))
    main, words = (text.replace("{folder}", str(load.folder)) for text in (main, words))
    one = load.text(f"{words} server s1 127.0.0.1:1", main, source)
    assert (one.server().weight, one.said) == (7, [])


def test_no_file_is_read(load: Load) -> None:
    load.write("st", HEAD + state_line(srv_uweight=7))
    one = load.text("server s1 127.0.0.1:1", "server-state-file st", "none")
    assert (one.server().weight, one.said) == (1, [])
    one = load.text("server s1 127.0.0.1:1")
    assert one.said == [
        "backend 'b' configured to load server state file from global section 'server-state-file' directive. "
        "Unfortunately, 'server-state-file' is not set!"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "Can't open {}: No such file or directory"),
        ("", "Empty {}."),
        ("2\n", "Can't get version of the {}."),
        (HEAD + state_line(srv_uweight=7) + "hello\n", "corrupted {} at line 4."),
    ],
)
def test_files_that_are_of_no_use(load: Load, content: str | None, said: str) -> None:
    for source, name, front in (
        ("global", "global server state file 'b'", ""),
        ("local", "server state file 'b'", "Proxy 'b': "),
    ):
        if content is not None:
            load.write("b", content)
        one = load.text("server s1 127.0.0.1:1", "server-state-file b", source)
        assert (one.server().weight, one.said) == (1, [front + said.replace("{}", name)])


def test_a_line_that_is_wrong_is_a_matter_of_its_server(load: Load) -> None:
    servers = "server s1 127.0.0.1:1\n server s2 127.0.0.1:1"
    one = load.state(servers, state_line(srv_uweight=300), state_line(srv_name="s2", srv_uweight=7))
    assert (one.server().weight, one.server("s2").weight) == (1, 7)
    assert one.said == ["server-state application failed for server 'b/s1', invalid srv_uweight value '300'"]


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        ("server-state-file", "", "'server-state-file' expects one argument: a file path."),
        ("server-state-base", "", "'server-state-base' expects one argument: a directory path."),
        (
            "",
            "load-server-state-from-file globl",
            "'load-server-state-from-file' expects 'global', 'local' or 'none'. Got 'globl'",
        ),
        ("", "load-server-state-from-file", "'load-server-state-from-file' expects global, local, none"),
        ("", "server-state-file-name a b", "'server-state-file-name' cannot handle unexpected argument 'b'"),
    ],
)
def test_words_that_are_wrong(load: Load, main: str, words: str, said: str) -> None:
    assert load.text(f"{words}\n server s1 127.0.0.1:1", main, "none").said == [said]


def test_the_first_of_two_files_counts(load: Load) -> None:
    one = load.text("server s1 127.0.0.1:1", "server-state-file a\n server-state-file b", "global")
    assert one.said == [
        "'server-state-file' already specified. Continuing.",
        "Can't open global server state file 'a': No such file or directory",
    ]
