"""Checks of real servers by both programs at the same time: servers that are well, that refuse, that do not answer, and
that are not there any more (manual 4.2)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.check_stand import Checked, CheckStand
from support.programs import HAPROXY, POINTSMAN, peer_version
from support.real_servers import (
    LockedLdap,
    LockedRedis,
    MariaDb,
    OpenLdap,
    OpenSmtpd,
    PostgreSql,
    RealServer,
    Redis,
    program,
)

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
    pytest.mark.skipif(not HAPROXY.missing and peer_version() < (3, 0), reason="the peer is older"),
]


@dataclass(frozen=True)
class Case:
    """`expected`: how the status, the code and the text begin while the server runs."""

    server: type[RealServer]
    line: str
    expected: tuple[str, str, str]


CASES = {
    "mariadb": Case(MariaDb, "option mysql-check", ("L7OK", "0", "")),
    "mariadb, a user": Case(MariaDb, "option mysql-check user checker", ("L7OK", "0", "")),
    "mariadb, a user, before 4.1": Case(MariaDb, "option mysql-check user checker pre-41", ("L7OK", "0", "")),
    "mariadb, no such user": Case(
        MariaDb, "option mysql-check user nobody", ("L7STS", "1045", "#28000Access denied for user 'nobody'@")
    ),
    "mariadb, a password": Case(
        MariaDb, "option mysql-check user locked", ("L7STS", "1045", "#28000Access denied for user 'locked'@")
    ),
    "postgresql": Case(PostgreSql, "option pgsql-check user checker", ("L7OK", "0", "PostgreSQL server is ok")),
    "postgresql, no such user": Case(
        PostgreSql, "option pgsql-check user nobody", ("L7OK", "0", "PostgreSQL server is ok")
    ),
    "postgresql, a password": Case(
        PostgreSql, "option pgsql-check user locked", ("L7OK", "0", "PostgreSQL server is ok")
    ),
    "postgresql, refused": Case(PostgreSql, "option pgsql-check user refused", ("L7RSP", "", "FATAL")),
    "redis": Case(Redis, "option redis-check", ("L7OK", "0", "Redis server is ok")),
    "redis, a password": Case(LockedRedis, "option redis-check", ("L7TOUT", "", "")),
    "smtp": Case(OpenSmtpd, "option smtpchk", ("L7OK", "221", "2.0.0 Bye")),
    "smtp, EHLO": Case(OpenSmtpd, "option smtpchk EHLO a.test", ("L7OK", "221", "2.0.0 Bye")),
    "ldap": Case(OpenLdap, "option ldap-check", ("L7OK", "0", "")),
    "ldap, nobody may come": Case(LockedLdap, "option ldap-check", ("L7STS", "48", "See RFC: ")),
}
WORDS = "check inter 2s fastinter 2s downinter 2s fall 1 rise 1"


@dataclass
class Seen:
    """Of one program: rows while servers run, while they are stopped, when they have gone, and log lines."""

    up: dict[str, tuple[str, ...]]
    slow: dict[str, tuple[str, ...]]
    gone: dict[str, tuple[str, ...]]
    said: dict[str, list[str]]


@contextmanager
def both(folder: Path) -> Iterator[tuple[Seen, Seen]]:
    kinds = [kind for kind in dict.fromkeys(case.server for case in CASES.values()) if not kind.missing()]
    cases = {name: case for name, case in CASES.items() if case.server in kinds}
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(kind()) for kind in kinds}
        backends = {
            name: Checked(f"{case.line}|timeout check 4s", servers[case.server].port, WORDS)
            for name, case in cases.items()
        }
        stands = [stack.enter_context(CheckStand(kind, folder / kind.name, backends)) for kind in (HAPROXY, POINTSMAN)]
        yield watch(stands, cases, list(servers.values()))


def watch(stands: list[CheckStand], cases: dict[str, Case], servers: list[RealServer]) -> tuple[Seen, Seen]:
    up = [
        stand.until(lambda rows: all(rows[name][1] == case.expected[0] for name, case in cases.items()))
        for stand in stands
    ]
    for server in servers:
        server.signal(signal.SIGSTOP)
    slow = [stand.until(lambda rows: all(row[1] == "L7TOUT" for row in rows.values())) for stand in stands]
    for server in servers:
        server.stop()
    gone = [stand.until(lambda rows: all(row[1] == "L4CON" for row in rows.values())) for stand in stands]
    said = [{name: stand.said(name)[:1] for name in cases} for stand in stands]
    first, second = (Seen(*found) for found in zip(up, slow, gone, said, strict=True))
    return first, second


def test_the_same_as_haproxy(tmp_path: Path) -> None:
    """One test, so that the servers are started once."""
    with both(tmp_path) as (theirs, ours):
        for name in theirs.up:
            for row in (theirs.up[name], ours.up[name]):
                assert row[1:3] == CASES[name].expected[:2] and row[3].startswith(CASES[name].expected[2]), name
            assert theirs.slow[name][:2] == ("DOWN", "L7TOUT"), name
            assert theirs.gone[name][:2] == ("DOWN", "L4CON"), name
            assert theirs.said[name] != [], name
        assert ours == theirs


@pytest.mark.parametrize("kind", dict.fromkeys(case.server for case in CASES.values()))
def test_none_of_the_servers_is_missing(kind: type[RealServer]) -> None:
    """Those that cannot be started are told here; the test before this one is without them."""
    if kind.missing():
        pytest.skip(kind.missing())
    assert program(kind.name)
