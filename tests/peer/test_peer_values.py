"""Values that Debian 12's program does not have, or has otherwise, asked of a newer one and of Pointsman with the same
configuration and the same requests: what has ended rules, what the server has said (manual 7.3.2, 7.3.3, 7.3.6)."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver

pytestmark = pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")

CONFIG = """
global
    log {log} len 65000 format raw local0
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 2s
    timeout http-request 3s
    timeout server 5s
frontend f
    bind 127.0.0.1:{port:front}
    log-format "%HP %ST %[last_rule_line] [%[last_rule_file]] [%[last_entity]] [%[waiting_entity]] %[stopping] %[dst_conn] %[prio_class] %[prio_offset] %[server_status]"
    http-request set-header x-a b
    http-request deny if { path /deny }
    http-request deny status 400 if { path /both } { hdr(x-a) b }
    http-request allow if { path /allow }
    http-request wait-for-body time 200ms if { path /wait }
    http-request redirect location /x if { path /redirect }
    redirect location /y if { path /old-redirect }
    http-response deny if { status 201 }
    http-response allow if { status 202 }
    http-after-response set-header x-line %[last_rule_line]
    http-after-response allow if { status 203 }
    use_backend nobody if { path /nobody }
    default_backend b
backend b
    http-request deny if { path /back/deny }
    http-request return status 200 if { path /back/return }
    http-response set-status 299 if { status 204 }
    server s 127.0.0.1:{port:server}
backend nobody
frontend server
    bind 127.0.0.1:{port:server}
    no log
    http-request return status 201 if { path /201 }
    http-request return status 202 if { path /202 }
    http-request return status 203 if { path /203 }
    http-request return status 204 if { path /204 }
    http-request return status 200
"""  # noqa: E501
PATHS = (
    *("deny", "both", "allow", "wait", "redirect", "old-redirect", "201", "202", "203", "204"),
    *("back/deny", "back/return", "nobody", "none", "allow", "none"),
)


def ask(port: int, path: str, wait: float = 5) -> str:
    """The line of the status, and what the rules behind it have shown."""
    body = b"content-length: 100\r\n" if path == "wait" else b""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.settimeout(wait)
        sock.sendall(b"GET /%b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n%b\r\nabc" % (path.encode(), body))
        answer = b""
        try:
            while data := sock.recv(65536):
                answer += data
        except TimeoutError:
            return "nothing in time"
    head = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return " ".join(one.decode() for one in head if one.startswith((b"HTTP/", b"x-line"))).partition(" ")[2]


def play(kind: Kind, folder: Path) -> list[str]:
    folder.mkdir()
    receiver = LogReceiver()
    with Program(kind, CONFIG, folder, {"log": receiver.where}) as program:
        port = program.ports["front"]
        seen = []
        for count, path in enumerate(PATHS, 1):
            seen.append(f"/{path} {ask(port, path)}")
            receiver.wait(count)
        seen.append(ask(port, "wait", 0.05))
        receiver.wait(len(PATHS) + 1)
        # Two requests on one connection: what ended the rules of the first one is not told of the second.
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            for count, path in enumerate((b"allow", b"none", b"allow", b"allow", b"none"), 1):
                sock.sendall(b"GET /%b HTTP/1.1\r\nhost: a\r\n\r\n" % path)
                sock.recv(65536)
                receiver.wait(len(PATHS) + 1 + count)
        time.sleep(0.05)
    seen += [line.replace(str(folder), "<folder>") for line in receiver.close()]
    return seen


def test_what_rules_and_servers_have_said(tmp_path: Path) -> None:
    """Where no server has answered, server_status is no sample by the manual (7.3.6); 3.2 says 0. It answers for
    `return` and `redirect` before it notes that they have ended the rules."""
    theirs = play(HAPROXY, tmp_path / "h")
    mine = play(POINTSMAN, tmp_path / "p")
    known = {"/wait 408 Request": "18", "/redirect 302 Found": "19", "/back/return 200 OK": "29"}
    for number, line in enumerate(theirs):
        if line.endswith("] 0 1 0 0 0"):
            theirs[number] = line.removesuffix(" 0") + " -"
        theirs[number] += "".join(rule for start, rule in known.items() if line.startswith(start + " "))
    # A client that leaves while rules wait for its body: 3.2 tells the rule to some of them.
    left = [line for line in mine if line.startswith("/wait 400")]
    assert left == ["/wait 400 - [-] [-] [<folder>/test.cfg:18] 0 1 0 0 -"]
    mine[mine.index(left[0])] = left[0].replace("<folder>/test.cfg:18", "-")
    theirs = [line.replace("[<folder>/test.cfg:18] 0 1", "[-] 0 1") if "/wait 400" in line else line for line in theirs]
    assert theirs == mine
    assert any("[<folder>/" in line for line in mine)
