"""The whole table of casts (manual 7.3): values of each type before what takes each type. Which pairs are accepted is
asked of the peer's check of a configuration, what comes of them of one process that evaluates all of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.oracle import Oracle, quoted
from support.programs import HAPROXY, peer_version

import pointsman.keywords
from pointsman.core.diagnostics import NOWHERE, ConfigError
from pointsman.core.words import Word
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.expression import parse_expression
from pointsman.sample.registry import FETCHES
from pointsman.sample.types import Type, Where

assert pointsman.keywords
pytestmark = pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")

VALUES = {  # expressions of each type, with what is odd of it
    Type.BOOL: ("bool(true)", "bool(false)"),
    Type.SINT: ("int(5)", "int(-1)", "int(0)", "int(3221225985)", "int(9223372036854775807)"),
    Type.IPV4: ("ipv4(192.0.2.1)", "ipv4(0.0.0.0)"),
    Type.IPV6: (
        "ipv6(2001:db8::1)",
        "ipv6(::ffff:192.0.2.1)",
        "ipv6(::192.0.2.1)",
        "ipv6(2002:c000:201::1)",
        "ipv6(::1)",
    ),
    Type.STR: (
        *("str(5)", "str(-5x)", "str(x)", "str()", "str(192.0.2.1)", "str(192.0.2)", "str(2001:db8::1)", "str(::1%lo)"),
        *(
            "str(::ffff:192.0.2.1)",
            'str(" 7")',
            "str(+7)",
            "str(0x10)",
            "str(99999999999999999999)",
            "str(true)",
            "str(1)",
        ),
    ),
    Type.BIN: ("bin(3132)", "bin(310032)", "bin(c0000201)", "bin(ff)"),
    Type.METH: ("meth(GET)", "meth(ODD)"),
    Type.ADDR: ("var(txn.address)",),
}
TAKERS = {  # converters by the type that they take
    Type.BOOL: "iif(yes,no)",
    Type.SINT: "add(0)",
    Type.ADDR: "ipmask(24,48)",
    Type.STR: "lower",
    Type.BIN: "base64",
}
PAIRS = [
    (given, wanted, value, f"{value},{taker}")
    for given, values in VALUES.items()
    for value in values
    for wanted, taker in TAKERS.items()
    if given is not Type.ADDR  # which has no constant: src is one, in test_fetches_as_the_peer_has_them
]


def accepted(text: str, folder: Path) -> bool:
    """Whether the peer takes that expression."""
    path = folder / "check.cfg"
    path.write_text(
        "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        f"frontend f\n bind 127.0.0.1:1\n http-request set-var(txn.x) {quoted(text)}\n http-request return status 200\n"
    )
    return (
        subprocess.run([*HAPROXY.command, "-c", "-q", "-f", str(path)], capture_output=True, check=False).returncode
        == 0
    )


def test_the_table_of_casts(tmp_path: Path) -> None:
    """Each type before each; what the peer refuses is refused here, and what it takes gives the same."""
    verdicts: dict[tuple[Type, Type], bool] = {}
    for given, wanted, _, text in PAIRS:
        if (given, wanted) not in verdicts:
            verdicts[given, wanted] = accepted(text, tmp_path)
            try:
                parse_expression(Word(text, NOWHERE), Where.HTTP_REQ)
                ours = True
            except ConfigError:
                ours = False
            assert ours == verdicts[given, wanted], text
    assert len(verdicts) == 7 * 5
    assert {True, False} == set(verdicts.values())
    asked = [text for given, wanted, _, text in PAIRS if verdicts[given, wanted]]
    ctx = Context(ProxyFacts("f", 2, True), Session(ListenerFacts("", 1)))
    mine = [parse_expression(Word(f"{text},hex", NOWHERE), Where.HTTP_REQ).get_bytes(ctx) for text in asked]
    folder = tmp_path / "h"
    folder.mkdir()
    with Oracle(asked, folder) as oracle:
        theirs = oracle.ask({"v": b"x"})
    shown = [None if one is None else one.hex().upper().encode() for one in theirs]
    assert {text: pair for text, *pair in zip(asked, shown, mine, strict=True) if pair[0] != pair[1]} == {}


def test_the_types_are_what_they_are_called() -> None:
    """So that each row above is one of its type."""
    for kind, values in VALUES.items():
        entry = FETCHES.get(values[0].partition("(")[0])
        assert entry is not None
        assert entry.type == kind or kind is Type.ADDR
