"""The configurations: nginx as two servers, and the one file that both programs read.

The frontend "full" has three ACLs, a deny, a set-header, forwardfor, a del-header and httplog; "rules" has 200
use_backend rules on path and host, a tenth of them by regular expression, of which only the last holds for the row's
requests. Nothing here is set for the benchmark alone: where a setting has a default, it is left at that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.rows import RULES, SMALL

# Two lines (v) and five lines (w) that no other response has; $request_id is 32 random hexadecimal digits.
TWO = "add_header X-Request-Id $request_id; add_header X-Serial $connection-$connection_requests;"
FIVE = (
    TWO + ' add_header Set-Cookie "s=$request_id; Path=/"; add_header ETag \'"$request_id"\';'
    " add_header X-Trace trace-$request_id;"
)
# `return` answers before a body has come, a mirrored request has to be read first: /upload, which is no file, is a 404
# behind that, and so @read.
NGINX = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 16384; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 75s; sendfile on; tcp_nopush on;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
{servers}
    server {{ listen unix:{folder}/status.sock; location / {{ stub_status; }} }}
}}
"""
SERVER = """\
    server {{ listen 127.0.0.1:{port} backlog=8192; root {folder}/www; default_type text/plain;
        listen 127.0.0.1:{secure} ssl backlog=8192; ssl_certificate {folder}/ec.pem;
        ssl_certificate_key {folder}/ec.pem; ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ return 200 "{text}"; }}
        location /v {{ {two} return 200 "{text}"; }}
        location /w {{ {five} return 200 "{text}"; }}
        location = /seen {{ return 200 "$http_x_forwarded_for $http_x_forwarded_proto"; }}
        location = /upload {{ mirror /mirrored; client_body_buffer_size 1m; log_not_found off;
            error_page 404 =200 @read; }}
        location = /mirrored {{ internal; return 204; }}
        location @read {{ return 200 "{text}"; }}
        location ~ [.]bin$ {{ }} }}
"""
# With trailers, and of no length that is told before, as a server of gRPC answers; the message is any text.
H2_SERVER = """\
    server {{ listen 127.0.0.1:{port} http2 backlog=8192; default_type text/plain;
        location / {{ return 200 "{text}"; }}
        location = /seen {{ return 200 "$http_x_forwarded_for $http_x_forwarded_proto"; }}
        location /greeting.Greeter/ {{ default_type application/grpc; ssi on; ssi_types application/grpc;
            add_trailer grpc-status 0; return 200 "{text}"; }} }}
"""
CONFIGURATION = """\
global
    nbthread {lanes}
    maxconn 4000
    log 127.0.0.1:{log} local0
    stats socket {socket} mode 600 level admin

defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    default_backend servers

frontend http
    bind 127.0.0.1:{http}

frontend full
    bind 127.0.0.1:{full}
    log global
    option httplog
    option forwardfor
    acl is_static path_beg /static
    acl internal src 10.0.0.0/8 192.168.0.0/16
    acl mobile req.hdr(User-Agent) -i -m sub mobile
    http-request deny if internal
    http-request set-header X-Forwarded-Proto http
    use_backend others if is_static or mobile
    http-response del-header Server

frontend rules
    bind 127.0.0.1:{rules}
{routes}
frontend tcp
    mode tcp
    bind 127.0.0.1:{tcp}
    default_backend raw

backend servers
    balance roundrobin
{servers}
backend others
    balance roundrobin
{servers}
backend raw
    mode tcp
    balance roundrobin
{servers}"""
MORE = """\

frontend tls-full
    bind 127.0.0.1:{tls-full} ssl crt {folder}/ec.pem
    log global
    option httplog
    option forwardfor
    acl is_static path_beg /static
    acl internal src 10.0.0.0/8 192.168.0.0/16
    acl mobile req.hdr(User-Agent) -i -m sub mobile
    http-request deny if internal
    http-request set-header X-Forwarded-Proto http
    use_backend others if is_static or mobile
    http-response del-header Server

frontend limited
    bind 127.0.0.1:{limited}
    log global
    option httplog
    option forwardfor
    acl is_static path_beg /static
    acl internal src 10.0.0.0/8 192.168.0.0/16
    acl mobile req.hdr(User-Agent) -i -m sub mobile
    stick-table type ip size 100k expire 30s store http_req_rate(10s)
    http-request track-sc0 src
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 100000000 }}
    http-request deny if internal
    http-request set-header X-Forwarded-Proto http
    use_backend others if is_static or mobile
    http-response del-header Server

frontend sni
    mode tcp
    bind 127.0.0.1:{sni}
    tcp-request inspect-delay 5s
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    use_backend passed if {{ req.ssl_sni -i www.example.com 127.0.0.1 }}

frontend tls-ec
    bind 127.0.0.1:{tls-ec} ssl crt {folder}/ec.pem

frontend tls-rsa
    bind 127.0.0.1:{tls-rsa} ssl crt {folder}/rsa.pem

frontend reencrypt
    bind 127.0.0.1:{reencrypt}
    default_backend encrypted

backend passed
    mode tcp
    balance roundrobin
{passed}
backend encrypted
    balance roundrobin
{encrypted}"""

FULL = """\

frontend {name}
    bind 127.0.0.1:{port}{words}
    log global
    option httplog
    option forwardfor
    acl is_static path_beg /static
    acl internal src 10.0.0.0/8 192.168.0.0/16
    acl mobile req.hdr(User-Agent) -i -m sub mobile
    http-request deny if internal
    http-request set-header X-Forwarded-Proto http
    use_backend others if is_static or mobile
    http-response del-header Server
    default_backend {backend}
"""
MULTIPLEXED = """\

backend multiplexed
    balance roundrobin
{servers}"""
LARGE_HEAD = """\
global
    maxconn 4000

defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s

frontend web
    bind 127.0.0.1:18080
    default_backend app0
"""
PLAIN = ("http", "full", "rules", "tcp")  # frontends that need nobody who speaks TLS
FRONTENDS = (*PLAIN, "tls-full", "tls-ec", "tls-rsa", "reencrypt", "limited", "sni")
CLEAR_H2 = ("h2c", "h2-server", "grpc")  # of the variant "h2"
H2_FRONTENDS = (*CLEAR_H2, "tls-h2")

IDLE = """\
global
    nbthread 1
    maxconn 11000
    no strict-limits
    stats socket {socket} mode 600 level admin

defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s

frontend http
    bind 127.0.0.1:{http}{words}
    default_backend servers

backend servers
    balance roundrobin
{servers}"""


def nginx(folder: Path, ports: Sequence[int], secure: Sequence[int], multiplexed: Sequence[int]) -> str:
    """Its configuration: a server a port, which speaks TLS on another and HTTP/2 on a third, and a socket that tells
    how many requests were served."""
    servers = "".join(
        SERVER.format(port=port, secure=other, folder=folder, text=(SMALL % number).decode(), two=TWO, five=FIVE)
        for number, (port, other) in enumerate(zip(ports, secure, strict=True), 1)
    )
    servers += "".join(
        H2_SERVER.format(port=port, text=(SMALL % number).decode()) for number, port in enumerate(multiplexed, 1)
    )
    return NGINX.format(folder=folder, servers=servers)


def routes() -> str:
    """The use_backend rules: of ten, five ask for a path, four for a host, one by a regular expression."""
    lines = []
    for number in range(RULES - 1):
        kind = number % 10
        if kind == 4:
            condition = f"path_reg ^/v[0-9]+/area{number}(/|$)"
        elif kind % 2:
            condition = f"req.hdr(host) -i area{number}.example.com"
        else:
            condition = f"path_beg /area{number}/"
        lines.append(f"    use_backend servers if {{ {condition} }}\n")
    lines.append("    use_backend others if { path_beg /last/ }\n")
    return "".join(lines)


def server_lines(ports: Sequence[int], words: str = "") -> str:
    """`server` lines of a backend."""
    return "".join(f"    server s{number} 127.0.0.1:{port}{words}\n" for number, port in enumerate(ports, 1))


def configuration(
    lanes: int, folder: Path, log: int, ports: Mapping[str, int], servers: Sequence[int], secure: Sequence[int] = ()
) -> str:
    """What both programs read, with their own ports. `folder`: of the program, below that of the certificates.

    `secure`: ports of servers that speak TLS; none: nobody does.
    """
    text = CONFIGURATION + MORE if secure else CONFIGURATION
    return text.format(
        lanes=lanes,
        socket=folder / "stats.sock",
        folder=folder.parent,
        log=log,
        routes=routes(),
        servers=server_lines(servers),
        encrypted=server_lines(secure, " ssl verify none"),
        passed=server_lines(secure),
        **ports,
    )


def h2_configuration(folder: Path, ports: Mapping[str, int], multiplexed: Sequence[int] = ()) -> str:
    """What the variant "h2" has besides: the full configuration where clients, servers or both speak HTTP/2.

    Frontends that have no port are left out, and the backend, where there are no such servers.
    """
    words = {"h2c": " proto h2", "grpc": " proto h2", "tls-h2": f" ssl crt {folder}/ec.pem alpn h2,http/1.1"}
    text = "".join(
        FULL.format(
            name=name,
            port=ports[name],
            words=words.get(name, ""),
            backend="multiplexed" if name in ("grpc", "h2-server") else "servers",
        )
        for name in H2_FRONTENDS
        if name in ports
    )
    return text + MULTIPLEXED.format(servers=server_lines(multiplexed, " proto h2")) if multiplexed else text


def idle_configuration(socket: Path, port: int, servers: Sequence[int], words: str = "") -> str:
    """For many connections that are idle. `words` of its bind line."""
    return IDLE.format(socket=socket, http=port, words=words, servers=server_lines(servers))


def large_configuration(backends: int, servers: int) -> str:
    """A file to be checked: that many backends with that many servers each."""
    lines = [LARGE_HEAD]
    for number in range(backends):
        lines += [f"backend app{number}", "    balance roundrobin", "    option httpchk GET /health"]
        lines += [
            f"    server s{n} 10.{number >> 8}.{number & 255}.{n + 1}:8080 check inter 5s weight {n * 10 + 10}"
            for n in range(servers)
        ]
        lines.append("")
    return "\n".join(lines)
