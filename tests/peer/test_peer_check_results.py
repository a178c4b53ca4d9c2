"""What checks come to in both programs: show stat's fields, log lines, what the server has received (manual 4.2
http-check and tcp-check, 5.2 check)."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.crowd import until
from support.ports import Silent, free_port
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver
from support.scenario import show_stat
from support.scripted_servers import COLUMNS, END, EOF, HOLD, PATIENCE, RESET, CheckCase, Checked, CheckServers, Until

pytestmark = [pytest.mark.peer, pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed")]

HEAD = """
global
    stats socket {dir}/stats level admin
    max-spread-checks 500
defaults
    mode http
    timeout connect 10s
    timeout client 5s
    timeout server 5s
    timeout check 10s
    option log-health-checks
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200
"""
HTTPCHK = "option httpchk"
TCPCHK = "option tcp-check"
ASKED = Until(b"\r\n\r\n")
OK = (ASKED, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: one, two\r\n\r\nok", END)


def http(*rules: str) -> str:
    return "|".join([HTTPCHK, *("http-check " + rule for rule in rules)])


def tcp(*rules: str) -> str:
    return "|".join([TCPCHK, *("tcp-check " + rule for rule in rules)])


PING = (Until(b"PING\r\n"), b"+PONG\r\n", EOF)
PROXY = Until(b"HAProxy\0")
GRANT = b"\0\x5a\0\0\0\0\0\0"
SOCKS = "addr 192.0.2.1 port 80 socks4 127.0.0.1:{a} check-via-socks4"
SILENT = "addr 127.0.0.1 port {silent}"
SHORT = "|timeout check 300|timeout connect 300"

CASES: dict[str, CheckCase] = {
    # Variables.
    "set-var in a request": CheckCase(http("set-var(check.x) int(7)", "send uri-lf /%[var(check.x)]"), OK),
    "set-var-fmt in a request": CheckCase(http("set-var-fmt(check.x) a%[int(3)]b", "send uri-lf /%[var(check.x)]"), OK),
    "set-var without a send": CheckCase(
        HTTPCHK + " GET /o HTTP/1.1 %[var(check.h)]|http-check set-var(check.h) str(h)|http-check expect status 200",
        OK,
        newer=(3, 0),
    ),
    "unset-var": CheckCase(http("set-var(check.x) int(7)", "unset-var(check.x)", "send uri-lf /%[var(check.x)]-"), OK),
    "set-var with a condition": CheckCase(
        http("set-var(check.x) int(7)", "set-var(check.x,ifnotexists) int(8)", "send uri-lf /%[var(check.x)]"), OK
    ),
    "a process variable": CheckCase(http("set-var(proc.cx) int(9)", "send uri-lf /%[var(proc.cx)]"), OK),
    "a session variable": CheckCase(http("set-var(sess.cx) int(9)", "send uri-lf /%[var(sess.cx)]"), OK),
    "a variable of an exchange": CheckCase(http("set-var(txn.cx) int(9)", "send uri-lf /%[var(txn.cx)]-"), OK),
    "the body in a variable, connect": CheckCase(
        http(
            "connect",
            "send uri /1",
            "expect status 200",
            "set-var(check.b) res.body",
            "set-var(check.s) status",
            "connect",
            "send uri-lf /%[var(check.b)]-%[var(check.s)]",
        ),
        OK,
    ),
    "set-var alone": CheckCase(tcp("set-var(check.x) int(1)"), OK),
    "set-var behind connect": CheckCase(tcp("connect", "set-var(check.x) int(1)"), OK),
    "a port from a variable": CheckCase(tcp("set-var(check.p) int(1)", "connect port var(check.p)"), OK),
    "the port of a variable that is not set": CheckCase(tcp("connect port var(check.p)"), OK),
    "data from a variable": CheckCase(
        tcp("set-var(check.x) str(PING)", "send-lf %[var(check.x)]\\r\\n", "expect string +PONG"), PING
    ),
    "payload in a variable": CheckCase(
        tcp("send PING\\r\\n", "expect string +PONG", "set-var(check.x) res.payload(1,4)", "send-lf %[var(check.x)]"),
        PING,
    ),
    "binary data": CheckCase(tcp("send-binary 50494e470d0a", "expect binary 2b504F4e47"), PING),
    "binary data of a format": CheckCase(
        tcp(
            "set-var(check.x) str(PING),hex",
            "send-binary-lf %[var(check.x)]0d0a",
            "expect binary-lf 2b%[str(PONG),hex]",
        ),
        PING,
    ),
    "binary data of a bad format": CheckCase(tcp("send-binary-lf 41z", "expect string x"), PING, seen=False),
    "expect a bad format": CheckCase(tcp("send PING\\r\\n", "expect binary-lf 41z"), PING),
    "expect an empty format": CheckCase(tcp("send PING\\r\\n", "expect string-lf %[var(check.x)]"), PING),
    # Where it ends.
    "refused": CheckCase("", None),
    "tcp-check refused": CheckCase(tcp("connect", "send x"), None),
    "httpchk refused": CheckCase(HTTPCHK, None),
    "reset behind the request": CheckCase(HTTPCHK, (ASKED, RESET)),
    "end behind the request": CheckCase(HTTPCHK, (ASKED, END), newer=(3, 2)),
    "end within the head": CheckCase(HTTPCHK, (ASKED, b"HTTP/1.1 20", END), newer=(3, 2)),
    "end within the body": CheckCase(
        http("expect string zz"), (ASKED, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", END)
    ),
    "end within the body, found": CheckCase(
        http("expect string abc"), (ASKED, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", END)
    ),
    "silence": CheckCase(HTTPCHK + SHORT, (ASKED, HOLD)),
    "silence within the head": CheckCase(HTTPCHK + SHORT, (ASKED, b"HTTP/1.1 20", HOLD)),
    "silence within the body": CheckCase(
        http("expect string zz") + SHORT, (ASKED, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", HOLD)
    ),
    "garbage": CheckCase(HTTPCHK, (ASKED, b"\0\1\2\r\n\r\n", END), newer=(3, 2)),
    "garbage that is long": CheckCase(HTTPCHK, (ASKED, b"x" * 40000, END), newer=(3, 2)),
    "an answer before the question": CheckCase(HTTPCHK, (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", EOF)),
    "a wrong status": CheckCase(HTTPCHK, (ASKED, b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", END)),
    "a wrong status without a reason": CheckCase(
        HTTPCHK, (ASKED, b"HTTP/1.1 503\r\ncontent-length: 0\r\n\r\n", END), newer=(3, 2)
    ),
    "404": CheckCase(http("disable-on-404"), (ASKED, b"HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n", END)),
    "tcp reset": CheckCase(tcp("send PING\\r\\n", "expect string +PONG"), (Until(b"PING\r\n"), RESET)),
    "tcp end": CheckCase(tcp("send PING\\r\\n", "expect string +PONG"), (Until(b"PING\r\n"), END)),
    "tcp half": CheckCase(tcp("send PING\\r\\n", "expect string +PONG"), (Until(b"PING\r\n"), b"+PO", END)),
    "tcp silence": CheckCase(tcp("send PING\\r\\n", "expect string +PONG") + SHORT, (Until(b"PING\r\n"), HOLD)),
    "tcp half, then silence": CheckCase(
        tcp("send PING\\r\\n", "expect string +PONG comment why") + SHORT, (Until(b"PING\r\n"), b"+PO", HOLD)
    ),
    "tcp wrong": CheckCase(
        tcp("send PING\\r\\n comment a", "expect string +PONG comment b"), (Until(b"PING\r\n"), b"-ERR no\r\n", END)
    ),
    "tcp wrong regex": CheckCase(tcp("comment a", "expect rstring ^x"), (b"-ERR no\r\n", END)),
    "tcp wrong binary": CheckCase(tcp("expect binary 4142"), (b"-ERR no\r\n", END)),
    "tcp wrong binary regex": CheckCase(tcp("expect rbinary ^4142"), (b"-ERR no\r\n", END)),
    "tcp binary regex": CheckCase(tcp("expect rbinary ^0041"), (b"\0AB\r\n", END)),
    "tcp unwanted": CheckCase(tcp("expect ! string ERR"), (b"-ERR no\r\n", END)),
    "tcp unwanted regex": CheckCase(tcp("expect ! rstring ERR comment c"), (b"-ERR no\r\n", END)),
    "tcp two notes": CheckCase(
        tcp("comment first", "connect", "comment second", "send x", "expect string y comment third"),
        (Until(b"x"), b"zz", END),
    ),
    "tcp ends with send": CheckCase(tcp("connect", "send QUIT\\r\\n"), (EOF,)),
    # Where it begins.
    "tcp-check without rules, refused": CheckCase(TCPCHK, None),
    "a connect that is not written, refused": CheckCase(tcp("comment a", "send x"), None),
    "nobody answers": CheckCase("timeout connect 300", None, SILENT),
    "nobody answers, HTTP": CheckCase(HTTPCHK + "|timeout connect 300", None, SILENT),
    "nobody answers, tcp-check": CheckCase(TCPCHK + "|timeout connect 300", None, SILENT),
    "nobody answers, a rule": CheckCase(tcp("connect comment why", "send x") + "|timeout connect 300", None, SILENT),
    # By a SOCKS4 proxy.
    "socks4": CheckCase(HTTPCHK, (PROXY, GRANT, *OK), SOCKS),
    "socks4, TCP": CheckCase("", (PROXY, GRANT, EOF), SOCKS, seen=False),
    "socks4, a rule": CheckCase(
        tcp("connect via-socks4 addr 192.0.2.1 port 80", "send PING\\r\\n", "expect string +PONG"),
        (PROXY, GRANT, *PING),
        "socks4 127.0.0.1:{a}",
    ),
    "socks4, a rule without it": CheckCase(
        tcp("connect", "send PING\\r\\n", "expect string +PONG"), PING, "socks4 127.0.0.1:{a}"
    ),
    "socks4, the line's words": CheckCase(
        tcp("connect default", "send PING\\r\\n", "expect string +PONG"), (PROXY, GRANT, *PING), SOCKS
    ),
    "socks4, traffic only": CheckCase(HTTPCHK, OK, "socks4 127.0.0.1:{a}"),
    "socks4 refuses": CheckCase(HTTPCHK, (PROXY, b"\0\x5b\0\0\0\0\0\0", END), SOCKS),
    "socks4 refuses, TCP": CheckCase(TCPCHK, (PROXY, b"\0\x5c\0\0\0\0\0\0", END), SOCKS),
    "socks4 speaks something else": CheckCase(HTTPCHK, (PROXY, b"HTTP/1.1 400 Bad\r\n\r\n", EOF), SOCKS),
    "socks4 ends": CheckCase(HTTPCHK, (PROXY, END), SOCKS),
    "socks4 breaks off": CheckCase(HTTPCHK, (PROXY, RESET), SOCKS),
    "socks4 is silent": CheckCase(TCPCHK + SHORT, (PROXY, HOLD), SOCKS),
    "socks4 says half": CheckCase(HTTPCHK + SHORT, (PROXY, GRANT[:5], HOLD), SOCKS),
    # Options of expect.
    "ok-status": CheckCase(tcp("expect ok-status L4OK string +"), (b"+OK", END)),
    "ok-status L7OKC": CheckCase(tcp("expect ok-status L7OKC string +"), (b"+OK", END)),
    "ok-status of one that is not the last": CheckCase(
        tcp("expect ok-status L4OK string +", "expect string O"), (b"+OK", END)
    ),
    "error-status": CheckCase(tcp("expect error-status L6RSP string x"), (b"+OK", END)),
    "error-status L7OKC": CheckCase(tcp("expect error-status L7OKC string x"), (b"+OK", END)),
    "error-status L4CON": CheckCase(tcp("expect error-status L4CON string x"), (b"+OK", END)),
    "error-status of an empty answer": CheckCase(tcp("expect error-status L4CON string x"), (END,)),
    "tout-status": CheckCase(tcp("expect tout-status L4TOUT string x") + SHORT, (HOLD,)),
    "tout-status L6TOUT": CheckCase(tcp("expect tout-status L6TOUT rstring x") + SHORT, (HOLD,)),
    "on-success": CheckCase(tcp("expect on-success got:%[res.payload(0,3)] string +"), (b"+OK", END)),
    "on-success of one that is not the last": CheckCase(
        tcp("expect on-success got string +", "expect string O"), (b"+OK", END)
    ),
    "on-error": CheckCase(tcp("expect on-error got:%[res.payload(0,3)] string x comment c"), (b"+OK", END)),
    "on-error of silence": CheckCase(tcp("expect on-error got string x") + SHORT, (HOLD,)),
    "on-error of an end": CheckCase(tcp("expect on-error got string x"), (END,), newer=(3, 2)),
    "status-code": CheckCase(tcp("expect status-code res.payload(0,3) string x"), (b"451 no", END)),
    "status-code of a pass": CheckCase(tcp("expect status-code int(77) string 4"), (b"451 no", END)),
    "status-code that is no number": CheckCase(tcp("expect status-code str(a) string x"), (b"451 no", END)),
    "min-recv, too little": CheckCase(tcp("expect min-recv 10 string x") + SHORT, (b"abc", HOLD)),
    "min-recv, too little at the end": CheckCase(tcp("expect min-recv 10 string x"), (b"abc", END)),
    "min-recv 0": CheckCase(tcp("expect min-recv 0 rstring x"), (b"abc", HOLD)),
    "min-recv enough": CheckCase(tcp("expect min-recv 3 rstring x"), (b"abc", HOLD)),
    "min-recv with a short string": CheckCase(tcp("expect min-recv 10 string b") + SHORT, (b"abc", HOLD)),
    "HTTP ok-status": CheckCase(http("expect ok-status L4OK status 200"), OK),
    "HTTP error-status": CheckCase(http("expect error-status L4CON status 201"), OK),
    "HTTP error-status L7OKC": CheckCase(http("expect error-status L7OKC status 201"), OK),
    "HTTP tout-status": CheckCase(http("expect tout-status L4TOUT status 201") + SHORT, (ASKED, HOLD)),
    "HTTP on-success": CheckCase(
        http("expect on-success %[status]/%[res.hdr(x-a)]/%[res.body]/%[res.body_len]/%[res.body_size] string ok"), OK
    ),
    "HTTP fetches": CheckCase(
        http(
            "expect on-success %[be_name]/%[srv_name]/%[status]/%[res.ver]/%[res.hdr_cnt]/%[res.hdr_names]/"
            "%[res.body,hex]/"
            "%[bc_src]/%[bc_dst]/%[bc_err]/%[bc_err_str]/%[bc_http_major]/%[srv_is_up(s)]/%[srv_weight(s)]/%[txn.status]/"
            "%[be_conn]/%[queue]/%[src]/%[dst]/%[ssl_bc] string ok"
        ),
        OK,
        newer=(3, 2),
    ),
    "HTTP on-error": CheckCase(http("expect on-error %[status]/%[res.body] string no"), OK),
    "HTTP on-error of a status": CheckCase(http("expect on-error %[status]/%[res.body] status 201"), OK),
    "HTTP status-code": CheckCase(http("expect status-code status,add(1) status 200"), OK),
    "HTTP status": CheckCase(http("expect status 201,300-310 comment c"), OK),
    "HTTP not status": CheckCase(http("expect ! status 200"), OK),
    "HTTP rstatus": CheckCase(http("expect rstatus ^5"), OK),
    "HTTP not rstatus": CheckCase(http("expect ! rstatus ^5"), OK),
    "HTTP hdr": CheckCase(http("expect hdr name X-A value two"), OK),
    "HTTP hdr, case of values": CheckCase(http("expect hdr name X-A value TWO"), OK),
    "HTTP fhdr": CheckCase(http("expect fhdr name X-A value two"), OK),
    "HTTP fhdr, whole": CheckCase(http("expect fhdr name X-A value 'one, two'"), OK),
    "HTTP hdr, beg": CheckCase(http("expect hdr name -m beg x- value -m end wo"), OK),
    "HTTP hdr, sub and reg": CheckCase(http("expect hdr name -m sub -A value -m reg ^t.o"), OK),
    "HTTP hdr, formats": CheckCase(
        http("set-var(check.n) str(x-a)", "expect hdr name-lf %[var(check.n)] value-lf t%[str(wo)]"), OK
    ),
    "HTTP not hdr": CheckCase(http("expect ! hdr name x-a"), OK),
    "HTTP hdr missing": CheckCase(http("expect hdr name x-b comment c"), OK),
    "HTTP string": CheckCase(http("expect string no"), OK),
    "HTTP not string": CheckCase(http("expect ! string ok"), OK),
    "HTTP rstring": CheckCase(http("expect rstring ^ok$"), OK),
    "HTTP string-lf": CheckCase(http("expect string-lf o%[str(k)]"), OK),
    "HTTP no body": CheckCase(http("expect string x"), (ASKED, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", END)),
    "HTTP no body, unwanted": CheckCase(
        http("expect ! string x"), (ASKED, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", END)
    ),
    "HTTP chunked": CheckCase(
        http("expect on-success %[res.body_size] string abc"),
        (ASKED, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", END),
    ),
    "no reason, rstatus": CheckCase(
        http("expect rstatus ^5 comment c"), (ASKED, b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", END), newer=(3, 2)
    ),
    "no reason, not status": CheckCase(
        http("connect", "send uri /", "expect ! status 200 comment c"),
        (ASKED, b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", END),
        newer=(3, 2),
    ),
    "no reason, hdr": CheckCase(
        http("set-var(check.x) int(1)", "expect hdr name x comment c"),
        (ASKED, b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", END),
        newer=(3, 2),
    ),
    "no reason, not hdr": CheckCase(
        http("expect ! hdr name content-length comment c"),
        (ASKED, b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", END),
        newer=(3, 2),
    ),
    "no reason, not fhdr": CheckCase(
        http("expect fhdr name content-length value 5"),
        (ASKED, b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", END),
        newer=(3, 2),
    ),
    "a comment only": CheckCase(tcp("comment hi"), (EOF,)),
    "HTTP string-lf, empty": CheckCase(http("expect string-lf %[var(check.x)] comment c"), OK),
    "HTTP hdr, empty format": CheckCase(http("expect hdr name-lf %[var(check.x)] comment c"), OK),
    "HTTP hdr value, empty format": CheckCase(http("expect hdr name x-a value-lf %[var(check.x)] comment c"), OK),
    "HTTP on-error and comment": CheckCase(http("expect on-error oops string no comment c"), OK),
    "HTTP on-error and comment, status": CheckCase(http("expect on-error oops status 201 comment c"), OK),
    "HTTP on-error of an end": CheckCase(http("expect on-error oops status 201 comment c"), (ASKED, END), newer=(3, 2)),
    "HTTP error-status of an end": CheckCase(
        http("expect error-status L7OKC status 201 comment c"), (ASKED, END), newer=(3, 2)
    ),
    "HTTP error-status of garbage": CheckCase(
        http("expect error-status L4CON status 201 comment c"), (ASKED, b"zz zz\r\n\r\n", END), newer=(3, 2)
    ),
    "HTTP on-error of no body": CheckCase(
        http("expect on-error oops string x comment c"), (ASKED, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", END)
    ),
    "on-error of a regex, comment": CheckCase(tcp("expect on-error oops rstring x comment c"), (b"abc", END)),
    "on-error of an empty answer, comment": CheckCase(
        tcp("expect on-error oops rstring x comment c"), (END,), newer=(3, 2)
    ),
    "on-success, comment": CheckCase(tcp("expect on-success fine rstring b comment c"), (b"abc", END)),
    "empty send-lf": CheckCase(tcp("send-lf %[var(check.x)]", "expect string x") + SHORT, (EOF, END)),
    "empty send-binary-lf": CheckCase(tcp("send-binary-lf %[var(check.x)]", "expect string x") + SHORT, (EOF, END)),
    "odd send-binary-lf": CheckCase(
        tcp("connect", "send-binary-lf 414 comment c", "expect string x"), (EOF, END), seen=False
    ),
    "HTTP empty uri-lf": CheckCase(http("send uri-lf %[var(check.x)] hdr a %[var(check.x)]"), OK),
    "a port of 0": CheckCase(tcp("connect port int(0)"), OK),
    "a port of text": CheckCase(tcp("connect port str(a)"), OK),
    "rstring over what came": CheckCase(tcp("expect rstring a.*c", "expect rstring d"), (b"abcd", END)),
    "two expects, two answers": CheckCase(
        tcp("expect string a", "send x", "expect string b"), (b"a", Until(b"x"), b"b", EOF)
    ),
    "the second expect finds nothing new": CheckCase(
        tcp("expect string a", "send x", "expect string a") + SHORT, (b"a", Until(b"x"), HOLD)
    ),
    "0 in what came": CheckCase(tcp("expect string b"), (b"a\0b", END)),
    "0 in what came, regex": CheckCase(tcp("expect rstring b"), (b"a\0b", END)),
    "connect after an end": CheckCase(tcp("connect", "expect string a", "connect", "expect string b"), (b"a", END)),
    "L6OK": CheckCase(tcp("expect ok-status L6OK string a"), (b"a", END)),
    # Connections.
    "two ports": CheckCase(
        tcp("connect port {a}", "expect string +", "connect port {refused}", "expect string +"), (b"+", EOF)
    ),
    "send-proxy": CheckCase(tcp("connect send-proxy", "send PING\\r\\n", "expect string +PONG"), PING, seen=False),
    "linger": CheckCase(tcp("connect linger", "send PING\\r\\n", "expect string +PONG"), PING),
    "proto none": CheckCase(tcp("connect proto none", "send PING\\r\\n", "expect string +PONG"), PING),
    "proto h1": CheckCase(http("connect proto h1", "send uri /x"), OK),
    "check-proto h1": CheckCase(HTTPCHK, OK, "check-proto h1"),
    "addr is nobody": CheckCase("", (), "addr 127.0.0.2 port {refused}"),
    "send-state": CheckCase(http("send-state", "send hdr a b"), OK, seen=False),
    "send with all": CheckCase(
        http(
            "send meth PUT uri-lf /%[int(1)] ver HTTP/1.1 hdr Host h%[int(2)] hdr X-B %[be_name] body-lf b%[int(3)]",
            "expect status 200",
        ),
        (Until(b"b3"), *OK[1:]),
        seen=False,
    ),
}

MUCH = b"HTTP/1.1 200 OK\r\ncontent-length: 30006\r\n\r\n"
CASES |= {
    "a word beyond the buffer": CheckCase(http("expect string needle"), (ASKED, MUCH + b"x" * 30000 + b"needle", END)),
    "a word within it": CheckCase(
        http("expect string needle"), (ASKED, MUCH + b"x" * 10000 + b"needle" + b"x" * 20000, END)
    ),
    "a body up to the end": CheckCase(http("expect string b"), (ASKED, b"HTTP/1.0 200 OK\r\n\r\nabc", END)),
    "a long comment": CheckCase(tcp("expect string a comment " + "c" * 300), (b"zz", END)),
    "a long on-error": CheckCase(tcp("expect on-error " + "c" * 300 + " string a"), (b"zz", END)),
    "a reason with odd bytes": CheckCase(HTTPCHK, (ASKED, b'HTTP/1.1 503 a"b%c\r\ncontent-length: 0\r\n\r\n', END)),
}

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"
CASES |= {
    f"{count} bytes of an answer": CheckCase(HTTPCHK, (ASKED, WHOLE[:count], END), newer=(3, 2))
    for count in range(1, len(WHOLE) + 1)
}
CASES |= {
    f"{count} bytes of a body": CheckCase(http("expect string bc"), (ASKED, WHOLE[: len(WHOLE) - 3 + count], END))
    for count in range(1, 4)
}
CASES |= {
    f"{count} bytes of a banner": CheckCase(tcp("expect string +PONG comment why"), (b"+PONG"[:count], END))
    for count in range(1, 6)
}
CASES |= {
    f"{count} bytes of a banner, then silence": CheckCase(
        tcp("expect rstring ^.PONG") + SHORT, (b"+PONG"[:count], HOLD)
    )
    for count in range(1, 6)
}


def play(kind: Kind, folder: Path) -> dict[str, Checked]:
    """Each case once, all in one run of the program."""
    text = HEAD
    found: dict[str, Checked] = {}
    with ExitStack() as stack:
        servers = CheckServers()
        stack.callback(servers.close)
        logs = LogReceiver()
        stack.callback(logs.close)
        ports: dict[str, int] = {}
        refused = free_port()
        silent = Silent()
        stack.callback(silent.close)
        cases = {name: case for name, case in CASES.items() if peer_version() >= case.newer}
        for number, (name, case) in enumerate(cases.items()):
            port = ports[name] = refused if case.script is None else servers.add(case.script)
            part = f"backend b{number}\n    log {logs.where} local0\n" + "".join(
                f"    {one}\n" for one in case.rules.split("|")
            )
            part += f"    server s 127.0.0.1:{port} check inter 60s rise 1 fall 1 {case.words}\n"
            text += (
                part.replace("{a}", str(port)).replace("{refused}", str(refused)).replace("{silent}", str(silent.port))
            )
        with Program(kind, text, folder) as program:
            rows = finished(program.folder / "stats", [f"b{number}/s" for number in range(len(cases))])
            until(lambda: all(_told(logs.wait(0, 0), number) for number in range(len(cases))), PATIENCE)
            lines = logs.wait(0, 0)
        for number, (name, case) in enumerate(cases.items()):
            row = rows[f"b{number}/s"]
            mine = [line for line in lines if f" b{number}/s " in line or f" b{number} " in line]
            # Of a connection on which nothing was said the server may never learn: it is broken off at once.
            seen = [bytes(one) for one in servers.seen.get(ports[name], []) if one]
            found[name] = Checked(
                tuple(told(row[column]) for column in COLUMNS),
                tuple(plain(line) for line in mine),
                tuple(seen) if case.seen else (),
            )
    return found


def _told(lines: list[str], number: int) -> bool:
    """All that a first check may cause was logged: that there was one, and, where nobody is left, that."""
    mine = [line for line in lines if f" b{number}/s " in line or f" b{number} " in line or f" 'b{number}' " in line]
    checks = [line for line in mine if "Health check" in line]
    last = checks[-1] if checks else ""
    return bool(last) and (
        last.endswith("UP.") and "conditionally" not in last or any("has no server" in line for line in mine)
    )


def finished(path: Path, names: list[str]) -> dict[str, dict[str, str]]:
    """The rows, once every server has been checked."""
    limit = time.monotonic() + PATIENCE
    while True:
        rows = show_stat(path)
        waits = [
            name for name in names if rows[name]["check_status"] in ("INI", "") or "*" in rows[name]["check_status"]
        ]
        if not waits or time.monotonic() > limit:
            return rows
        time.sleep(0.1)


def plain(line: str) -> str:
    """Without its time, its sender, how long the check took."""
    text = told(re.sub(r"^<\d+>.*?\[?\d*\]?: ", "", line))
    return re.sub(r"duration: \d+ms", "duration: Xms", text)


def told(text: str) -> str:
    """3.5 names the system's error everywhere, 3.2 where a connection is open, 2.6 nowhere. The number of a port."""
    text = re.sub(r"E[A-Z]+ returned by OS \((.*?)\)", r"\1", text)
    text = re.sub(r"(SOCKS4 [A-Za-z0-9 ]+) \([A-Z][a-z ]+\)", r"\1", text)  # what a system call before it has said
    return re.sub(r"(connect port) \d+", r"\1 X", text)


Both = tuple[dict[str, Checked], dict[str, Checked]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return play(HAPROXY, tmp_path_factory.mktemp("h")), play(POINTSMAN, tmp_path_factory.mktemp("p"))


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_haproxy(both: Both, name: str) -> None:
    if name not in both[0]:
        pytest.skip("the peer is older")
    assert both[1][name] == both[0][name]
