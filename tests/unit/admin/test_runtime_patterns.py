"""Commands about maps, ACLs, variables and addresses of servers. Answers are those of the haproxy program."""

import asyncio
import re
from pathlib import Path

import pytest
from admin_stand import TEXT, Stand, stand

from pointsman.balance.hashed import Hashed, Ring
from pointsman.core.regex import VERSION
from pointsman.sample.variables import PROCESS_VARIABLES
from pointsman.tables.changes import CHANGES
from pointsman.tables.patterns import LISTS

RULES = """
frontend maps
    bind 127.0.0.1:3
    acl listed path -f {0}/acl.lst
    acl loose path -i -f {0}/acl.lst foo1
    acl keys path -M -f {0}/both.map
    acl line path_beg /b /c
    http-request set-header a %[src,map_ip({0}/nets.map)]
    http-request set-header b %[path,map_beg({0}/names.map,none)]
    http-request set-header c %[path,map_str({0}/names.map)]
    http-request set-header d %[path,map_regm({0}/groups.map)]
    http-request set-header e %[path,map_sub({0}/both.map)]
    http-request set-header f %[path,map_str_int({0}/numbers.map,4)]
    http-request set-header g %[path,map_ip_key({0}/nets.map)]
"""
FILES = {
    "acl.lst": "foo\nbar baz\n",
    "both.map": "/a/b aval\n",
    "nets.map": "10.0.0.0/8  ten net \n10.1.0.0/16 one\n",
    "names.map": "/a va\n/a/b vab x\n/a second\n",
    "groups.map": "^/x(.*)y$ got\\1\\0\n",
    "numbers.map": "k 7\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def plain(answer: str) -> str:
    """Without the entries' numbers."""
    return re.sub(r"^0x[0-9a-f]+ ", "", answer, flags=re.MULTILINE)


def story(folder: Path, *steps: tuple[str, str]) -> None:
    """Commands and their answers; {0} is the folder."""
    with stand(TEXT + RULES.format(folder)) as one:
        for line, expected in steps:
            assert plain(one.ask(line.format(folder))) == expected, line


def test_what_there_is(folder: Path) -> None:
    with stand(TEXT + RULES.format(folder)) as one:
        maps, acls = one.ask("show map"), one.ask("show acl")
    assert [line.partition(" pattern")[0] for line in maps.splitlines()[1:]] == [
        f"4 ({folder}/both.map)",
        f"7 ({folder}/nets.map)",
        f"8 ({folder}/names.map)",
        f"9 ({folder}/groups.map)",
        f"10 ({folder}/numbers.map)",
    ]
    assert (
        f"({folder}/names.map) pattern loaded from file '{folder}/names.map' used by map at file 'haproxy.cfg' line "
    ) in maps
    assert maps.splitlines()[3].endswith(" curr_ver=0 next_ver=0 entry_cnt=3")
    assert (
        f"1 ({folder}/acl.lst) pattern loaded from file '{folder}/acl.lst' used by acl at file 'haproxy.cfg' line"
        in acls
    )
    assert re.search(r"^3 \(\) acl 'path' file 'haproxy.cfg' line \d+. curr_ver=0 next_ver=0 entry_cnt=1$", acls, re.M)
    assert f"4 ({folder}/both.map)" in acls and "nets.map" not in acls


def test_looking_up(folder: Path) -> None:
    story(
        folder,
        ("show map {0}/names.map", "/a va\n/a/b vab x\n/a second\n"),
        ("show acl #1", "foo\nbar baz\n"),
        ("show acl #2", ""),
        ("show acl #3", "foo1\n"),
        (
            "get map {0}/nets.map 10.1.2.3",
            'type=ip, case=sensitive, found=yes, idx=tree, key="10.1.0.0/16", value="one", type="str"\n'
            'type=ip, case=sensitive, found=yes, idx=tree, key="10.1.0.0/16", value=none\n',
        ),
        ("get map {0}/nets.map x", "type=ip, case=sensitive, found=no\n" * 2),
        (
            "get map {0}/names.map /a",
            'type=beg, case=sensitive, found=yes, idx=tree, key="/a", value="va", type="str"\n'
            'type=str, case=sensitive, found=yes, idx=tree, key="/a", value="va", type="str"\n',
        ),
        (
            "get acl #1 foo",
            'type=str, case=sensitive, match=yes, idx=tree, pattern="foo"\n'
            'type=str, case=insensitive, match=yes, idx=list, pattern="foo"\n',
        ),
        (
            "get acl #1 FOO",
            'type=str, case=sensitive, match=no\ntype=str, case=insensitive, match=yes, idx=list, pattern="foo"\n',
        ),
        (
            "get map #9 /x1y",
            'type=regm, case=sensitive, found=yes, idx=list, key="^/x(.*)y$", value="got\\1\\0", type="str"\n',
        ),
        (
            "get map #4 /a/b",
            'type=str, case=sensitive, found=yes, idx=tree, key="/a/b", value=none\n'
            'type=sub, case=sensitive, found=yes, idx=list, key="/a/b", value="aval", type="str"\n',
        ),
        ("get map #10 k", 'type=str, case=sensitive, found=yes, idx=tree, key="k", value="7", type="sint"\n'),
    )


def test_changing(folder: Path) -> None:
    names = "{0}/names.map"
    story(
        folder,
        ("add map {0}/nets.map 10.9.9.9 nine", ""),
        ("add map {0}/nets.map bad nine", "'bad' is not a valid IPv4 or IPv6 address.\n"),
        ("add map #10 a b", "unable to parse 'b'.\n"),
        ("set map #10 k x", "unable to parse 'x'.\n"),
        (
            "add map #9 ( x",
            "regex '(' is invalid (error=missing closing parenthesis, erroffset=1).\n"
            if VERSION
            else "regex '(' is invalid (error=missing ), unterminated subpattern, erroffset=0).\n",
        ),
        ("add acl #1 1.1.1.1", ""),
        ("add acl #1 1.1.1.1 more", ""),
        ("show acl #1", "foo\nbar baz\n1.1.1.1\n1.1.1.1\n"),
        (
            "add acl #4 /x",
            "This ACL is shared with a map containing samples. You must use the command 'add map' to add values.\n",
        ),
        (f"set map {names} /a new", ""),
        (f"set map {names} /no new", "entry not found.\n"),
        (f"show map {names}", "/a new\n/a/b vab x\n/a new\n"),
        (f"del map {names} /a", ""),
        (f"del map {names} /a", "Key not found.\n"),
        (f"show map {names}", "/a/b vab x\n"),
        (f"set map {names} #0x1 y", "key or pattern not found.\n"),
        (f"del map {names} #0x1", "Key not found.\n"),
        (f"clear map {names}", ""),
        (f"show map {names}", ""),
    )


def test_versions(folder: Path) -> None:
    names = "{0}/names.map"
    story(
        folder,
        (f"add map @1 {names} k v", "Version number in the future, please use 'prepare map' before.\n"),
        (f"prepare map {names}", "New version created: 1\n"),
        (f"prepare map {names}", "New version created: 2\n"),
        (f"add map @1 {names} k v", ""),
        (f"add map @2 {names} k w", ""),
        (f"get map {names} k", "type=beg, case=sensitive, found=no\ntype=str, case=sensitive, found=no\n"),
        (f"show map @1 {names}", "k v\n"),
        (f"show map @7 {names}", ""),
        (f"commit map @3 {names}", "Version number out of range.\n"),
        (f"commit map @1 {names}", ""),
        (f"show map {names}", "k v\n"),
        (f"show map @0 {names}", ""),
        (f"commit map @1 {names}", "Version number out of range.\n"),
        (f"show map @2 {names}", "k w\n"),
        (f"clear map @2 {names}", ""),
        (f"commit map @2 {names}", ""),
        (f"show map {names}", ""),
        ("clear map @5 #9", ""),
        (
            "prepare acl #4",
            "This ACL is shared with a map containing samples. You must use the command 'prepare map' to prepare "
            "values.\n",
        ),
    )


def test_one_entry_by_its_number(folder: Path) -> None:
    with stand(TEXT + RULES.format(folder)) as one:
        first, _, third = (line.split()[0] for line in one.ask("show map #8").splitlines())
        assert one.ask(f"set map #8 #{first} other") == one.ask(f"del map #8 #{third}") == ""
        assert plain(one.ask("show map #8")) == "/a other\n/a/b vab x\n"
        assert one.ask(f"set map #8 #{third} x") == "key or pattern not found.\n"


def test_a_payload_is_all_or_nothing(folder: Path) -> None:
    with stand(TEXT + RULES.format(folder)) as one:
        assert pay(one, "add map #8", "q w e\n  r\tt \n") == ""
        assert plain(one.ask("show map #8")).endswith("q w e\nr t\n")
        assert pay(one, "add map #10", "a 1\nb x\n") == "unable to parse 'x'.\n"
        assert plain(one.ask("show map #10")) == "k 7\n"
        assert pay(one, "add map #8", "q\n") == "Missing value for key 'q'.\n"


def pay(one: Stand, line: str, payload: str) -> str:
    return asyncio.run(one.console.answer(line.split(), payload))[:-1]


def test_variables() -> None:
    with stand() as one:
        assert one.ask("experimental-mode on") == ""
        assert one.ask("set var proc.of_a_command int(3)") == one.ask("set var proc.name fmt x%[int(3)]") == ""
        assert one.ask("get var proc.of_a_command") == "proc.of_a_command: type=sint value=<3>\n"
        assert one.ask("get var proc.name") == "proc.name: type=str value=<x3>\n"
        assert one.ask("set var proc.name expr ipv4(10.0.0.1)") == ""
        assert one.ask("get var proc.name") == "proc.name: type=ipv4 value=<10.0.0.1>\n"
        assert one.ask("set var txn.x int(3)") == (
            "'set var': cannot set variable 'txn.x', only scope 'proc' is permitted here.\n"
        )
        assert one.ask("set var proc.name pth").startswith("'set var': unknown fetch method 'pth'")
        assert one.ask("experimental-mode") == "experimental-mode is ON\n"
    PROCESS_VARIABLES.pop(b"proc.of_a_command")
    PROCESS_VARIABLES.pop(b"proc.name")


RINGS = """
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
    balance hash path
    hash-type consistent
backend moved
    server s1 192.0.2.1:81 hash-key {key}
    server s2 192.0.2.2:82 hash-key {key}
backend there
    server s1 192.0.2.9:99 hash-key {key}
    server s2 192.0.2.2:82 hash-key {key}
"""


@pytest.mark.parametrize("key", ["addr", "addr-port"])
def test_a_server_that_is_placed_by_its_address_moves_on_the_ring(key: str) -> None:
    """Two balancers shall agree, whether the address was configured or changed."""

    def places(backend: str) -> list[int]:
        proxy = one.view.back(backend)
        assert proxy is not None and proxy.back is not None
        algorithm = proxy.back.backend.algorithm
        assert isinstance(algorithm, Hashed) and isinstance(algorithm.table, Ring)
        return [algorithm.table.find(value).number for value in range(0, 1 << 32, 1 << 22)]

    with stand(RINGS.format(key=key)) as one:
        assert places("moved") != places("there")
        assert one.ask("set server moved/s1 addr 192.0.2.9 port 99").startswith("IP changed from ")
        assert places("moved") == places("there")


def test_addresses_of_servers() -> None:
    with stand() as one:
        server = one.server("app", "s1")
        no = "nothing changed\n"
        assert one.ask("set server app/s1 addr 127.0.0.1") == no
        assert one.ask("set server app/s1 addr 10.0.0.2 port 8080") == (
            "IP changed from '127.0.0.1' to '10.0.0.2', port changed from '81' to '8080' by 'stats socket command'\n"
        )
        assert server.dial.target == ("10.0.0.2", 8080)
        assert "app 1 s1 10.0.0.2 " in one.ask("show servers state app")
        assert one.ask("set server app/s1 addr 10.0.0.2 port 8080") == no
        assert one.ask("set server app/s1 addr 10.0.0.2 port 8081") == (
            "port changed from '8080' to '8081' by 'stats socket command'\n"
        )
        assert one.ask("set server app/s1 addr ::1 port x") == "problem converting port 'x' to an int\n"
        assert server.dial.target == ("10.0.0.2", 8081)
        assert one.ask("set server app/s1 addr ::1") == (
            "IP changed from '10.0.0.2' to '::1' by 'stats socket command'\n"
        )
        assert server.dial.target == ("::1", 8081)
        assert one.ask("set server app/s1 addr x") == "Invalid addr 'x'\n"
        assert one.ask("set server app/s1 addr").startswith("set server <b>/<s> addr requires an address")
        assert "can't change <port> to port map" in one.ask("set server app/s1 addr ::1 port +5")
        assert one.ask("set server spare/u1 addr 10.0.0.1").startswith("Update for the current server address family")
        for words in ("check-addr 10.0.0.1", "check-port 5"):
            assert one.ask(f"set server app/s1 {words}") == "health checks are not enabled on this server\n"
        assert one.ask("set server app/s1 fqdn a.b") == (
            "set server <b>/<s> fqdn failed because no resolution is configured.\n"
        )
        assert CHANGES.followers["server"].snapshot() == [["server", "app/s1", "addr", "::1", 8081, False, 0]]


def test_where_checks_go() -> None:
    with stand(TEXT + "backend checked\n server c 127.0.0.1:81 check\n") as one:
        assert one.live.health is not None
        (checker,) = one.live.health.checkers.values()
        assert one.ask("set server checked/c check-addr 10.0.0.9 port 99") == ""
        assert (checker.target.address, checker.target.port) == ("10.0.0.9", 99)
        assert one.ask("set server checked/c check-port 98") == ""
        assert (checker.target.address, checker.target.port) == ("10.0.0.9", 98)
        assert one.ask("show servers state checked").splitlines()[-1].endswith(" - 81 - 0 98 10.0.0.9 - 0")
        assert one.ask("set server checked/c check-port x") == "provided port is not an integer\n"
        assert one.ask("set server checked/c check-port 99999") == "provided port is invalid\n"
        assert one.ask("set server checked/c check-addr x") == "invalid addr 'x'\n"
        assert one.ask("set server checked/c addr 10.0.0.1 port +5") == (
            "IP changed from '127.0.0.1' to '10.0.0.1', port changed from '81' to '+5' by 'stats socket command'\n"
        )
        server = one.server("checked", "c")
        assert (server.dial.follow_port, server.dial.offset) == (True, 5)


def test_lists_of_another_configuration_are_gone(folder: Path) -> None:
    with stand(TEXT + RULES.format(folder)):
        assert len(LISTS.by_name) == 6
    with stand() as one:
        assert one.ask("show map") == "# id (file) description\n"
