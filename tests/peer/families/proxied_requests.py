"""option http-use-proxy-header: who asks a proxy (the target is neither a path nor "*") is asked in a proxy's fields.

What the manual says of Proxy-Connection neither 2.6 nor 3.2 does: it passes like any other field."""

from __future__ import annotations

from support.actor import Recv, Send, Step
from support.scenario import Scenario

from families.requests import get, request
from families.simple import simple

USERS = "userlist u\n    user me insecure-password secret\n"
FRONT = """
option http-use-proxy-header
http-request auth realm here if { path_beg /auth } !{ http_auth(u) }
http-request set-header x-seen %[http_auth_user]/%[http_auth_type]/%[http_auth_bearer]
http-request set-header x-bearer %[http_auth_bearer(Authorization)]
"""
BASIC = "Basic bWU6c2VjcmV0"
HEADS = [
    (),
    (f"Proxy-Authorization: {BASIC}",),
    (f"Authorization: {BASIC}",),
    (f"Proxy-Authorization: {BASIC}", "Authorization: Bearer aa"),
    (f"Authorization: {BASIC}", "Proxy-Authorization: Bearer pp"),
]


def _talk(*requests: bytes) -> list[Step]:
    return [step for one in requests for step in (Send(one), Recv())]


AUTH = [get(target, *lines) for target in ("/auth", "http://h/auth") for lines in HEADS]
SEEN = [get(target, *lines) for target in ("/x", "http://h/x") for lines in HEADS]
SEEN += [request("OPTIONS", "*", *lines) for lines in HEADS]
STATS = [get("http://h/s")]
SCENARIOS = [
    Scenario(
        name="auth",
        config=USERS + simple(front=FRONT),
        talk=_talk(*AUTH),
        logs=len(AUTH),
        expect=[
            "HTTP/1.1 407 Unauthorized\n",
            'proxy-authenticate: Basic realm="here"\n',
            "HTTP/1.1 401 Unauthorized\n",
            'www-authenticate: Basic realm="here"\n',
            "GET http://h/auth HTTP/1.1\n",
        ],
    ),
    Scenario(
        name="what is said",
        config=USERS + simple(front=FRONT),
        talk=_talk(*SEEN),
        logs=len(SEEN),
        expect=["x-seen: me/Basic/\n", "x-seen: /Bearer/pp\n", "x-bearer: aa\n"],
    ),
    Scenario(
        name="without the option",
        config=USERS + simple(front=FRONT.replace("option http-use-proxy-header", "")),
        talk=_talk(*AUTH, *SEEN),
        logs=len(AUTH) + len(SEEN),
        expect=["x-seen: me/Basic/\n"],
    ),
    Scenario(
        name="the statistics page",
        config=simple(front="option http-use-proxy-header\nstats uri /s\nstats auth me:secret"),
        talk=_talk(*STATS),
        logs=len(STATS),
        expect=['proxy-authenticate: Basic realm="HAProxy Statistics"\n', "T/T/T/-1/T 400 B"],
        differs="the status that goes out is logged, and the connection may go on",
        ours=['proxy-authenticate: Basic realm="HAProxy Statistics"\n', "T/T/T/-1/T 407 B"],
    ),
    Scenario(
        name="proxy-connection",
        config=simple(front="option http-use-proxy-header"),
        talk=_talk(
            get("http://h/x", "Proxy-Connection: close"),
            get("http://h/x", "Proxy-Connection: keep-alive, x-a", "X-A: 1"),
            get("http://h/x", "Proxy-Connection: close", "Connection: keep-alive"),
        ),
        logs=3,
        expect=["proxy-connection: close\n", "proxy-connection: keep-alive, x-a\n"],
    ),
]
