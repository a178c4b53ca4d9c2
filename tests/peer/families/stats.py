"""Counters by `show stat`, the statistics page and its protection."""

from __future__ import annotations

from support.actor import Close, End, Pause, Recv, Send
from support.scenario import Open, Scenario, Stat

from families.requests import get, request
from families.simple import simple

COUNTS = (
    "scur",
    "smax",
    "stot",
    "dreq",
    "ereq",
    "econ",
    "eresp",
    "hrsp_2xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "req_tot",
    "lbtot",
)
BASIC = "Authorization: Basic YWRtaW46c2VjcmV0"
OWN = "The statistics page is our own"
PAGE = "stats enable\nstats uri /stats\n"

SCENARIOS = [
    Scenario(
        name="counters after some requests",
        config=simple(front="http-request deny if { path /no }"),
        talk=[
            *(Send(get("/")), Recv(), Send(get("/no")), Recv(), Send(get("/2")), Recv()),
            *(Open(), Send(b"BAD\r\n\r\n"), Recv(), Close(), Pause(0.1)),
            Stat(".*", COUNTS),
        ],
        logs=4,
        expect=["web/FRONTEND: ", "req_tot=4", "dreq=1", "app/s1: "],
    ),
    Scenario(
        name="counters of failing servers",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    default_backend app
backend app
    retries 0
    server s1 {refused:x}
""",
        talk=[
            *(Send(get("/")), Recv()) * 3,
            Pause(0.05),
            Stat("app/.*", (*COUNTS, "wretr", "wredis", "weight", "act", "bck")),
        ],
        logs=3,
        expect=["econ=3", "hrsp_5xx=3"],
    ),
    Scenario(
        name="every identifying column",
        config=simple(front="maxconn 100", back="balance roundrobin"),
        talk=[
            Stat(
                ".*",
                (
                    "pxname",
                    "svname",
                    "status",
                    "weight",
                    "act",
                    "bck",
                    "pid",
                    "iid",
                    "sid",
                    "type",
                    "slim",
                    "qlimit",
                    "mode",
                    "algo",
                ),
            )
        ],
        logs=0,
        expect=["app/s1: pxname=app svname=s1 status=no check"],
    ),
    Scenario(
        name="statistics page",
        config=simple(front=PAGE),
        talk=[Send(request("HEAD", "/stats")), Recv(head_only=True), End(0.2)],
        expect=["HTTP/1.1 200 OK", "content-type: text/html", "cache-control: no-cache"],
        differs=OWN,
        ours=["content-type: text/html", "cache-control: no-cache", "content-security-policy: ", "(still open)"],
    ),
    Scenario(
        name="statistics page refreshes",
        config=simple(front=PAGE + "stats refresh 5s"),
        talk=[Send(request("HEAD", "/stats")), Recv(head_only=True), End(0.2)],
        expect=["refresh: 5"],
        differs="What `stats refresh` says stands in it",
        ours=["HTTP/1.1 200 OK", "content-type: text/html"],
    ),
    Scenario(
        name="statistics without credentials",
        config=simple(front=PAGE + "stats auth admin:secret\nstats realm Secret\\ Place"),
        talk=[Send(get("/stats")), Recv(), End(0.3)],
        expect=["HTTP/1.1 401 Unauthorized", 'www-authenticate: Basic realm="Secret Place"', "T/T/T/-1/T 400 B"],
        differs="the status that goes out is logged, and the connection may go on",
        ours=["HTTP/1.1 401 Unauthorized", 'www-authenticate: Basic realm="Secret Place"', "T/T/T/-1/T 401 B"],
    ),
    Scenario(
        name="statistics with wrong credentials",
        config=simple(front=PAGE + "stats auth admin:other"),
        talk=[Send(get("/stats", BASIC)), Recv(), End(0.3)],
        expect=["HTTP/1.1 401 Unauthorized", "T/T/T/-1/T 400 B"],
        differs="the status that goes out is logged, and the connection may go on",
        ours=["HTTP/1.1 401 Unauthorized", "T/T/T/-1/T 401 B"],
    ),
    Scenario(
        name="statistics with credentials",
        config=simple(front=PAGE + "stats auth admin:secret"),
        talk=[Send(request("HEAD", "/stats", BASIC)), Recv(head_only=True), End(0.2)],
        expect=["HTTP/1.1 200 OK"],
        differs=OWN,
        ours=["HTTP/1.1 200 OK", "content-security-policy: "],
    ),
    Scenario(
        name="statistics with an account without a colon",
        config=simple(front=PAGE + "stats auth admin"),
        talk=[
            Send(request("HEAD", "/stats", "Authorization: Basic YWRtaW46")),  # "admin:"
            Recv(head_only=True),
            End(0.2),
        ],
        expect=["HTTP/1.1 200 OK"],
        differs=OWN,
        ours=["HTTP/1.1 200 OK", "content-security-policy: "],
    ),
    Scenario(
        name="statistics as CSV",
        config=simple(front=PAGE),
        talk=[Send(request("HEAD", "/stats;csv")), Recv(head_only=True), End(0.2)],
        expect=["content-type: text/plain"],
        differs="To HEAD they are announced as to GET, with their framing; HAProxy leaves it out, and 3.2 closes",
        ours=["content-type: text/plain", "transfer-encoding: chunked", "(still open)"],
    ),
    Scenario(
        name="another path reaches the server beside the page",
        config=simple(front=PAGE),
        talk=[Send(get("/statistic")), Recv()],
        servers={},
        expect=["[length] 'a'"],
    ),
    Scenario(
        name="statistics page of a server that is asked by POST",
        config=simple(front=PAGE),
        talk=[Send(request("POST", "/stats", body=b"a=b")), Recv(), End(0.2)],
        expect=["HTTP/1.1 "],
    ),
]
