"""Checks of protocols by both programs: statuses, codes, texts, log lines, and what servers are told (manual 4.2)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.check_stand import PATIENCE, Checked, CheckStand, Talker
from support.programs import HAPROXY, POINTSMAN, Kind, peer_version

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
    pytest.mark.skipif(not HAPROXY.missing and peer_version() < (3, 0), reason="the peer is older"),
]

MYSQL, LOGIN = "option mysql-check", "option mysql-check user checker"
PGSQL, REDIS, SMTP = "option pgsql-check user checker", "option redis-check", "option smtpchk EHLO a.test"
LDAP, SPOP = "option ldap-check", "option spop-check"
GREETING = bytes.fromhex(
    "640000000a352e352e352d31302e31312e31392d4d6172696144422d302b646562313275310004000000233830297c567a2600fef70802"
    "00ff81150000000000001d0000004a21655a724f73767878714c006d7973716c5f6e61746976655f70617373776f726400"
)
DENIED = b"I\0\0\2\xff\x15\x04#28000Access denied for user 'nobody'@'127.0.0.1' (using password: NO)"
BOUND = bytes.fromhex("300c02010161070a010004000400")
AGENT = b"\0\0\0\x36e\0\0\0\1\0\0\x07version\x08\x032.0\x0emax-frame-size\x03\xfc\xf0\x06\x0ccapabilities\x08\x00"
HELLO, READY, BYE = b"220 mail.test\r\n", b"250-mail.test\r\n250 HELP\r\n", b"221 2.0.0 Bye\r\n"


@dataclass(frozen=True)
class Case:
    """`silent`: the server leaves the check waiting, which is what is looked at."""

    line: str
    server: Callable[[], Talker]
    silent: bool = False


CASES = {
    "mysql": Case(MYSQL, lambda: Talker(GREETING)),
    "mysql, an error": Case(MYSQL, lambda: Talker(b"\x17\0\0\0\xff\x10\x04Too many connections")),
    "mysql, an error with ends of lines": Case(MYSQL, lambda: Talker(b'\x0c\0\0\0\xff\x10\x04a\rb\n\nc, "d')),
    "mysql, silence": Case(MYSQL, Talker, silent=True),
    "mysql, half a greeting": Case(MYSQL, lambda: Talker(GREETING[:50]), silent=True),
    "mysql, half a greeting, and the end": Case(MYSQL, lambda: Talker(GREETING[:50], end="close")),
    "mysql, nothing, and the end": Case(MYSQL, lambda: Talker(end="close")),
    "mysql, garbage": Case(MYSQL, lambda: Talker(b"HTTP/1.1 400 Bad\r\n\r\n"), silent=True),
    "mysql, too long": Case(MYSQL, lambda: Talker(b"\0\x60\0\0\x0a" + b"x" * 24_576)),
    "login": Case(LOGIN, lambda: Talker(GREETING, ..., b"\7\0\0\2\0\0\0\2\0\0\0")),
    "login, before 4.1": Case(LOGIN + " pre-41", lambda: Talker(GREETING, ..., b"\3\0\0\2\0\0\0")),
    "login, another plugin": Case(LOGIN, lambda: Talker(GREETING, ..., b"\x03\0\0\2\xfea\0")),
    "login denied": Case(LOGIN, lambda: Talker(GREETING, ..., DENIED)),
    "login denied at once": Case(LOGIN, lambda: Talker(GREETING + DENIED)),
    "login, only a greeting": Case(LOGIN, lambda: Talker(GREETING), silent=True),
    "login, a greeting, and the end": Case(LOGIN, lambda: Talker(GREETING, ..., end="close")),
    "login, a greeting, and a reset": Case(LOGIN, lambda: Talker(GREETING, ..., end="reset")),
    "login, nothing, and the end": Case(LOGIN, lambda: Talker(..., end="close")),
    "pgsql": Case(PGSQL, lambda: Talker(..., b"R\0\0\0\x08\0\0\0\0")),
    "pgsql, a password": Case(PGSQL, lambda: Talker(..., b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0")),
    "pgsql, an error": Case(PGSQL, lambda: Talker(..., b"E\0\0\0\x1eSFATAL\0VFATAL\0C28000\0M\0\0", end="close")),
    "pgsql, an old error": Case(PGSQL, lambda: Talker(..., b"Esorry, too many clients already\n\0", end="close")),
    "pgsql, in the middle": Case(PGSQL, lambda: Talker(..., b"R\0\0\0\x08\0\0\0\x08")),
    "pgsql, silence": Case(PGSQL, Talker, silent=True),
    "pgsql, half": Case(PGSQL, lambda: Talker(..., b"R\0\0\0"), silent=True),
    "pgsql, half, and the end": Case(PGSQL, lambda: Talker(..., b"R\0\0\0", end="close")),
    "pgsql, nothing, and the end": Case(PGSQL, lambda: Talker(..., end="close")),
    "pgsql, a reset": Case(PGSQL, lambda: Talker(..., end="reset")),
    "pgsql, garbage": Case(PGSQL, lambda: Talker(..., b"HTTP/1.1 400 Bad\r\n\r\n")),
    "pgsql, too long": Case(PGSQL, lambda: Talker(..., b"E12345" + b"x" * 20_000)),
    "redis": Case(REDIS, lambda: Talker(..., b"+PONG\r\n")),
    "redis, a password": Case(REDIS, lambda: Talker(..., b"-NOAUTH Authentication required.\r\n"), silent=True),
    "redis, an error, and the end": Case(REDIS, lambda: Talker(..., b"-LOADING Redis is\r\n", end="close")),
    "redis, odd bytes": Case(REDIS, lambda: Talker(..., b'-\x01\t"<a>\x7f\xc3\xa9\xff\r\n', end="close")),
    "redis, half, and the end": Case(REDIS, lambda: Talker(..., b"+PON", end="close")),
    "redis, nothing, and the end": Case(REDIS, lambda: Talker(..., end="close")),
    "redis, a reset": Case(REDIS, lambda: Talker(..., end="reset")),
    "redis, too long": Case(REDIS, lambda: Talker(..., b"-" + b"x" * 20_000)),
    "smtp": Case(SMTP, lambda: Talker(HELLO, ..., READY, ..., BYE)),
    "smtp, HELO": Case("option smtpchk", lambda: Talker(HELLO, ..., b"250 ok\r\n", ..., b"221-a\r\n221 b\r\n")),
    "smtp, no service": Case(SMTP, lambda: Talker(b"554 no service\r\n", end="close")),
    "smtp, a greeting of two lines": Case(SMTP, lambda: Talker(b"220-a\r\n220 b\r\n")),
    "smtp, not greeted": Case(SMTP, lambda: Talker(HELLO, ..., b"502 5.5.2 what\r\n", end="close")),
    "smtp, not greeted, silence": Case(SMTP, lambda: Talker(HELLO, ..., b"502 5.5.2 what\r\n"), silent=True),
    "smtp, half a line, and the end": Case(SMTP, lambda: Talker(b"22", end="close")),
    "smtp, half an answer": Case(SMTP, lambda: Talker(HELLO, ..., b"250-mail.test\r\n"), silent=True),
    "smtp, half an answer, and the end": Case(SMTP, lambda: Talker(HELLO, ..., b"250-a\r\n", end="close")),
    "smtp, no goodbye": Case(SMTP, lambda: Talker(HELLO, ..., READY, ..., b"421 gone\r\n")),
    "smtp, nothing, and the end": Case(SMTP, lambda: Talker(end="close")),
    "smtp, silence": Case(SMTP, Talker, silent=True),
    "smtp, all at once": Case(SMTP, lambda: Talker(HELLO + READY + BYE), silent=True),
    "smtp, garbage": Case(SMTP, lambda: Talker(b"\0\xff\n<html>\r\n")),
    "ldap": Case(LDAP, lambda: Talker(..., BOUND)),
    "ldap, refused": Case(LDAP, lambda: Talker(..., b"0%\2\1\1a \n\1\x30\4\0\4\x19anonymous bind disallowed")),
    "ldap, a negative code": Case(LDAP, lambda: Talker(..., BOUND.replace(b"\n\1\0", b"\n\1\xfe"))),
    "ldap, long lengths": Case(LDAP, lambda: Talker(..., b"0\x84\0\0\0\x10\2\1\1a\x84\0\0\0\7\n\1\0\4\0\4\0")),
    "ldap, half": Case(LDAP, lambda: Talker(..., BOUND[:9]), silent=True),
    "ldap, half, and the end": Case(LDAP, lambda: Talker(..., BOUND[:9], end="close")),
    "ldap, nothing, and the end": Case(LDAP, lambda: Talker(..., end="close")),
    "ldap, a reset": Case(LDAP, lambda: Talker(..., end="reset")),
    "ldap, garbage": Case(LDAP, lambda: Talker(..., b"HTTP/1.1 400 Bad\r\n\r\n")),
    "ldap, too long": Case(LDAP, lambda: Talker(..., b"0\x82\xff\xff\2\1\1a" + b"x" * 20_000)),
    "spop": Case(SPOP, lambda: Talker(..., AGENT)),
    "spop, another version": Case(SPOP, lambda: Talker(..., AGENT.replace(b"2.0", b"3.0"))),
    "spop, a small frame": Case(SPOP, lambda: Talker(..., AGENT.replace(b"\xfc\xf0\x06", b"\xf0\x00\x00"))),
    "spop, goodbye": Case(SPOP, lambda: Talker(..., b"\0\0\0\x15f\0\0\0\1\0\0\x0bstatus-code\x03\x05")),
    "spop, half": Case(SPOP, lambda: Talker(..., AGENT[:20]), silent=True),
    "spop, half, and the end": Case(SPOP, lambda: Talker(..., AGENT[:20], end="close")),
    "spop, nothing, and the end": Case(SPOP, lambda: Talker(..., end="close")),
    "spop, garbage": Case(SPOP, lambda: Talker(..., b"HTTP/1.1 400 Bad\r\n\r\n")),
}
WAITING = "check inter 1500 fastinter 15s downinter 15s fall 1 rise 1"

Found = dict[str, tuple[tuple[str, ...], list[str], bytes, list[str]]]


def play(kind: Kind, stand: CheckStand, servers: dict[str, Talker]) -> Found:
    """Of each case the server's row, its first log line, what it was told first and how it was left."""
    with stand:
        rows = stand.checked()
        limit = time.monotonic() + PATIENCE
        while not all(one.ends for one in servers.values() if one.end == "hold") and time.monotonic() < limit:
            time.sleep(0.01)  # the check is over, but its server may not have seen it
        return {
            name: (rows[name], stand.said(name)[:1], b"".join(server.heard)[:200], server.ends[:1])
            for name, server in servers.items()
        }


def test_the_same_as_haproxy(tmp_path: Path) -> None:
    """One test for all, so that each program is started once."""
    found: list[Found] = []
    for kind in (HAPROXY, POINTSMAN):
        servers = {name: case.server() for name, case in CASES.items()}
        words = {name: WAITING if case.silent else Checked.words for name, case in CASES.items()}
        backends = {name: Checked(case.line, servers[name].port, words[name]) for name, case in CASES.items()}
        found.append(play(kind, CheckStand(kind, tmp_path / kind.name, backends), servers))
        for server in servers.values():
            server.close()
    theirs, ours = found
    assert [name for name in CASES if theirs[name][0][1] in ("", "INI")] == []
    looked_at = {name: 3 if "too long" in name else 4 for name in CASES}  # what is left unread resets a connection
    differ = [name for name, size in looked_at.items() if ours[name][:size] != theirs[name][:size]]
    assert {name: ours[name] for name in differ} == {name: theirs[name] for name in differ}
