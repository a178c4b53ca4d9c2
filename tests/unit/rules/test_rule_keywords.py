"""use_backend, default_backend, use-server, monitor-uri, monitor fail (manual 4.2)."""

import pytest
from rule_stand import error, exchange
from support.configs import good

from pointsman.rules.keywords import DefaultBackendLine, MonitorFailLine, MonitorUriLine, UseBackendLine, UseServerLine


def test_use_backend() -> None:
    first, second = good(
        "frontend", "mode http", "use_backend b if { path /path }", "use_backend b-%[path,field(2,/)] unless { path / }"
    ).proxy.all(UseBackendLine)
    ctx = exchange()
    assert (first.name.text, first.format, first.negated) == ("b", None, False)
    assert first.condition is not None
    assert first.condition.test(ctx)
    assert second.negated
    assert second.format is not None
    assert second.format.render(ctx) == b"b-path"


def test_a_name_with_a_literal_percent_is_no_format() -> None:
    (line,) = good("frontend", "mode http", "use_backend b%%").proxy.all(UseBackendLine)
    assert (line.name.text, line.format, line.condition) == ("b%%", None, None)


def test_default_backend() -> None:
    found = good("frontend", "default_backend a", "default_backend b").proxy.one(DefaultBackendLine)
    assert found is not None
    assert found.name.text == "b"


def test_use_server() -> None:
    (line,) = good("backend", "mode http", "use-server s%[path,field(2,/)] if TRUE").proxy.all(UseServerLine)
    assert line.format is not None
    assert line.format.render(exchange()) == b"spath"


def test_monitoring() -> None:
    loaded = good(
        "frontend",
        "mode http",
        "monitor-uri /alive",
        "monitor fail if { path /path }",
        "monitor fail unless { path /path }",
    )
    uri = loaded.proxy.one(MonitorUriLine)
    assert uri is not None
    assert uri.uri == b"/alive"
    assert [one.condition.test(exchange()) != one.negated for one in loaded.proxy.all(MonitorFailLine)] == [True, False]


@pytest.mark.parametrize(
    "kind, line, message, column",
    [
        ("frontend", "use_backend", "'use_backend' expects <backend>", 12),
        ("frontend", "use_backend b foo", "'use_backend' cannot handle unexpected argument 'foo'", 15),
        ("frontend", "use_backend %[nope]", "unknown fetch method 'nope'", 15),
        ("frontend", "default_backend", "'default_backend' expects <backend>", 16),
        ("frontend", "default_backend b if TRUE", "'default_backend' cannot handle unexpected argument 'if'", 19),
        ("backend", "use-server", "'use-server' expects <server>", 11),
        ("backend", "use-server s", "'use-server' expects either 'if' or 'unless' followed by a condition", 13),
        ("backend", "use-server s foo", "'use-server' expects either 'if' or 'unless' followed by a condition", 14),
        ("frontend", "monitor-uri", "'monitor-uri' expects <uri>", 12),
        ("frontend", "monitor-uri /x y", "'monitor-uri' cannot handle unexpected argument 'y'", 16),
        ("frontend", "monitor fail", "'monitor fail' expects 'if' or 'unless' and a condition", 13),
        ("frontend", "monitor fail foo", "'monitor fail' expects 'if' or 'unless' and a condition", 14),
    ],
)
def test_errors(kind: str, line: str, message: str, column: int) -> None:
    assert error(line, kind=kind) == (message, column)
