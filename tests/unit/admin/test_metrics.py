"""Prometheus' metrics: what parameters mean, and that every metric stands on what this program knows."""

import pytest

import pointsman.keywords  # noqa: F401  # fills the registries
from pointsman.admin.columns import POSITIONS
from pointsman.admin.info import INFO_FIELDS
from pointsman.admin.metrics import ALL_SCOPES, QueryError, parse_query
from pointsman.admin.prometheus import COUNTER, METRIC_SCOPES, METRICS, NEWER, PROCESS_METRICS


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("", set(ALL_SCOPES)),
        ("a=b&c", set(ALL_SCOPES)),
        ("scope=*", set(ALL_SCOPES)),
        ("scope=", set()),
        ("scope=global", {"global"}),
        ("scope=global&scope=server", {"global", "server"}),
        ("scope=server&scope=", set()),
        ("scope=&scope=server", {"server"}),
        ("scope=%2a", set(ALL_SCOPES)),
        ("s%63ope=backend", {"backend"}),
        ("SCOPE=global", set(ALL_SCOPES)),
    ],
)
def test_scopes(text: str, scopes: set[str]) -> None:
    assert parse_query(text).scopes == scopes


@pytest.mark.parametrize("text", ["scope", "scope=x", "scope=global;no-maint", "scope=%zz", "scope=%1", "metrics", "%"])
def test_parameters_that_mean_nothing(text: str) -> None:
    with pytest.raises(QueryError):
        parse_query(text)


def test_names() -> None:
    query = parse_query("metrics=a,-b&metrics=c")
    assert [query.has(name) for name in "abcd"] == [True, False, True, False]
    query = parse_query("metrics=-b,")
    assert [query.has(name) for name in "abcd"] == [True, False, True, True]
    assert parse_query("no-maint=0&desc-labels").flags == {"no-maint", "desc-labels"}


def test_metrics_are_made_of_columns() -> None:
    """Names are used once in a scope, and only counters end as counters do."""
    for kind in METRIC_SCOPES:
        names = [metric.name for metric in (*METRICS, *NEWER) if kind in metric.kinds]
        assert len(set(names)) == len(names) > 10
    for metric in (*METRICS, *NEWER):
        assert metric.column in POSITIONS, metric
        assert metric.name.endswith("_total") == (metric.type == COUNTER), metric
    order = [POSITIONS[metric.column] for metric in METRICS]
    assert order == sorted(order)  # that of the columns, as HAProxy prints them


def test_metrics_of_the_process_are_fields_of_show_info() -> None:
    known = {field.name for field in INFO_FIELDS}
    missing = {name for _, name, _ in PROCESS_METRICS} - known
    assert missing == {"ZlibMemUsage", "MaxZlibMemUsage"}  # of a library that is not used: NaN, as in Debian's
