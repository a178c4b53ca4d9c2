"""Lines of do-resolve (manual 4.4); messages are those of the peer program (3.2)."""

import pytest
from support.configs import read

from pointsman.assemble import assemble
from pointsman.core.diagnostics import Severity
from pointsman.rules.do_resolve import PATIENCE, DoResolve
from pointsman.rules.rule import Rule

TEXT = """
resolvers d
    nameserver n 127.0.0.1:53
    timeout retry 300ms
    resolve_retries 4
frontend f
    mode http
    timeout client 1s
    bind 127.0.0.1:1
    {line}
"""
EXPECTS = "Expects 'do-resolve(<varname>,<resolvers>[,<options>]) <expr>'. Available options are 'ipv4' and 'ipv6'."


def alerts(line: str) -> list[str]:
    loaded = read(TEXT.replace("{line}", line))
    if not loaded.diagnostics.failed:
        assemble(loaded.configuration, loaded.diagnostics).reactor.epoll.close()
    return [one.message for one in loaded.diagnostics.findings if one.severity == Severity.ALERT]


@pytest.mark.parametrize(
    "line, family",
    [
        ("http-request do-resolve(txn.ip,d) hdr(Host),host_only if TRUE", b"6"),
        ("http-request do-resolve(txn.ip,d,ipv4) src", b"4"),
        ("http-request do-resolve(sess.ip,d,ipv4,ipv6) str(a)", b"6"),
        ("tcp-request content do-resolve(req.ip,d,) str(a)", b"6"),
    ],
)
def test_lines(line: str, family: bytes) -> None:
    loaded = read(TEXT.replace("{line}", line))
    live = assemble(loaded.configuration, loaded.diagnostics)
    assert [one.message for one in loaded.diagnostics.findings if one.severity == Severity.ALERT] == []
    (rule,) = loaded.configuration.proxies[0].all(Rule)
    assert isinstance(rule.action, DoResolve)
    assert rule.action.prefix == b"d\0" + family
    assert rule.action.time == 4 * 2 * 300 + PATIENCE
    live.reactor.epoll.close()


@pytest.mark.parametrize(
    "line, message",
    [
        ("do-resolve(txn.ip) str(a)", f"Can't parse 'do-resolve(txn.ip)'. {EXPECTS}"),
        ("do-resolve(txn.ip,) str(a)", f"Can't parse 'do-resolve(txn.ip,)'. {EXPECTS}"),
        ("do-resolve(,d) str(a)", f"Can't parse 'do-resolve(,d)'. {EXPECTS}"),
        ("do-resolve(txn.ip,d,ipv5) str(a)", f"Can't parse 'do-resolve(txn.ip,d,ipv5)'. {EXPECTS}"),
        ("do-resolve(txn.ip,e) str(a)", "Proxy 'f': Can't find resolvers section 'e' for do-resolve action."),
        ("do-resolve(txn.ip,d)", "'http-request do-resolve(txn.ip,d)' expects <expr>"),
        ("do-resolve(txn.ip,d) nosuch", "unknown fetch method 'nosuch'"),
    ],
)
def test_lines_that_are_wrong(line: str, message: str) -> None:
    found = alerts(f"http-request {line}")
    assert len(found) == 1 and message in found[0], found
