"""tune.ssl.cachesize, tune.ssl.lifetime, tune.ssl.force-private-cache (manual 3.2)."""

import pytest
from support.configs import good, only_error

from pointsman.config.tls_cache import SessionSettings, session_settings


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ("maxconn 10", SessionSettings(20_000, 300, False)),
        ("tune.ssl.cachesize 0", SessionSettings(0, 300, False)),
        ("tune.ssl.cachesize 100000", SessionSettings(100_000, 300, False)),
        ("tune.ssl.lifetime 10", SessionSettings(20_000, 10, False)),
        ("tune.ssl.lifetime 10m", SessionSettings(20_000, 600, False)),
        ("tune.ssl.lifetime 1100ms", SessionSettings(20_000, 2, False)),
        ("tune.ssl.lifetime 0", SessionSettings(20_000, 300, False)),
        ("tune.ssl.force-private-cache", SessionSettings(20_000, 300, True)),
        ("tune.ssl.cachesize 1\ntune.ssl.cachesize 7", SessionSettings(7, 300, False)),
    ],
)
def test_what_is_said(lines: str, settings: SessionSettings) -> None:
    assert session_settings(good("global", *lines.split("\n")).configuration.main) == settings


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("tune.ssl.cachesize", "'tune.ssl.cachesize' expects an integer argument."),
        ("tune.ssl.cachesize -1", "'tune.ssl.cachesize' expects a positive numeric value."),
        ("tune.ssl.cachesize 99999999999", "'tune.ssl.cachesize' expects a positive numeric value."),
        ("tune.ssl.cachesize 5 6", "'tune.ssl.cachesize' cannot handle unexpected argument '6'"),
        ("tune.ssl.cachesize x", "'x' is not"),
        ("tune.ssl.lifetime", "'tune.ssl.lifetime' expects ssl sessions <lifetime> in seconds as argument."),
        ("tune.ssl.lifetime -5", "'-5' is not a time"),
        ("tune.ssl.lifetime 5 6", "'tune.ssl.lifetime' cannot handle unexpected argument '6'"),
        (
            "tune.ssl.force-private-cache on",
            "'tune.ssl.force-private-cache' cannot handle unexpected argument 'on'",
        ),
    ],
)
def test_what_is_refused(line: str, error: str) -> None:
    assert error in only_error("global", line)
