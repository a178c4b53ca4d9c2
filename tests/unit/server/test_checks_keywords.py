"""The keywords of health checks: errors in the words of HAProxy 2.6, and how rules of sections add up."""

import pytest

import pointsman.keywords
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.server.checks.http_request import render_request
from pointsman.server.checks.plan import CheckPlan, make_plan
from pointsman.server.checks.steps import Connect, Expect, Remark, SendData, SendRequest, SetVariable, UnsetVariable

assert pointsman.keywords


def read(lines: str, defaults: str = "") -> tuple[CheckPlan, Diagnostics]:
    text = ""
    if defaults:
        text = "defaults\n " + defaults.replace("|", "\n ") + "\n"
    found = Diagnostics()
    configuration = load_text(text + "backend b\n " + lines.replace("|", "\n ") + "\n", found)
    return make_plan(configuration.proxies[0], found, 0, 0), found


def messages(found: Diagnostics, severity: Severity) -> list[str]:
    return [one.message for one in found.findings if one.severity == severity]


FIRST = (
    "first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', when "
    "there is a 'connect' step in the tcp-check ruleset."
)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("option httpchk a b HTTP/1.1 d e", "'option httpchk' cannot handle unexpected argument 'e'."),
        ("option httpchk GET / HTTP/2.0", "'option httpchk' : version 'HTTP/2.0' is not one that checks can send"),
        ("http-check disable-on-404 x", "'http-check disable-on-404' cannot handle unexpected argument 'x'"),
        ("option log-health-checks x", "'option log-health-checks' cannot handle unexpected argument 'x'"),
        ("http-check expect", "'http-check expect' : expects at least a matching pattern as arguments."),
        ("http-check expect string", "'http-check expect' : 'string' expects a <pattern> as argument."),
        ("http-check expect status 2x", "'http-check expect' : invalid character 'x' in the list of status codes."),
        ("http-check expect status 200-", "'http-check expect' : wrong format of the list of status codes."),
        ("http-check expect hdr", "'http-check expect' : 'hdr' expects 'name' or 'name-lf' with a pattern."),
        ("http-check expect hdr name -m foo x", "'http-check expect': unknown method 'foo'"),
        (
            "http-check expect hdr name-lf -m reg x",
            "'http-check expect' : 'name-lf' : a log-format cannot be a regular expression.",
        ),
        (
            "http-check expect foo",
            "'http-check expect' : 'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', "
            "'[!]rstatus', [!]hdr, [!]fhdr or comment but got 'foo' as argument.",
        ),
        (
            "http-check expect binary 00",
            "'http-check expect' : 'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', "
            "'[!]rstatus', [!]hdr, [!]fhdr or comment but got 'binary' as argument.",
        ),
        ("http-check expect comment x", "'http-check expect' : expects a matching pattern."),
        (
            "http-check send foo",
            "'http-check send' : expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or "
            "'body-lf' but got 'foo' as argument.",
        ),
        ("http-check send hdr a", "'http-check send' : 'hdr' expects <name> and <value> as arguments."),
        ("http-check send hdr Host a hdr host b", "'http-check send' : 'host' header already defined."),
        ("http-check send hdr a:b c", "'http-check send' : invalid header name 'a:b'"),
        ("http-check send meth", "'http-check send' : 'meth' expects a string as argument."),
        (
            "http-check connect port 0",
            "'http-check connect' : expects a valid TCP port (from range 1 to 65535) or a sample expression, got 0.",
        ),
        (
            "http-check connect foo",
            "'http-check connect' : expects 'comment', 'port', 'addr', 'send-proxy', 'via-socks4', 'ssl', 'sni', "
            "'alpn', 'linger', 'proto' or 'default' but got 'foo' as argument.",
        ),
        ("http-check connect sni", "'http-check connect' : 'sni' expects a string as argument."),
        ("http-check connect alpn", "'http-check connect' : 'alpn' : missing the comma-delimited ALPN protocol suite"),
        (
            "http-check connect proto qmux",
            "'http-check connect' : 'proto' : protocol 'qmux' is not built yet (manual 4.2, http-check connect)",
        ),
        ("http-check connect addr foo", "'http-check connect' : 'addr' : invalid address: 'foo' in 'foo'"),
        ("http-check comment", "'http-check comment' : expects a string as argument."),
        ("http-check expect status 200|http-check connect", f"'http-check connect' : {FIRST}"),
        (
            "http-check connect|http-check expect status 200",
            "'http-check expect' : unable to add http-check expect rule at step 2 (missing send rule).",
        ),
        (
            "http-check expect status 200|http-check send hdr a b",
            "'http-check send' : unable to add http-check send rule at step 2 (missing connect rule).",
        ),
        ("tcp-check send x|tcp-check connect", f"'tcp-check connect' : {FIRST}"),
        ("tcp-check send", "'tcp-check send' : 'send' expects a string as argument."),
        ("tcp-check send x foo", "'tcp-check send' : expects 'comment' but got 'foo' as argument."),
        (
            "tcp-check send-binary 123",
            "'tcp-check send-binary' : '123' invalid binary string (an even number of hex digit is expected).",
        ),
        (
            "tcp-check expect binary 1x",
            "'tcp-check expect' : '1x' invalid binary string (an even number of hex digit is expected).",
        ),
        (
            "tcp-check expect status 200",
            "'tcp-check expect' : 'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]rbinary', "
            "'[!]string-lf', '[!]binary-lf' or comment' but got 'status' as argument.",
        ),
        (
            "tcp-check expect min-recv -2 string x",
            "'tcp-check expect' : 'min-recv' expects -1 or an integer from 0 to INT_MAX.",
        ),
        (
            "tcp-check expect ok-status foo string x",
            "'tcp-check expect' : 'ok-status' only supports 'L4OK', 'L6OK', 'L7OK' or 'L7OKC' status (got 'foo').",
        ),
        ("tcp-check set-var(check.x)", "'tcp-check set-var(check.x)' expects <expr>"),
        ("tcp-check set-var int(1)", "'tcp-check set-var' : missing variable name"),
        ("tcp-check set-var() int(1)", "'tcp-check set-var()' : missing variable name"),
        ("tcp-check set-var(check.x,foo) int(1)", 'unknown condition "foo"'),
        ("http-check set-var-fmt(check.x)", "'http-check set-var-fmt(check.x)' expects <fmt>"),
        ("http-check unset-var(check.x) y", "'http-check unset-var(check.x)' cannot handle unexpected argument 'y'"),
        (
            "http-check connect proto none",
            "'http-check connect' : 'proto' : invalid MUX protocol 'none' for http-check.",
        ),
        ("tcp-check connect proto h1", "'tcp-check connect' : 'proto' : invalid MUX protocol 'h1' for tcp-check."),
        ("tcp-check connect proto x", "'tcp-check connect' : 'proto' : unknown MUX protocol 'x'."),
        ("http-check expect status 310-300", "'http-check expect' : invalid range of status codes '310-300'."),
        ("tcp-check comment", "'tcp-check comment' : expects a string as argument."),
    ],
)
def test_errors(lines: str, message: str) -> None:
    _, found = read(lines + "|option httpchk|option tcp-check")
    assert messages(found, Severity.ALERT) == [message]


def test_a_regular_expression_is_checked() -> None:
    _, found = read("option tcp-check|tcp-check expect rstring (")
    assert len(messages(found, Severity.ALERT)) == 1
    assert messages(found, Severity.ALERT)[0].startswith("regex '(' is invalid")


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (
            "http-check send hdr a b",
            "backend 'b' uses http-check rules without 'option httpchk', so the rules are ignored.",
        ),
        (
            "option httpchk|tcp-check connect",
            "backend 'b' uses tcp-check rules without 'option tcp-check', so the rules are ignored.",
        ),
        (
            "option httpchk GET / HTTP/1.1\\r\\nHost:\\ x",
            "'option httpchk' : hiding headers or body at the end of the version string is deprecated. "
            "Please, consider to "
            "use 'http-check send' directive instead.",
        ),
    ],
)
def test_warnings(lines: str, warning: str) -> None:
    _, found = read(lines)
    assert messages(found, Severity.WARNING) == [warning]


def test_both_options_one_counts() -> None:
    plan, found = read("option tcp-check|tcp-check send x|option httpchk")
    assert plan.http
    assert messages(found, Severity.WARNING) == []


def kinds(plan: CheckPlan) -> list[type]:
    return [type(step) for step in plan.steps]


def test_what_is_implied() -> None:
    assert kinds(read("")[0]) == [Connect]
    assert kinds(read("option tcp-check|tcp-check send x")[0]) == [Connect, SendData]
    assert kinds(read("option httpchk")[0]) == [Connect, SendRequest, Expect]
    assert kinds(read("option httpchk|http-check connect")[0]) == [Connect, SendRequest, Expect]
    plan, _ = read("option httpchk|http-check comment a|http-check connect|http-check comment b|http-check send")
    assert kinds(plan) == [Remark, Connect, Remark, SendRequest, Expect]
    assert [step.comment for step in plan.steps] == ["a", "a", "b", "b", ""]


def request(lines: str, defaults: str) -> bytes:
    plan, found = read(lines, defaults)
    assert messages(found, Severity.ALERT) == []
    [step] = [step for step in plan.steps if isinstance(step, SendRequest)]
    return render_request(step, Context(ProxyFacts("b", 2, True), Session(ListenerFacts("", 0))))


@pytest.mark.parametrize(
    ("defaults", "lines", "expected"),
    [
        (
            "option httpchk GET /d HTTP/1.1|http-check send hdr a b",
            "http-check send hdr c d",
            b"OPTIONS / HTTP/1.0\r\nc: d\r\n\r\n",
        ),
        (
            "option httpchk GET /d|http-check send hdr a b",
            "option httpchk PUT /e",
            b"PUT /e HTTP/1.0\r\ncontent-length: 0\r\n\r\n",
        ),
        ("option httpchk GET /d|http-check send hdr a b", "balance first", b"GET /d HTTP/1.0\r\na: b\r\n\r\n"),
        ("http-check send hdr a b", "option httpchk PUT /e", b"PUT /e HTTP/1.0\r\ncontent-length: 0\r\n\r\n"),
    ],
)
def test_own_rules_replace_those_of_the_defaults(defaults: str, lines: str, expected: bytes) -> None:
    """All of them, the request of the option's line included, as the program does."""
    assert request(lines, defaults) == expected


def test_flags_are_inherited() -> None:
    plan, _ = read("option httpchk", "http-check disable-on-404|http-check send-state|option log-health-checks")
    assert (plan.disable_on_404, plan.send_state, plan.log_all) == (True, True, True)
    plan, _ = read("no option log-health-checks", "option log-health-checks")
    assert not plan.log_all


def test_the_old_trick() -> None:
    plan, _ = read("option httpchk POST / HTTP/1.1\\r\\nHost:\\ x\\r\\nY:z\\r\\n\\r\\nbody")
    [step] = [step for step in plan.steps if isinstance(step, SendRequest)]
    context = Context(ProxyFacts("b", 2, True), Session(ListenerFacts("", 0)))
    assert render_request(step, context) == (
        b"POST / HTTP/1.1\r\nhost: x\r\ny: z\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "option tcp-check|tcp-check set-var(txn.x) int(1)",
            "'tcp-check set-var(txn.x)' : variables of the scope 'txn' do not exist in health checks, so the rule has "
            "no effect.",
        ),
        (
            "option tcp-check|tcp-check expect status-code res.payload(0,3) string x",
            "'tcp-check expect' : 'status-code' : 'res.payload(0,3)' never becomes a number, so it changes nothing.",
        ),
    ],
)
def test_what_has_no_effect_says_so(lines: str, message: str) -> None:
    found = read(lines)[1]
    assert messages(found, Severity.ALERT) == []
    assert message in messages(found, Severity.WARNING)


def test_variables_may_stand_before_the_first_connect() -> None:
    plan, found = read(
        "option tcp-check|tcp-check set-var(check.x) int(1)|tcp-check connect|tcp-check unset-var(check.x)"
    )
    assert found.findings == []
    assert [type(step) for step in plan.steps] == [SetVariable, Connect, UnsetVariable]
    assert [step.number for step in plan.steps] == [1, 2, 3]
