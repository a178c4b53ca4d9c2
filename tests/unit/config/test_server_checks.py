"""Words of server lines about checks and proxies on the way (manual 5.2): socks4, check-proto."""

from pathlib import Path

import pytest

from pointsman.cli import main

TEXT = """
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen a
    bind 127.0.0.1:1
    {rules}
    server s {words}
"""


def printed(words: str, rules: str, path: Path, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """What `-c` comes to."""
    path.write_text(TEXT.format(rules=rules, words=words), encoding="ascii")
    status = main(["-c", "-f", str(path)])
    return status, capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "rules", "message"),
    [
        ("127.0.0.1:2 socks4", "", "'server a/s' : 'socks4' : expects <addr>:<port> as argument"),
        ("127.0.0.1:2 socks4 127.0.0.1", "", "'socks4 127.0.0.1' : missing port specification in '127.0.0.1'"),
        ("127.0.0.1:2 socks4 127.0.0.1:+5", "", "'socks4 127.0.0.1:+5' : port offset not permitted here"),
        ("127.0.0.1:2 socks4 nosuch.invalid:5", "", "invalid address: 'nosuch.invalid' in 'nosuch.invalid:5'"),
        ("127.0.0.1:2 socks4 udp@127.0.0.1:5", "", "dgram-type address not acceptable in 'udp@127.0.0.1:5'"),
        ("[::1]:2 socks4 127.0.0.1:5", "", "its address is none of IPv4, and SOCKS4 knows no other"),
        ("/tmp/sock socks4 127.0.0.1:5", "", "its address is none of IPv4, and SOCKS4 knows no other"),
        ("127.0.0.1:2 check check-proto h1", "", "uses an incompatible MUX protocol for the selected check type"),
        ("127.0.0.1:2 check check-proto none", "option httpchk", "uses an incompatible MUX protocol"),
        ("127.0.0.1:2 check check-proto x", "", "unknown MUX protocol 'x'"),
        ("127.0.0.1:2 check check-proto h2", "", "uses an incompatible MUX protocol for the selected check type"),
    ],
)
def test_errors(words: str, rules: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, text = printed(words, rules, tmp_path / "test.cfg", capfd)
    assert status == 1
    assert message in text


@pytest.mark.parametrize(
    ("words", "rules"),
    [
        ("127.0.0.1:2 socks4 [::1]:1080 check check-via-socks4", ""),
        ("127.0.0.1:2 socks4 /tmp/proxy", ""),
        ("127.0.0.1:2 socks4 localhost:1080", ""),
        ("127.0.0.1:2 check check-via-socks4", ""),
        ("127.0.0.1:2 check check-reuse-pool no-check-reuse-pool", ""),
        ("127.0.0.1:2 check check-proto h1", "option httpchk"),
        ("127.0.0.1:2 check check-proto none", "option tcp-check"),
    ],
)
def test_what_loads(words: str, rules: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert printed(words, rules, tmp_path / "test.cfg", capfd) == (0, "")


def test_names_of_connections_have_no_effect(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = "127.0.0.1:2 check check-reuse-pool check-pool-conn-name x"
    status, text = printed(words, "option httpchk", tmp_path / "test.cfg", capfd)
    assert status == 0
    assert "'check-pool-conn-name' chooses among connections of traffic" in text


def test_rules_for_the_proxy(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a rule that names it where the line has none the connection is plain, as in HAProxy."""
    rules = "option tcp-check\n    tcp-check connect via-socks4"
    assert printed("127.0.0.1:2 check", rules, tmp_path / "test.cfg", capfd) == (0, "")
