"""Warnings that an operator needs: both programs give them for the same file, in the same words."""

import re
from pathlib import Path

import pytest
from support.programs import POINTSMAN, Kind, finished

DEFAULTS = """defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
"""
RULES = {
    "monitor fail": "monitor fail if FALSE",
    "http-request": "http-request allow if FALSE",
    "redirect": "redirect location / if FALSE",
    "use_backend": "use_backend b if FALSE",
    "use-server": "use-server s if FALSE",
    "http-response": "http-response allow if FALSE",
    "http-after-response": "http-after-response allow if FALSE",
    "default_backend": "default_backend b",
}
ORDER = ("monitor fail", "http-request", "redirect", "use_backend")
BELOW = "a '{}' rule placed after {} '{}' rule will still be processed before."
NEEDS_HTTP = "'{}' ignored for proxy 'l' as it requires HTTP mode."


def warnings(kind: Kind, text: str, folder: Path) -> list[str]:
    """What the program warns of, without places and process numbers; the file itself is sound."""
    (folder / "a.cfg").write_text(text)
    printed = finished(kind, ["-c", "-f", "a.cfg"], folder)[1]
    assert "[ALERT]" not in printed, printed
    found = re.findall(r"^\[WARNING\] *\(\d+\) : (.*)$", printed, re.M)
    return [re.sub(r"^(config : )?(parsing \[[^]]*\] ?: )?", "", line) for line in found]


def listen(*lines: str, mode: str = "http") -> str:
    return (
        f"{DEFAULTS}backend b\n    server s 127.0.0.1:1\nlisten l\n    mode {mode}\n    bind 127.0.0.1:1\n"
        "    server s 127.0.0.1:1\n" + "".join(f"    {line}\n" for line in lines)
    )


def test_rules_below_those_of_a_later_family(peer: Kind, tmp_path: Path) -> None:
    for first, line in RULES.items():
        for second, other in RULES.items():
            wrong = (
                second in ORDER
                and (first == "use-server" or (first in ORDER and ORDER.index(first) > ORDER.index(second)))
                and {first, second} != {"use_backend", "use-server"}
            )
            article = "an" if first.startswith("http") else "a"
            expected = [BELOW.format(second, article, first)] if wrong else []
            if peer is POINTSMAN or wrong:  # not all pairs twice: each is a program's start
                assert warnings(peer, listen(line, other), tmp_path) == expected, (first, second)


def test_the_nearest_of_several_families_is_named(peer: Kind, tmp_path: Path) -> None:
    text = listen(
        *(
            RULES[name]
            for name in ("redirect", "use_backend", "use-server", "http-request", "http-request", "monitor fail")
        )
    )
    assert warnings(peer, text, tmp_path) == [BELOW.format("http-request", "a", "redirect")] * 2 + [
        BELOW.format("monitor fail", "an", "http-request")
    ]


@pytest.mark.parametrize(
    "name",
    [
        "forwardfor",
        "originalto",
        "http-buffer-request",
        "http-ignore-probes",
        "http-pretend-keepalive",
        "idle-close-on-response",
        "prefer-last-server",
    ],
)
def test_options_of_http_in_mode_tcp(peer: Kind, tmp_path: Path, name: str) -> None:
    expected = [NEEDS_HTTP.format(f"option {name}")]
    assert warnings(peer, listen(f"option {name}", mode="tcp"), tmp_path) == expected
    inherited = listen(mode="tcp").replace("mode http\n", f"mode http\n    option {name}\n", 1)
    assert warnings(peer, inherited, tmp_path) == expected
    assert warnings(peer, listen(f"option {name}"), tmp_path) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("capture cookie x len 3", "'capture' statement ignored for proxy 'l' as it requires HTTP mode."),
        ("stats enable", "'stats' statement ignored for proxy 'l' as it requires HTTP mode."),
        ("redirect location /", "'redirect' rules ignored for proxy 'l' as they require HTTP mode."),
        ("http-request deny", "'http-request' rules ignored for proxy 'l' as they require HTTP mode."),
        ("http-response deny", "'http-response' rules ignored for proxy 'l' as they require HTTP mode."),
        ("balance uri", "Layer 7 hash not possible for proxy 'l' (needs 'mode http'). Falling back to round robin."),
    ],
)
def test_statements_of_http_in_mode_tcp(peer: Kind, tmp_path: Path, line: str, message: str) -> None:
    assert warnings(peer, listen(line, mode="tcp"), tmp_path) == [message]


def test_monitor_uri_in_mode_tcp(tmp_path: Path) -> None:
    # In 3.5's words; 2.6 says "will be ignored for proxy 'l' (needs 'mode http')".
    assert warnings(POINTSMAN, listen("monitor-uri /x", mode="tcp"), tmp_path) == [
        "'monitor-uri' statement ignored for proxy 'l' as it requires HTTP mode."
    ]


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Content-Type"])
@pytest.mark.parametrize(
    "rule",
    [
        "http-request return status 200 content-type text/plain string x",
        "http-request deny status 403",
        "http-error status 404 content-type text/plain string x",
    ],
)
def test_headers_that_a_reply_has_by_itself(peer: Kind, tmp_path: Path, rule: str, name: str) -> None:
    assert warnings(peer, listen(f"{rule} hdr {name} 9 hdr x y"), tmp_path) == [
        f"header '{name}' always ignored by the http reply."
    ]


@pytest.mark.parametrize("lines", ["frontend f\n    default_backend b", "listen f\n    server s 127.0.0.1:1"])
def test_a_frontend_without_bind(peer: Kind, tmp_path: Path, lines: str) -> None:
    title = "frontend 'f'" if lines.startswith("frontend") else "proxy 'f'"
    expected = [f"{title} has no 'bind' directive. Please declare it as a backend if this was intended."]
    assert warnings(peer, f"{listen()}{lines}\n", tmp_path) == expected
    assert warnings(peer, f"{listen()}{lines}\n    disabled\n", tmp_path) == []


FORMATS = ("option httplog", "option httplog clf", "option tcplog", "option httpslog", "log-format %ci")


@pytest.mark.parametrize("first", FORMATS)
def test_a_second_format_in_defaults(tmp_path: Path, first: str) -> None:
    # As 3.5 has it; 2.6 knows fewer of these.
    for second in FORMATS:
        text = f"{DEFAULTS}    {first}\n    {second}\nbackend b\n    server s 127.0.0.1:1\n"
        later, before = (line.removesuffix(" %ci") for line in (second, first))
        assert warnings(POINTSMAN, text, tmp_path) == [
            f"'{later}' overrides previous '{before}' in 'defaults' section."
        ]


def test_a_second_format_in_a_frontend_is_meant(peer: Kind, tmp_path: Path) -> None:
    text = listen("log 127.0.0.1:514 local0", "option httplog", "option tcplog", "log-format %ci", "option httplog")
    assert warnings(peer, text, tmp_path) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("http-request deny if { req.len gt 5 }", True),
        ("http-request deny if REQ_CONTENT", True),
        ("http-request deny if { req.payload(0,1) -m found }", True),
        ("http-request deny if RDP_COOKIE", True),
        ("tcp-request content reject if { req_ssl_sni a }", True),
        ("http-response deny if { res.len gt 5 }", True),
        ("use-server s if { req.ssl_hello_type 1 }", True),
        ("http-request deny if HTTP !WAIT_END", False),
        ("http-request deny if { path / }", False),
    ],
)
def test_bytes_in_mode_http(peer: Kind, tmp_path: Path, line: str, told: bool) -> None:
    """HAProxy says behind it where the rule stands; here it is what the message points at."""
    text = listen(line)
    said = [message.partition(" (declared")[0].rstrip(".") for message in warnings(peer, text, tmp_path)]
    assert said == ["Proxy 'l': L6 sample fetches ignored on HTTP proxies"] * told
    if not line.startswith("http-re"):
        assert warnings(peer, listen(line, mode="tcp"), tmp_path) == []
