"""What the load finds has a stable name: one mistake for each name."""

import pytest

from pointsman.verbs.lint import loading
from pointsman.verbs.lint.engine import Choice, lint
from pointsman.verbs.lint.rule import RULES, Level
from pointsman.verbs.lint.subject import examine
from pointsman.verbs.lint.text import Text

FRONT = "frontend www\n mode http\n bind :80\n timeout client 9s\n"
TCP = "frontend tls\n mode tcp\n bind :443\n timeout client 9s\n"
BACK = "backend app\n mode http\n timeout connect 5s\n timeout server 9s\n server one 192.0.2.1:80\n"
MISTAKES = {
    "rule-order": FRONT + " use_backend app if { path /a }\n http-request deny if { path /b }\n" + BACK,
    "missing-bind": "frontend www\n mode http\n timeout client 9s\n",
    "needs-http-mode": TCP + " option forwardfor\n",
    "http-rules-without-mode": "frontend www\n bind :80\n timeout client 9s\n http-request deny if { path /b }\n",
    "incompatible-mode": FRONT + " default_backend raw\nbackend raw\n mode tcp\n",
    "never-matches-here": FRONT + " http-request deny if { status 200 }\n",
    "acl-without-patterns": FRONT + " http-request deny if { path }\n",
    "empty-condition": FRONT + " http-request deny if\n",
    "wrong-side": FRONT + " balance source\n",
    "log-format-without-log": FRONT + " option httplog\n",
    "small-timeout": FRONT + " timeout http-request 10\n",
    "deprecated-word": FRONT + " clitimeout 9s\n",
    "removed-word": FRONT + " reqrep a b\n",
    "without-tls": FRONT.replace("bind :80", "bind :80 alpn h2"),
    "check-rules-without-option": BACK.replace(":80", ":80 check") + " http-check expect status 200\n",
    "overridden-line": "defaults d\n option tcplog\n log-format %ci\n" + FRONT,
    "layer4-on-http": FRONT + " tcp-request content accept if { req.ssl_hello_type 1 }\n",
    "missing-inspect-delay": TCP
    + " tcp-request content track-sc0 req.ssl_sni table app\n"
    + BACK
    + " stick-table type string size 1k\n",
    "missing-certificate": FRONT.replace("bind :80", "bind :80 ssl"),
    "missing-timeouts": FRONT.replace(" timeout client 9s\n", ""),
    "duplicate-name": BACK + BACK,
    "empty-word": FRONT + ' maxconn "${NOTHING_SETS_THIS}"\n',
    "local-peer": "peers others\n peer one 192.0.2.1:1024\n" + FRONT,
    "missing-line-feed": FRONT + " maxconn 10",
    "unknown-backend": FRONT + " default_backend none\n",
    "unknown-server": BACK + " use-server none if { path /a }\n",
    "unknown-userlist": FRONT + " http-request auth unless { http_auth(none) }\n",
    "unknown-acl": FRONT + " http-request deny if none\n",
    "unknown-section": "frontends www\n",
    "unknown-table": FRONT + " http-request track-sc0 src table none\n",
    "unreadable-file": FRONT + " errorfile 503 /nowhere/503.http\n",
    "not-supported": FRONT + " filter compression\n",
    "misplaced-word": "defaults\n bind :80\n",
    "unknown-word": FRONT + " blance\n",
    "no-effect": FRONT + " option splice-auto\n",
    "listen-address": "listen www :80\n mode http\n",
    "load-error": FRONT + " maxconn many\n",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_its_name(name: str) -> None:
    text = Text("haproxy.cfg", MISTAKES[name].encode())
    subject = examine(["haproxy.cfg"], {"haproxy.cfg": text})
    assert name in [loading.name_of(one) for one in subject.diagnostics.findings]
    assert name in [one.name for one in lint(subject, Choice()).reports]


def test_every_name_has_a_mistake() -> None:
    names = {name for name, _, _ in loading.ROWS}
    assert names - set(MISTAKES) == {"unreachable-rule", "unknown-name"}
    assert all(name in RULES for name in names)


def test_a_line_of_defaults_that_one_proxy_has_no_use_for_is_info() -> None:
    for text, level in (
        ("defaults\n option forwardfor\n" + TCP, Level.INFO),
        (MISTAKES["needs-http-mode"], Level.WARNING),
    ):
        subject = examine(["haproxy.cfg"], {"haproxy.cfg": Text("haproxy.cfg", text.encode())})
        assert [one.level for one in lint(subject, Choice()).reports if one.name == "needs-http-mode"] == [level]
