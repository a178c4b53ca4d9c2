"""The same lines before both programs: what haproxy accepts or refuses, we do."""

import subprocess
from pathlib import Path

import pytest
from support.configs import read
from support.programs import HAPROXY, peer_version

ACCEPTED = {
    "frontend": [
        "bind :18001-18003,[::1]:18004",
        "bind ipv6@:18001 v4v6",
        "bind ::1:18001",
        "bind :::18001 v6only",
        "bind 127.1:18001",
        "bind /tmp/pm.sock mode 600 level admin",
        "bind abns@pm",
        "bind uxst@/tmp/pm.sock",
        "bind stream+ipv4@:18001",
        "bind :18001 name x name y id 3",
        "bind :18001 mss -40 tcp-ut 10s backlog 3",
        "bind :18001 defer-accept tfo transparent accept-proxy",
        "maxconn 0",
        "rate-limit sessions 0",
        "timeout client 1us",
        "option dontlognull",
        "no option dontlognull",
        "option tcpka",
        "clitcpka-intvl 3s",
        "option http-restrict-req-hdr-names delete",
        "timeout connect 3",
        "option allbackups",
        "retries 3",
        "description a b",
        "id 1",
        "disabled",
    ],
    "backend": [
        "server a 127.0.0.1",
        "server a :80",
        "server a *",
        "server a 127.0.0.1:+1",
        "server a ::1:80",
        "server a [::1]:80",
        "server a ::1:",
        "server a 127.0.0.1:0",
        "server a ipv4@",
        "server a unix@/x",
        "server a abns@x",
        "server a nosuch.invalid:80 init-addr none",
        "server a nosuch.invalid:80 init-addr 1.2.3.4",
        "server a 1.2.3.4:80 addr 1.2.3.4:90 port 0",
        "server a 1.2.3.4:80 slowstart 0 maxconn 0",
        "server a 1.2.3.4:80 source 1.2.3.4:10-20",
        "server a 1.2.3.4:80 pool-purge-delay 0 max-reuse -1",
        "server a 1.2.3.4:80 no-check no-backup no-send-proxy no-send-proxy-v2 no-tfo enabled",
        "server-template a 1-3 localhost:80",
        "server-template a 2 localhost:80 id 3",
        "server-template a 2 /tmp/x",
        "default-server disabled backup weight 3 port 80 addr 1.2.3.4 source 1.2.3.4",
        "default-server id 3",
        "option redispatch 3",
        "option forwardfor except 10.0.0.0/8 header X-C if-none",
        "option originalto except ::1",
        "no option http-keep-alive",
        "option splice-auto",
        "no option splice-request",
        "option splice-response",
        "stats realm a b",
        "stats refresh 500ms",
        "stats show-desc a b",
        "stats scope .",
        "retry-on conn-failure",
        "http-reuse always",
        "source 1.2.3.4:10",
        "max-keep-alive-queue -1",
        "fullconn 0",
        "timeout client 3s",
    ],
    "global": [
        "no strict-limits",
        "set-dumpable",
        "hard-stop-after 3s",
        "grace 3",
        "stats socket /x mode 660 level admin",
        "stats socket 127.0.0.1:18005 maxconn 3",
        "node a.b",
        "description a b c",
        "localpeer x",
        "default-path config",
        "unix-bind prefix /tmp/x mode 600 user root",
        "maxconnrate 10",
        "tune.bufsize 16384",
        "tune.http.maxhdr 32767",
        "noepoll",
        "nosplice",
        "no busy-polling",
        "cpu-map 1 0",
    ],
}
REFUSED = {
    "frontend": [
        "bind",
        "bind 127.0.0.1",
        "bind :0",
        "bind :70000",
        "bind *:90-80",
        "bind :80,,:81",
        "bind 1:2:3",
        "bind foo@:80",
        "bind udp@:80",
        "bind ipv4@[::1]:80",
        "bind ipv6@127.0.0.1:80",
        "bind :+80",
        "bind [::1]",
        "bind nosuch.invalid:80",
        "bind :80 id 0",
        "bind :80-81 id 3",
        "bind :80 mss 0",
        "bind :80 level foo",
        "bind :80 mode 999",
        "bind /x user nosuch",
        "bind :80 foo",
        "bind :80 proto h3",
        "no bind :80",
        "timeout foo 3",
        "timeout client x",
        "timeout client 30d",
        "timeout client 1s 2s",
        "mode foo",
        "maxconn",
        "option foo",
        "option dontlognull x",
        "no option forwardfor",
        "rate-limit foo",
        "server a 1.2.3.4:80",
    ],
    "backend": [
        "server a",
        "server a 1.2.3.4:80 chek",
        "server a 1.2.3.4:80-81",
        "server a ::1",
        "server a fd@3",
        "server a nosuch.invalid:80 init-addr foo",
        "server a/b 1.2.3.4:80",
        "server a 1.2.3.4:80 weight 257",
        "server a 1.2.3.4:80 inter 0",
        "server a 1.2.3.4:80 rise 0",
        "server a 1.2.3.4:80 id 0",
        "server a 1.2.3.4:80 source",
        "server a 1.2.3.4:80 pool-max-conn -2",
        "server-template a 0 foo:80",
        "server-template a 3-1 localhost:80",
        "default-server 1.2.3.4:80",
        "retry-on 418",
        "retry-on none conn-failure",
        "http-reuse foo",
        "source 1.2.3.4:10-20",
        "source 1.2.3.4 foo",
        "stats foo",
        "stats uri",
        "option forwardfor except x",
        "option originalto if-none",
        "id 0",
        "option forceclose",
    ],
    "global": [
        "maxconn",
        "nbthread 0",
        "nbthread 100",
        "daemon x",
        "no daemon",
        "user nosuch",
        "chroot",
        "grace",
        "stats socket",
        "stats socket foo",
        "stats socket /x level foo",
        "stats timeout 0",
        "stats maxconn 0",
        "spread-checks 51",
        "default-path foo",
        "unix-bind foo",
        "tune.http.maxhdr 0",
        "tune.fooo 3",
        "nbproc 2",
    ],
}
REST = (
    "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n mode http\n"
    "frontend stub\n bind 127.0.0.1:18999\n"
)
CASES = [(kind, line, True) for kind, lines in ACCEPTED.items() for line in lines] + [
    (kind, line, False) for kind, lines in REFUSED.items() for line in lines
]
# Where 3.2 says the other: the first is its mistake ("unknown option 'allbackups'; did you mean 'allbackups'").
OTHERWISE = ["option allbackups", "nbthread 100"]


def configuration(kind: str, line: str) -> str:
    if kind == "global":
        return f"global\n {line}\n{REST}"
    return f"{REST}{kind} x\n {line}\n"


@pytest.mark.parametrize("kind, line, accepted", CASES)
def test_ours(kind: str, line: str, accepted: bool) -> None:
    loaded = read(configuration(kind, line))
    assert (loaded.errors == []) is accepted, loaded.errors


@pytest.mark.peer
@pytest.mark.parametrize("kind, line, accepted", CASES)
def test_theirs(kind: str, line: str, accepted: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.cfg"
    path.write_text(configuration(kind, line))
    done = subprocess.run([*HAPROXY.command, "-c", "-f", str(path)], capture_output=True, check=False, cwd=tmp_path)
    turned = line in OTHERWISE and peer_version() >= (3, 0)
    assert (done.returncode == 0) is (accepted != turned), done.stderr
