"""The keywords of balancing: what they accept, what they say, what is built."""

from dataclasses import dataclass

import pytest

import pointsman.keywords
from pointsman.balance.build import build
from pointsman.balance.first import First
from pointsman.balance.hashed import Hashed, Ring
from pointsman.balance.hashing import MAXCONN, hashing_of
from pointsman.balance.leastconn import LeastConn
from pointsman.balance.random_draws import Random
from pointsman.balance.registry import Balance
from pointsman.balance.roundrobin import RoundRobin, StaticRoundRobin
from pointsman.config.load import load_text
from pointsman.config.setting import Section
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.server.algorithm import Algorithm

assert pointsman.keywords


@dataclass
class Read:
    section: Section
    algorithm: Algorithm
    diagnostics: Diagnostics

    def messages(self, severity: Severity) -> list[str]:
        return [one.message for one in self.diagnostics.findings if one.severity == severity]


def read(*lines: str, mode: str = "http", defaults: tuple[str, ...] = ()) -> Read:
    text = "defaults\n " + "\n ".join([f"mode {mode}", *defaults]) + "\nbackend b\n " + "\n ".join(lines) + "\n"
    found = Diagnostics()
    section = load_text(text, found).proxies[0]
    return Read(section, build(section, mode == "http", found), found)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("balance", RoundRobin),
        ("balance roundrobin", RoundRobin),
        ("balance static-rr", StaticRoundRobin),
        ("balance leastconn", LeastConn),
        ("balance first", First),
        ("balance random", Random),
        ("balance source", Hashed),
        ("balance uri depth 2 len 9 whole path-only", Hashed),
        ("balance url_param x", Hashed),
        ("balance hdr(host) use_domain_only", Hashed),
        ("balance hash src,ipmask(24)", Hashed),
    ],
)
def test_each_algorithm_is_built(line: str, kind: type[Algorithm]) -> None:
    built = read(line)
    assert type(built.algorithm) is kind
    assert built.diagnostics.findings == []


def test_without_a_word_it_is_random_with_two_draws() -> None:
    built = read("")
    assert isinstance(built.algorithm, Random)
    assert built.algorithm.draws == 2


def test_draws() -> None:
    built = read("balance random(3)", "hash-balance-factor 150")
    assert isinstance(built.algorithm, Random)
    assert (built.algorithm.draws, built.algorithm.factor) == (3, 150)


def test_the_kinder_spelling() -> None:
    built = read("balance random", "random draw 4")
    assert isinstance(built.algorithm, Random)
    assert built.algorithm.draws == 4
    assert built.messages(Severity.WARNING) == ["'random draw 4' is read as 'balance random(4)': write that instead"]
    assert built.messages(Severity.ALERT) == []
    alone = read("random draw 1", defaults=("balance random",))
    assert isinstance(alone.algorithm, Random)
    assert alone.algorithm.draws == 1


def test_defaults_count_and_the_last_line_wins() -> None:
    assert type(read(defaults=("balance leastconn",)).algorithm) is LeastConn
    assert type(read("balance first", defaults=("balance leastconn",)).algorithm) is First
    assert type(read("balance first", "balance static-rr").algorithm) is StaticRoundRobin


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("balance roundrobbin", "unknown balance algorithm 'roundrobbin'"),
        ("balance rdp-cookie()", "balance rdp-cookie : missing cookie name."),
        ("balance rdp-cookie(x", "'balance rdp-cookie' : unexpected '(x'"),
        ("balance rdp-cookies", "unknown balance algorithm 'rdp-cookies'"),
        ("balance sticky", "'balance sticky' is not built yet and needs 'mode log' (manual 4.2, balance)"),
        ("balance log-hash field(1)", "'balance log-hash' is not built yet and needs 'mode log' (manual 4.2, balance)"),
        (
            "balance url_param x check_post 64",
            "'check_post' of 'balance url_param' is not built yet (manual 4.2, balance)",
        ),
        ("balance url_param", "balance url_param requires an URL parameter name."),
        ("balance url_param x y", "balance url_param only accepts 'check_post' modifier (got 'y')."),
        ("balance uri len", "balance uri : 'len' expects a positive integer (got '')."),
        ("balance uri depth 0", "balance uri : 'depth' expects a positive integer (got '0')."),
        (
            "balance uri deep",
            "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got 'deep').",
        ),
        ("balance hdr()", "balance hdr requires an http header field name."),
        ("balance hdr", "balance hdr requires an http header field name."),
        ("balance hdr(x) y", "balance hdr(x) only accepts 'use_domain_only' modifier (got 'y')."),
        ("balance hdr(x", "'balance hdr' : unexpected '(x'"),
        ("balance source(x)", "'balance source' : unexpected '(x)'"),
        ("balance random(0)", "balance random : number of draws must be at least 1."),
        ("balance random(x)", "balance random : 'x' is not a number"),
        ("balance hash", "balance hash requires a sample expression."),
        ("balance hash nosuch", "unknown fetch method 'nosuch'"),
        ("hash-type foo", "'hash-type': unknown method 'foo'"),
        ("hash-type", "'hash-type' expects <method>"),
        ("hash-type consistent foo", "'hash-type': unknown function 'foo'"),
        ("hash-type consistent sdbm foo", "'hash-type': unknown modifier 'foo'"),
        ("hash-type avalanche", "experimental feature 'hash-type avalanche' is not supported anymore"),
        ("hash-balance-factor 100", "'hash-balance-factor' must be 0 or greater than 100."),
        ("hash-balance-factor x", "'hash-balance-factor': 'x' is not a number"),
        ("hash-preserve-affinity no", "'hash-preserve-affinity': unknown method 'no'"),
        ("random draw 0", "'random': '0' is not a number"),
        ("random walk", "'random': unknown parameter 'walk'"),
    ],
)
def test_errors(line: str, message: str) -> None:
    built = read(line)
    assert built.messages(Severity.ALERT) == [message]
    [finding] = [one for one in built.diagnostics.findings if one.severity == Severity.ALERT]
    assert finding.position.line == 4


def test_draw_needs_random() -> None:
    assert read("balance leastconn", "random draw 2").messages(Severity.ALERT) == [
        "'random draw' under 'balance leastconn'"
    ]


def test_superfluous_arguments_are_told() -> None:
    built = read("balance leastconn now please")
    assert type(built.algorithm) is LeastConn
    assert built.messages(Severity.WARNING) == [
        "'balance leastconn' takes no argument 'now please': it has no effect, remove it"
    ]


@pytest.mark.parametrize("line", ["balance uri", "balance hdr(host)", "balance url_param x"])
def test_http_keys_need_http(line: str) -> None:
    built = read(line, mode="tcp")
    assert type(built.algorithm) is RoundRobin
    assert built.messages(Severity.WARNING) == [
        "Layer 7 hash not possible for backend 'b' (needs 'mode http'). Falling back to round robin."
    ]


def test_hash_types() -> None:
    plain = hashing_of(read("balance source").section)
    assert (plain.consistent, plain.function(b"ab"), plain.avalanche) == (False, 97 * 65599 + 98, False)
    bare = hashing_of(read("hash-type consistent").section)
    assert (bare.consistent, bare.function(b"a"), bare.avalanche) == (True, 97, True)
    named = hashing_of(
        read("hash-type consistent djb2", "hash-balance-factor 125", "hash-preserve-affinity maxconn").section
    )
    assert (named.consistent, named.function(b"a"), named.avalanche) == (True, 177670, False)
    assert (named.factor, named.affinity) == (125, MAXCONN)
    mixed = hashing_of(read("hash-type map-based crc32 avalanche").section)
    assert (mixed.consistent, mixed.avalanche) == (False, True)


def test_a_ring_is_built() -> None:
    built = read("balance uri", "hash-type consistent", "hash-balance-factor 150")
    assert isinstance(built.algorithm, Hashed)
    assert isinstance(built.algorithm.table, Ring)
    assert (built.algorithm.factor, built.algorithm.avalanche) == (150, True)
    assert built.diagnostics.findings == []


def test_a_factor_without_a_ring_is_noticed() -> None:
    built = read("balance uri", "hash-balance-factor 150")
    assert built.messages(Severity.NOTICE) == [
        "'hash-balance-factor' has no effect on backend 'b' without 'hash-type consistent'"
    ]


def test_what_a_balance_line_says() -> None:
    chosen = read("balance hash req.hdr(x-id),lower").section.one(Balance)
    assert chosen is not None
    assert chosen.text == "hash req.hdr(x-id),lower"
    assert chosen.make.expression is not None
    assert chosen.make.expression.converters == ["lower"]
