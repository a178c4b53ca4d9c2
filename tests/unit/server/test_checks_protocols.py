"""The checks of protocols: what they send, and what they make of each byte that a server may answer.

Expected values were printed by HAProxy 3.2, given the same bytes; tests/peer/test_peer_check_protocols.py asks it anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import RESET, Farm, Scripted, with_server

import pointsman.keywords
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.server.checks import ldap, mysql, pgsql, redis, smtp, spop
from pointsman.server.checks.plan import CheckPlan, make_plan
from pointsman.server.checks.reply import Judge
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import Connect, SendData

assert pointsman.keywords

# From servers of Debian 12: MariaDB 10.11, PostgreSQL 15, Redis 7.0, OpenSMTPD 6.8, OpenLDAP 2.5.
GREETING = bytes.fromhex(
    "640000000a352e352e352d31302e31312e31392d4d6172696144422d302b646562313275310004000000233830297c567a2600fef70802"
    "00ff81150000000000001d0000004a21655a724f73767878714c006d7973716c5f6e61746976655f70617373776f726400"
)
LOGGED_IN = bytes.fromhex("0700000200000002000000")
DENIED = b"I\0\0\2\xff\x15\x04#28000Access denied for user 'nobody'@'127.0.0.1' (using password: NO)"
NOT_ALLOWED = b"\x44\0\0\0\xff\x6a\x04Host '127.0.0.1' is not allowed to connect to this MariaDB server"
REJECTED = (
    b'E\0\0\0\xa5SFATAL\0VFATAL\0C28000\0Mpg_hba.conf rejects connection for host "127.0.0.1", user "refused", '
    b'database "refused", no encryption\0Fauth.c\0L476\0RClientAuthentication\0\0'
)
NO_DATABASE = (
    b'R\0\0\0\x08\0\0\0\0E\0\0\0\\SFATAL\0VFATAL\0C3D000\0Mdatabase "checker" does not exist\0Fpostinit.c\0L948\0'
    b"RInitPostgres\0\0"
)
SASL = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"
BOUND = bytes.fromhex("300c02010161070a010004000400")
UNAUTHENTICATED = b"0%\2\1\1a \n\1\x30\4\0\4\x19anonymous bind disallowed"


def agent(*values: bytes, kind: int = 101, flags: int = 1, numbers: bytes = b"\0\0") -> bytes:
    frame = bytes((kind,)) + flags.to_bytes(4, "big") + numbers + b"".join(values)
    return len(frame).to_bytes(4, "big") + frame


VERSION = b"\x07version\x08\x032.0"
SIZE = b"\x0emax-frame-size\x03\xfc\xf0\x06"
ABLE = b"\x0ccapabilities\x08\x00"
AGENT = agent(VERSION, SIZE, ABLE)

WAIT = None
TOLD = ("L7RSP", 0, "")
MYSQL_OK = ("L7OK", 0, "")
PGSQL_OK = ("L7OK", 0, "PostgreSQL server is ok")
PGSQL_UNKNOWN = ("L7STS", 0, "PostgreSQL unknown error")
REDIS_OK = ("L7OK", 0, "Redis server is ok")
NOT_LDAP = ("L7RSP", 0, "Not LDAPv3 protocol")
WRONG = ("L7RSP", 0, "invalid frame received")
RFC = "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"

# judge, bytes, has the server closed, result
CASES: list[tuple[Judge, bytes, bool, tuple[str, int, str] | None]] = [
    (mysql.judge_greeting, b"", True, ("L7RSP", 0, "TCPCHK got an empty response at step 2")),
    (mysql.judge_greeting, GREETING, False, MYSQL_OK),
    (mysql.judge_greeting, b"\1\0\0\0\x0a", False, MYSQL_OK),
    (mysql.judge_greeting, b"\0\0\0\0", False, MYSQL_OK),
    (mysql.judge_greeting, NOT_ALLOWED, False, ("L7STS", 1130, NOT_ALLOWED[7:].decode())),
    (mysql.judge_greeting, b"\3\0\0\0\xff\x15\x04", False, ("L7STS", 1045, "")),
    (mysql.judge_greeting, b"HTTP/1.1 400 Bad\r\n\r\n", False, WAIT),
    (mysql.judge_greeting, b"HTTP/1.1 400 Bad\r\n\r\n", True, TOLD),
    (mysql.judge_login, b"", True, ("L7RSP", 0, "TCPCHK got an empty response at step 3")),
    (mysql.judge_login, GREETING, False, WAIT),
    (mysql.judge_login, GREETING, True, TOLD),
    (mysql.judge_login, GREETING + LOGGED_IN, False, MYSQL_OK),
    (mysql.judge_login, GREETING + b"\0\0\0\2", False, MYSQL_OK),
    (mysql.judge_login, GREETING + DENIED, False, ("L7STS", 1045, DENIED[7:].decode())),
    (mysql.judge_login, GREETING + b"\1\0\0\2\xff", False, ("L7STS", 0, "")),
    (mysql.judge_login, GREETING + b"\4\0\0\2\xff\x15\x04#", False, ("L7STS", 1045, "#")),
    (mysql.judge_login, NOT_ALLOWED, False, ("L7STS", 1130, NOT_ALLOWED[7:].decode())),
    (mysql.judge_login, GREETING + b"\x88\x13\0\2\xff\x15\x04" + b"x" * 4997, False, ("L7STS", 1045, "x" * 127)),
    (pgsql.judge_authentication, b"R\0\0\0\x08\0\0\0\0", False, PGSQL_OK),
    (pgsql.judge_authentication, SASL, False, PGSQL_OK),
    (pgsql.judge_authentication, NO_DATABASE, False, PGSQL_OK),
    (pgsql.judge_authentication, b"R\0\0\0\x0c\0\0\0\5salt", False, PGSQL_OK),
    (pgsql.judge_authentication, b"R\0\0\0\x08\0\0\0\1", False, PGSQL_UNKNOWN),
    (pgsql.judge_authentication, b"R\0\0\0\x08\0\0\0\x08", False, PGSQL_UNKNOWN),
    (pgsql.judge_authentication, b"R\0\0\0\x08\0\0\0\x0b", False, PGSQL_UNKNOWN),
    (pgsql.judge_authentication, b"R\0\0\1\0\0\0\0\0", False, PGSQL_UNKNOWN),
    (pgsql.judge_authentication, b"R\0\0\0\x08\0\0\0", False, WAIT),
    (pgsql.judge_authentication, b"R\0\0\0\x08\0\0\0", True, PGSQL_UNKNOWN),
    (pgsql.judge_authentication, REJECTED, False, ("L7RSP", 0, "FATAL")),
    (pgsql.judge_authentication, b"E\0\0\0\x08", False, ("L7RSP", 0, "")),
    (pgsql.judge_authentication, b"E", True, ("L7RSP", 0, "")),
    (pgsql.judge_authentication, b"E", False, WAIT),
    (pgsql.judge_authentication, b"Eold style error\n\0", False, ("L7RSP", 0, "tyle error\n")),
    (pgsql.judge_authentication, b"HTTP/1.1", False, WAIT),
    (pgsql.judge_authentication, b"HTTP/1.1 ", False, PGSQL_UNKNOWN),
    (pgsql.judge_authentication, b"", True, PGSQL_UNKNOWN),
    (redis.judge_pong, b"+PONG\r\n", False, REDIS_OK),
    (redis.judge_pong, b"+PONG\r\n", True, REDIS_OK),
    (redis.judge_pong, b"xx+PONG\r\n", False, REDIS_OK),
    (redis.judge_pong, b"+PONG\r", False, WAIT),
    (redis.judge_pong, b"+PONG\r", True, ("L7STS", 0, "+PONG")),
    (redis.judge_pong, b"-NOAUTH Authentication required.\r\n", False, WAIT),
    (redis.judge_pong, b"-NOAUTH Authentication required.\r\n", True, ("L7STS", 0, "-NOAUTH Authentication required.")),
    (redis.judge_pong, b"-ERR a\nb\r\n", True, ("L7STS", 0, "-ERR a")),
    (redis.judge_pong, b"$4\r\nPONG\r\n", True, ("L7STS", 0, "$4")),
    (redis.judge_pong, b"x" * 500, True, ("L7STS", 0, "x" * 127)),
    (redis.judge_pong, b"", True, ("L7STS", 0, "")),
    (smtp.judge_greeting, b"220 mail.test ESMTP OpenSMTPD\r\n", False, MYSQL_OK),
    (smtp.judge_greeting, b"220 ", False, MYSQL_OK),
    (smtp.judge_greeting, b"220\r\n", False, MYSQL_OK),
    (smtp.judge_greeting, b"220", False, WAIT),
    (smtp.judge_greeting, b"220", True, ("L7RSP", 0, "220")),
    (smtp.judge_greeting, b"22\r\n", False, ("L7RSP", 0, "22")),
    (smtp.judge_greeting, b"554 no service\r\n", False, ("L7STS", 554, "no service")),
    (smtp.judge_greeting, b"354 go\r\n", True, ("L7STS", 354, "go")),
    (smtp.judge_greeting, b"220-hi\r\n220 there\r\n", False, ("L7RSP", 0, "220-hi")),
    (smtp.judge_greeting, b"HTTP/1.1 400 Bad\r\n\r\n", False, ("L7RSP", 0, "HTTP/1.1 400 Bad")),
    (smtp.judge_greeting, b"5\x0055 x\r\n", False, ("L7RSP", 0, "5")),
    (smtp.judge_greeting, b"", True, ("L7RSP", 0, "")),
    (smtp.judge_hello, b"250 ok\r\n", False, MYSQL_OK),
    (smtp.judge_hello, b"250\r", False, MYSQL_OK),
    (smtp.judge_hello, b"250\n", False, WAIT),
    (smtp.judge_hello, b"250-a\r\n251-b\r\n299 c", False, MYSQL_OK),
    (smtp.judge_hello, b"250-a\r\n", False, WAIT),
    (smtp.judge_hello, b"250-a\r\n", True, ("L7STS", 250, "a")),
    (smtp.judge_hello, b"250-a\n250 b\r\n", False, WAIT),
    (smtp.judge_hello, b"250-a\r\n554 b\r\n", True, ("L7STS", 250, "a")),
    (smtp.judge_hello, b"502 5.5.2 unknown\r\n", False, WAIT),
    (smtp.judge_hello, b"502 5.5.2 unknown\r\n", True, ("L7STS", 502, "5.5.2 unknown")),
    (smtp.judge_hello, b"HTTP/1.1 400 Bad\r\n\r\n", True, ("L7STS", 0, "/1.1 400 Bad")),
    (smtp.judge_hello, b"2", True, ("L7STS", 0, "")),
    (smtp.judge_hello, b"", True, ("L7STS", 0, "")),
    (smtp.judge_goodbye, b"221 2.0.0 Bye\r\n", False, ("L7OK", 221, "2.0.0 Bye")),
    (smtp.judge_goodbye, b"221-a\r\n221 b\r\n", False, ("L7OK", 221, "a")),
    (smtp.judge_goodbye, b"221  two  spaces \r\n", False, ("L7OK", 221, "two  spaces ")),
    (smtp.judge_goodbye, b"221\r", False, ("L7OK", 221, "")),
    (smtp.judge_goodbye, b"221\n", False, ("L7STS", 221, "")),
    (smtp.judge_goodbye, b"221", False, WAIT),
    (smtp.judge_goodbye, b"221", True, ("L7STS", 221, "")),
    (smtp.judge_goodbye, b"221x\r\n", False, ("L7STS", 221, "")),
    (smtp.judge_goodbye, b"25x a\r\n", False, ("L7STS", 25, "a")),
    (smtp.judge_goodbye, b"-12 a", False, ("L7STS", -12, "a")),
    (smtp.judge_goodbye, b" 22 a", False, ("L7STS", 0, "a")),
    (smtp.judge_goodbye, b"554 no\r\n", False, ("L7STS", 554, "no")),
    (smtp.judge_goodbye, b"", True, ("L7STS", 0, "")),
    (ldap.judge_bind, BOUND, False, MYSQL_OK),
    (ldap.judge_bind, BOUND + b"xxx", False, MYSQL_OK),
    (ldap.judge_bind, UNAUTHENTICATED, False, ("L7STS", 48, RFC)),
    (ldap.judge_bind, bytes.fromhex("308400000010020101618400000007 0a010004000400"), False, MYSQL_OK),
    (ldap.judge_bind, bytes.fromhex("308400000010020101618400000007 0a013104000400"), False, ("L7STS", 49, RFC)),
    (ldap.judge_bind, bytes.fromhex("3082000c 02010161070a010004000400"), False, MYSQL_OK),
    (ldap.judge_bind, bytes.fromhex("30810c 02010161070a010004000400"), False, NOT_LDAP),
    (ldap.judge_bind, bytes.fromhex("300d 0201016181070a010004000400"), False, MYSQL_OK),
    (ldap.judge_bind, bytes.fromhex("300c02010161070a01ff04000400"), False, ("L7STS", -1, RFC)),
    (ldap.judge_bind, bytes.fromhex("300c02010261070a010004000400"), False, NOT_LDAP),
    (ldap.judge_bind, bytes.fromhex("300c0201016107020100040004 00"), False, NOT_LDAP),
    (ldap.judge_bind, bytes.fromhex("308200c802010161070a010004000400"), False, WAIT),
    (ldap.judge_bind, bytes.fromhex("308200c802010161070a010004000400"), True, TOLD),
    (ldap.judge_bind, b"\x30\x24\2\1\0\x78\x1f\n\1\x34\4\0\4\0\x8a\x161.3.6.1.4.1.1466.20036", False, NOT_LDAP),
    (ldap.judge_bind, b"x" * 13, False, WAIT),
    (ldap.judge_bind, b"x" * 14, False, NOT_LDAP),
    (ldap.judge_bind, b"x", True, NOT_LDAP),
    (ldap.judge_bind, b"", True, NOT_LDAP),
    (spop.judge_hello, AGENT, False, MYSQL_OK),
    (spop.judge_hello, agent(ABLE, SIZE, VERSION, b"\x01x\x00"), False, MYSQL_OK),
    (spop.judge_hello, agent(SIZE, ABLE), False, ("L7RSP", 0, "version value not found")),
    (spop.judge_hello, agent(VERSION, ABLE), False, ("L7RSP", 0, "max-frame-size value not found")),
    (spop.judge_hello, agent(VERSION, SIZE), False, ("L7RSP", 0, "capabilities value not found")),
    (spop.judge_hello, agent(b"\x07version\x08\x031.0", SIZE, ABLE), False, ("L7RSP", 0, "unsupported version")),
    (spop.judge_hello, agent(b"\x07version\x08\x05 2.0\t", SIZE, ABLE), False, MYSQL_OK),
    (spop.judge_hello, agent(b"\x07version\x08\x012", SIZE, ABLE), False, WRONG),
    (spop.judge_hello, agent(b"\x07version\x03\x02", SIZE, ABLE), False, WRONG),
    (
        spop.judge_hello,
        agent(VERSION, b"\x0emax-frame-size\x03\xf0\x00", ABLE),
        False,
        ("L7RSP", 0, "max-frame-size too big or too small"),
    ),
    (spop.judge_hello, agent(VERSION, b"\x0emax-frame-size\x05\xf0\x01", ABLE), False, MYSQL_OK),
    (
        spop.judge_hello,
        agent(VERSION, b"\x0emax-frame-size\x03\xfd\xf0\x06", ABLE),
        False,
        ("L7RSP", 0, "max-frame-size too big or too small"),
    ),
    (
        spop.judge_hello,
        agent(b"\x0bstatus-code\x03\x05", b"\x07message\x08\x02no", kind=102),
        False,
        ("L7RSP", 0, "version value not found"),
    ),
    (spop.judge_hello, agent(VERSION, SIZE, ABLE, kind=103), False, WRONG),
    (spop.judge_hello, agent(VERSION, SIZE, ABLE, flags=3), False, WRONG),
    (spop.judge_hello, agent(VERSION, SIZE, ABLE, numbers=b"\1\1"), False, WRONG),
    (spop.judge_hello, agent(VERSION, SIZE, b"\x0ccapab"), False, WRONG),
    (spop.judge_hello, agent(VERSION, SIZE, ABLE, b"\x01x\x06ab"), False, WRONG),
    (spop.judge_hello, agent(VERSION, SIZE, ABLE, b"\x01x\x0a"), False, WRONG),
    (spop.judge_hello, agent(VERSION, SIZE, ABLE, b"\x00\x00"), False, WRONG),
    (spop.judge_hello, AGENT + b"xyz", False, WRONG),
    (spop.judge_hello, b"\0\0\0\0", False, WAIT),
    (spop.judge_hello, b"HTTP/1.1 4", False, WAIT),
    (spop.judge_hello, b"HTTP/1.1 40", False, WRONG),
    (spop.judge_hello, b"\0", True, WRONG),
    (spop.judge_hello, b"", True, ("L7RSP", 0, "TCPCHK got an empty response at step 3")),
]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_judges(case: tuple[Judge, bytes, bool, tuple[str, int, str] | None]) -> None:
    judge, data, ended, expected = case
    assert judge(data, ended) == (None if expected is None else Result(*expected))


WHOLE: list[tuple[Judge, bytes, bool]] = [
    # judge, a good reply, is less of it judged when the server closes, the same as nothing at all
    (mysql.judge_greeting, GREETING, False),
    (mysql.judge_login, GREETING + LOGGED_IN, False),
    (mysql.judge_login, GREETING + DENIED, False),
    (pgsql.judge_authentication, b"R\0\0\0\x08\0\0\0\0", False),
    (redis.judge_pong, b"+PONG\r\n", False),
    (ldap.judge_bind, BOUND, False),
    (spop.judge_hello, AGENT, False),
]


@pytest.mark.parametrize(("judge", "reply", "_"), WHOLE, ids=range(len(WHOLE)))
def test_a_reply_in_pieces_is_waited_for_at_every_byte(judge: Judge, reply: bytes, _: bool) -> None:
    for size in range(len(reply)):
        assert judge(reply[:size], False) is None
        early = judge(reply[:size], True)
        assert early is not None and not early.passed
    assert judge(reply, False) == judge(reply, True) != None  # noqa: E711  # a comparison in a row


@pytest.mark.parametrize(
    "judge",
    [
        mysql.judge_greeting,
        mysql.judge_login,
        pgsql.judge_authentication,
        redis.judge_pong,
        smtp.judge_greeting,
        smtp.judge_hello,
        smtp.judge_goodbye,
        ldap.judge_bind,
        spop.judge_hello,
    ],
)
@given(data=st.binary(max_size=60) | st.sampled_from([GREETING, AGENT, BOUND, SASL]).map(bytes))
def test_garbage_is_judged_when_nothing_more_comes(judge: Judge, data: bytes) -> None:
    result = judge(data, True)
    assert result is not None and len(result.info) <= 127
    assert judge(data, False) in (None, result)


def read(line: str) -> tuple[CheckPlan, Diagnostics]:
    found = Diagnostics()
    configuration = load_text(f"backend b\n mode tcp\n {line}\n", found)
    return make_plan(configuration.proxies[0], found, 0, 0), found


HELLO_41 = "23000001 00820000 00800001 21" + "00" * 23 + "7500 00 0100000001"
HELLO_80 = "39000001 00820800 00800001 21" + "00" * 23 + "7500 00" + b"mysql_native_password\0".hex() + "0100000001"


@pytest.mark.parametrize(
    ("line", "sent", "linger"),
    [
        ("option mysql-check", [], True),
        ("option mysql-check user u", [bytes.fromhex(HELLO_41)], True),
        ("option mysql-check user u post-41", [bytes.fromhex(HELLO_41)], True),
        ("option mysql-check user u post-80", [bytes.fromhex(HELLO_80)], True),
        ("option mysql-check user u pre-41", [bytes.fromhex("08000001 0080 000001 7500 00 0100000001")], True),
        ("option pgsql-check user u", [b"\0\0\0\x10\0\3\0\0user\0u\0\0"], True),
        ("option redis-check", [b"*1\r\n$4\r\nPING\r\n"], False),
        ("option smtpchk", [b"HELO localhost\r\n", b"QUIT\r\n"], True),
        ("option smtpchk HELO a.test", [b"HELO a.test\r\n", b"QUIT\r\n"], True),
        ("option smtpchk EHLO a.test", [b"EHLO a.test\r\n", b"QUIT\r\n"], True),
        ("option smtpchk EHLO", [b"HELO localhost\r\n", b"QUIT\r\n"], True),
        ("option smtpchk helo a.test", [b"HELO localhost\r\n", b"QUIT\r\n"], True),
        ("option ldap-check", [bytes.fromhex("300c0201016007020103 04008000")], False),
        (
            "option spop-check",
            [
                b"\0\0\0N\1\0\0\0\1\0\0\x12supported-versions\x08\x032.0\x0emax-frame-size\3\xfc\xf0\6"
                b"\x0ccapabilities\x08\0\x0bhealthcheck\x11"
            ],
            False,
        ),
    ],
)
def test_what_is_sent(line: str, sent: list[bytes], linger: bool) -> None:
    plan, found = read(line)
    assert [one for one in found.findings if one.severity == Severity.ALERT] == []
    assert [step.data.constant for step in plan.steps if isinstance(step, SendData)] == sent
    [connect] = [step for step in plan.steps if isinstance(step, Connect)]
    assert connect.linger == linger


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("option mysql-check foo", "'option mysql-check' only supports optional values: 'user' (got 'foo')."),
        ("option mysql-check user", "'option mysql-check user' expects <username> as argument."),
        (
            "option mysql-check user a foo",
            "keyword 'user' only supports 'post-41', 'pre-41' and 'post-80' (got 'foo').",
        ),
        (
            "option mysql-check user a pre-41 x",
            "'option mysql-check' cannot handle unexpected argument 'x'",
        ),
        ("option pgsql-check", "'option pgsql-check' expects 'user <username>' as argument."),
        ("option pgsql-check u", "'option pgsql-check' expects 'user <username>' as argument."),
        ("option pgsql-check user", "'option pgsql-check' expects 'user <username>' as argument."),
        ("option pgsql-check user a b", "'option pgsql-check' cannot handle unexpected argument 'b'"),
        ("option redis-check x", "'option redis-check' cannot handle unexpected argument 'x'"),
        ("option ldap-check x", "'option ldap-check' cannot handle unexpected argument 'x'"),
        ("option spop-check x", "'option spop-check' cannot handle unexpected argument 'x'"),
        ("option smtpchk HELO a b", "'option smtpchk' cannot handle unexpected argument 'b'"),
    ],
)
def test_errors(line: str, message: str) -> None:
    _, found = read(line)
    assert [one.message for one in found.findings if one.severity == Severity.ALERT] == [message]


def test_a_hello_that_is_none_is_told() -> None:
    _, found = read("option smtpchk helo a.test")
    assert [one.message for one in found.findings if one.severity == Severity.WARNING] == [
        "'option smtpchk' : 'helo' is not HELO or EHLO with a domain behind it: checks say 'HELO localhost'."
    ]


def check(line: str, script: Scripted) -> tuple[Result, Farm]:
    made: list[tuple[Result, Farm]] = []

    async def scene() -> None:
        farm = Farm(line, ["check inter 15s fall 1"], [script.port])
        await farm.checkers[0].once()
        server = farm.server
        made.append((Result(server.check_status, server.check_code, server.last_check), farm))

    with_server(script, scene)
    return made[0]


@pytest.mark.parametrize(
    ("line", "script", "expected", "said"),
    [
        (
            "option mysql-check user nobody",
            lambda: Scripted(GREETING + DENIED),
            ("L7STS", 1045, DENIED[7:].decode()),
            "reason: Layer7 wrong status, code: 1045, info: \"#28000Access denied for user 'nobody'@'127.0.0.1' (using",
        ),
        ("option mysql-check", lambda: Scripted(GREETING, early=True), ("L7OK", 0, ""), ""),
        (
            "option pgsql-check user nobody",
            lambda: Scripted(REJECTED),
            ("L7RSP", 0, "FATAL"),
            'reason: Layer7 invalid response, info: "FATAL", ',
        ),
        ("option redis-check", lambda: Scripted(b"+PONG\r\n", hold=True), ("L7OK", 0, "Redis server is ok"), ""),
        (
            "option redis-check",
            lambda: Scripted(b"-LOADING d\xc3\xa9j\xc3\xa0\r\n"),
            ("L7STS", 0, "-LOADING d\u00e9j\u00e0"),
            'reason: Layer7 wrong status, code: 0, info: "-LOADING d<C3><A9>j<C3><A0>", ',
        ),
        (
            "option redis-check",
            lambda: Scripted(RESET),
            ("SOCKERR", 0, "ECONNRESET returned by OS (Connection reset by peer)"),
            'reason: Socket error, info: "ECONNRESET',
        ),
        ("option ldap-check", lambda: Scripted(BOUND, hold=True), ("L7OK", 0, ""), ""),
        (
            "option ldap-check",
            lambda: Scripted(UNAUTHENTICATED),
            ("L7STS", 48, RFC),
            "reason: Layer7 wrong status, code: 48, info: ",
        ),
        ("option spop-check", lambda: Scripted(AGENT), ("L7OK", 0, ""), ""),
        (
            "option smtpchk",
            lambda: Scripted(b"554 no\r\n", early=True),
            ("L7STS", 554, "no"),
            'reason: Layer7 wrong status, code: 554, info: "no", ',
        ),
    ],
)
def test_checks(line: str, script: Callable[[], Scripted], expected: tuple[str, int, str], said: str) -> None:
    found, farm = check(line, script())
    assert found == Result(*expected)
    lines = farm.said()
    assert bool(lines) == bool(said)
    if said:
        assert said in lines[0]


class Talking(Scripted):
    """One that answers each thing it is told."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self.answers = answers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving += 1
        try:
            for place, answer in enumerate(self.answers):
                if place:
                    self.requests.append(await reader.read(65536))
                writer.write(answer)
            self.requests.append(await reader.read(65536))
        finally:
            self.serving -= 1
            writer.close()


def test_a_whole_conversation_with_a_mail_server() -> None:
    script = Talking(b"220 mail.test ESMTP OpenSMTPD\r\n", b"250-mail.test\r\n250 HELP\r\n", b"221 2.0.0 Bye\r\n")
    assert check("option smtpchk EHLO a.test", script)[0] == Result("L7OK", 221, "2.0.0 Bye")
    assert script.requests == [b"EHLO a.test\r\n", b"QUIT\r\n", b""]


def test_what_was_said_before_is_no_answer() -> None:
    """Three replies at once: only the first is one to what was said until then."""
    script = Talking(b"220 a\r\n250 b\r\n221 c\r\n", b"", b"")

    async def scene() -> None:
        farm = Farm("option smtpchk", ["check inter 300 fall 1"], [script.port])
        await farm.checkers[0].once()
        assert (farm.server.check_status, farm.server.last_check) == ("L7TOUT", "")

    with_server(script, scene)


def test_a_login_is_said_before_the_greeting_and_ends_in_order() -> None:
    script = Talking(GREETING, LOGGED_IN)
    assert check("option mysql-check user u", script)[0] == Result("L7OK", 0, "")
    assert script.requests == [bytes.fromhex(HELLO_41), b""]
