"""Words that are refused for good, where users meet them."""

import pytest
from support.configs import only_error

from pointsman.admin.command import unknown
from pointsman.core.refused import refusal


@pytest.mark.parametrize(
    ("kind", "line", "said"),
    [
        (
            "global",
            "51degrees-data-file /x",
            "'51degrees-data-file' is not supported: it needs the proprietary library of "
            "51Degrees, which may not be linked here",
        ),
        (
            "global",
            "wurfl-data-file /x y",
            "'wurfl-data-file' is not supported: it needs the proprietary library of "
            "ScientiaMobile (WURFL), which may not be linked here",
        ),
        (
            "global",
            "ssl-engine x algo ALL",
            "'ssl-engine' is not supported: OpenSSL has dropped engines for providers, "
            "and HAProxy is built without them: openssl.cnf names providers",
        ),
        ("global", "nbproc 2", "The 'nbproc' directive is not supported anymore since HAProxy 2.5."),
        (
            "backend",
            "filter opentracing id x",
            "'filter opentracing' is not supported: HAProxy has removed it; its successor is 'opentelemetry'",
        ),
        (
            "backend",
            "acl x internal.htx.used gt 5",
            "fetch method 'internal.htx.used' is not supported: it looks into "
            "HAProxy's own form of messages (HTX), which does not exist here",
        ),
        (
            "backend",
            "acl x path,da-csv-conv(a) b",
            "converter 'da-csv-conv' is not supported: it needs the proprietary "
            "library of DeviceAtlas, which may not be linked here",
        ),
    ],
)
def test_errors(kind: str, line: str, said: str) -> None:
    assert only_error(kind, line) == said


def test_commands() -> None:
    assert unknown(["debug", "dev", "panic", "now"]).startswith("'debug dev' is not supported: it looks into")
    assert unknown(["debug", "counters"]).startswith("Unknown command")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("global", "51degrees"),
        ("fetch", "internal"),
        ("proxy", "filter trace"),
        ("converter", "fs.debug_str"),
        ("global", "ssl-engines"),
    ],
)
def test_what_is_not_refused(kind: str, word: str) -> None:
    assert refusal(kind, word) == ""
