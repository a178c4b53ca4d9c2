"""`stick-table` lines (manual 11.1)."""

import pytest
from support.configs import good, section

from pointsman.config.stick_table import StickTableLine
from pointsman.core.diagnostics import Finding, Severity
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_types import BY_NAME, DATA_TYPES, KeyType, Stored


def only_error(*lines: str) -> Finding:
    found = [one for one in section("backend", *lines).diagnostics.findings if one.severity == Severity.ALERT]
    assert len(found) == 1
    return found[0]


def table(line: str) -> StickTableOptions:
    found = good("backend", f"stick-table {line}").proxy.one(StickTableLine)
    assert found is not None
    return found.options


@pytest.mark.parametrize(
    ("words", "kind", "size"),
    [
        ("ip", KeyType.IPV4, 4),
        ("ipv4", KeyType.IPV4, 4),
        ("ipv6", KeyType.IPV6, 16),
        ("integer", KeyType.INTEGER, 4),
        ("string", KeyType.STRING, 31),  # haproxy 2.6 and 3.2 cut a key of 40 characters to 31
        ("string len 5", KeyType.STRING, 5),
        ("binary", KeyType.BINARY, 32),
        ("binary len 4", KeyType.BINARY, 4),
    ],
)
def test_types(words: str, kind: KeyType, size: int) -> None:
    options = table(f"type {words} size 10")
    assert (options.type, options.key_size, options.type_name) == (kind, size, words.split(maxsplit=1)[0])


def test_defaults() -> None:
    options = table("type ip size 1m")
    assert options.size == 1 << 20  # suffixes are binary (manual 2.6)
    assert (options.expire, options.nopurge, options.server_key, options.write_to) == (0, False, "name", "")
    assert (options.receive_only, options.rates_factor, options.peers, options.store) == (False, 1, "", ())


def test_everything() -> None:
    options = table(
        "size 5k nopurge recv-only write-to other srvkey addr brates-factor 1024 expire 30s "
        "store gpc0,conn_rate(10s) store gpt(3),gpc_rate(2,1m), type ipv6"
    )
    assert (options.size, options.expire, options.nopurge) == (5120, 30_000, True)
    assert (options.receive_only, options.write_to, options.server_key) == (True, "other", "addr")
    assert options.rates_factor == 1024
    assert options.store == (
        Stored(BY_NAME["gpc0"]),
        Stored(BY_NAME["conn_rate"], period=10_000),
        Stored(BY_NAME["gpt"], count=3),
        Stored(BY_NAME["gpc_rate"], count=2, period=60_000),
    )


def test_each_data_type() -> None:
    for one in DATA_TYPES:
        arguments = ["2"] * one.array + ["10s"] * one.period
        word = f"{one.name}({','.join(arguments)})" if arguments else one.name
        assert table(f"type ip size 1 store {word}").store == (
            Stored(one, 2 if one.array else 1, 10_000 if one.period else 0),
        )


@pytest.mark.parametrize(
    ("line", "message", "offending"),  # the text that is underlined; "": behind the line
    [
        ("stick-table", "stick-table: missing size.", ""),
        ("stick-table type", "stick-table: unknown type ''.", ""),
        ("stick-table type ip", "stick-table: missing size.", ""),
        ("stick-table size 10", "stick-table: missing type.", ""),
        ("stick-table type foo size 10", "stick-table: unknown type 'foo'.", "foo"),
        ("stick-table type IP size 10", "stick-table: unknown type 'IP'.", "IP"),
        ("stick-table type ip size", "stick-table: missing argument after 'size'.", ""),
        ("stick-table type ip size 0", "stick-table: missing size.", ""),
        ("stick-table type ip size abc", "'abc' is not a size", "abc"),
        ("stick-table type ip size 5g", "stick-table: '5g' is out of range for 'size'.", "5g"),
        ("stick-table type string len size 10", "'len' expects a positive integer argument.", "size"),
        ("stick-table type binary len 0 size 10", "'len' expects a positive integer argument.", "0"),
        ("stick-table type string len", "'len' expects a positive integer argument.", ""),
        ("stick-table type ip len 5 size 10", "stick-table: unknown argument 'len'.", "len"),
        ("stick-table type ip size 10 expire", "stick-table: missing argument after 'expire'.", ""),
        ("stick-table type ip size 10 expire abc", "'abc' is not a time", "abc"),
        (
            "stick-table type ip size 10 expire 30d",
            "timer overflow in '30d'",
            "30d",
        ),
        ("stick-table type ip size 10 store", "stick-table: missing argument after 'store'.", ""),
        (
            "stick-table type ip size 10 store conn_rat(1s)",
            "stick-table: unknown store option 'conn_rat'.",
            "conn_rat(1s)",
        ),
        ("stick-table type ip size 10 store gpc0,foo", "stick-table: unknown store option 'foo'.", "foo"),
        ("stick-table type ip size 10 store gpc0,,gpc1", "stick-table: unknown store option ''.", ","),
        (
            "stick-table type ip size 10 store conn_rate",
            "stick-table: missing argument to store option 'conn_rate'.",
            "conn_rate",
        ),
        (
            "stick-table type ip size 10 store conn_rate()",
            "stick-table: error when processing store option 'conn_rate'.",
            "conn_rate()",
        ),
        (
            "stick-table type ip size 10 store conn_rate(0)",
            "stick-table: the period of store option 'conn_rate' must not be 0.",
            "conn_rate(0)",
        ),
        (
            "stick-table type ip size 10 store conn_rate(30d)",
            "stick-table: error when processing store option 'conn_rate'.",
            "conn_rate(30d)",
        ),
        (
            "stick-table type ip size 10 store conn_rate(10s",
            "stick-table: missing closing parenthesis after store option 'conn_rate'.",
            "conn_rate(10s",
        ),
        (
            "stick-table type ip size 10 store conn_rate(10s)x",
            "stick-table: unexpected 'x' behind store option 'conn_rate'.",
            "x",
        ),
        (
            "stick-table type ip size 10 store conn_cnt(1)",
            "stick-table: unexpected argument to store option 'conn_cnt'.",
            "conn_cnt(1)",
        ),
        (
            "stick-table type ip size 10 store gpc(0)",
            "stick-table: array size is out of allowed range (1-100) for store option 'gpc'.",
            "gpc(0)",
        ),
        (
            "stick-table type ip size 10 store gpc(101)",
            "stick-table: array size is out of allowed range (1-100) for store option 'gpc'.",
            "gpc(101)",
        ),
        ("stick-table type ip size 10 store gpc", "stick-table: missing argument to store option 'gpc'.", "gpc"),
        (
            "stick-table type ip size 10 store gpc_rate(2)",
            "stick-table: missing argument to store option 'gpc_rate'.",
            "gpc_rate(2)",
        ),
        (
            "stick-table type ip size 10 store gpc_rate(2,1s,3)",
            "stick-table: too many arguments to store option 'gpc_rate'.",
            "gpc_rate(2,1s,3)",
        ),
        (
            "stick-table type ip size 10 store gpc0,gpc(2)",
            "stick-table: simultaneous usage of 'gpc' and 'gpc[0/1]' in a same table is not permitted as 'gpc' "
            "overrides 'gpc[0/1]'.",
            "gpc(2)",
        ),
        (
            "stick-table type ip size 10 store gpc_rate(2,1s),gpc1_rate(1s)",
            "stick-table: simultaneous usage of 'gpc_rate' and 'gpc[0/1]_rate' in a same table is not permitted as "
            "'gpc_rate' overrides 'gpc[0/1]_rate'.",
            "gpc1_rate(1s)",
        ),
        (
            "stick-table type ip size 10 store gpt(1),gpt0",
            "stick-table: simultaneous usage of 'gpt' and 'gpt0' in a same table is not permitted as 'gpt' overrides "
            "'gpt0'.",
            "gpt0",
        ),
        (
            "stick-table type ip size 10 brates-factor 0",
            "stick-table: argument 'brates-factor' must be greater than 0 and lower or equal than 1024.",
            "0",
        ),
        ("stick-table type ip size 10 brates-factor", "stick-table: missing argument after 'brates-factor'.", ""),
        ("stick-table type ip size 10 srvkey", "stick-table: unknown server key type ''.", ""),
        ("stick-table type ip size 10 srvkey nam", "stick-table: unknown server key type 'nam'.", "nam"),
        ("stick-table type ip size 10 write-to", "stick-table: write-to requires table name.", ""),
        ("stick-table type ip size 10 peers", "stick-table: missing argument after 'peers'.", ""),
        ("stick-table type ip size 10 expires 3", "stick-table: unknown argument 'expires'.", "expires"),
    ],
)
def test_errors(line: str, message: str, offending: str) -> None:
    found = only_error(line)
    assert found.message == message
    at = found.position
    assert at.text[at.column - 1 : at.column - 1 + at.length] == offending


def test_the_nearest_word_is_named() -> None:
    for line, near in (
        ("stick-table type ip size 10 expires 3", "expire"),
        ("stick-table type ip size 10 store http_req_rat(1s)", "http_req_rate"),
        ("stick-table type intger size 10", "integer"),
    ):
        assert f"did you mean '{near}'?" in only_error(line).hint


def test_what_is_said_twice_counts_once() -> None:
    loaded = good("backend", "stick-table type ip size 1 store conn_cnt,conn_cnt")
    assert loaded.warnings == ["stick-table: store option 'conn_cnt' already enabled, ignored."]
    line = loaded.proxy.one(StickTableLine)
    assert line is not None
    assert line.options.store == (Stored(BY_NAME["conn_cnt"]),)


def test_a_name_has_one_table() -> None:
    lines = ("stick-table type ip size 1", "stick-table type ip size 2")
    message = only_error(*lines).message
    assert message.startswith("stick-table name '") and "conflicts with table declared in backend '" in message
