"""Warnings of what rules ask of bytes in vain: those that haproxy 3.2 has for the same lines, and no others."""

from __future__ import annotations

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics

CONFIG = """\
defaults
    mode {mode}
    timeout client 1s
    timeout connect 1s
    timeout server 1s
frontend f
    bind 127.0.0.1:1
    acl named req.ssl_sni -m found
    {line}
    default_backend b
backend b
    server s 127.0.0.1:1
"""
IGNORED = "L6 sample fetches ignored on HTTP proxies"
BY_LUCK = "without any 'tcp-request inspect-delay' setting"


def warnings(mode: str, line: str) -> list[tuple[int, str]]:
    """Lines and messages."""
    diagnostics = Diagnostics()
    assemble(load_text(CONFIG.format(mode=mode, line=line), diagnostics), diagnostics)
    return [(one.position.line, one.message) for one in diagnostics.findings]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tcp-request content accept if named", IGNORED),
        ("tcp-request content accept if { req.ssl_hello_type 1 }", IGNORED),
        ("http-request deny if { req.len gt 5 }", IGNORED),
        ("use_backend b if { req.payload(0,1) -m found }", IGNORED),
        ("tcp-request content capture req.ssl_sni len 4", BY_LUCK),
        ("tcp-request content capture path len 4", BY_LUCK),
    ],
)
def test_in_http(line: str, said: str) -> None:
    [(at, message)] = warnings("http", line)
    assert at == 9
    assert said in message


@pytest.mark.parametrize(
    "line",
    [
        "tcp-request content accept if WAIT_END",
        "tcp-request content accept if HTTP",
        "tcp-request content capture src len 4",
        "tcp-request content accept if { path / }",
    ],
)
def test_what_is_not_in_vain(line: str) -> None:
    assert warnings("http", line) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tcp-request content accept if named", ""),
        ("use_backend b if { req.payload(0,1) -m found }", ""),
        ("tcp-request content capture req.ssl_sni len 4", BY_LUCK),
        ("tcp-request inspect-delay 1s\n    tcp-request content capture req.ssl_sni len 4", ""),
    ],
)
def test_in_tcp(line: str, said: str) -> None:
    found = warnings("tcp", line)
    assert len(found) == (1 if said else 0)
    assert all(said in message for _, message in found)
