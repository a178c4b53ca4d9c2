"""Conditions behind "if", and the predicates of ".if": true or false, or ConfigError."""

from typing import Final

import pointsman.keywords  # noqa: F401  # fills the registries
from fuzz.exchange import exchange, text_of, words
from pointsman.config.conditionals import check_condition
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.acl import AclTable
from pointsman.sample.condition import parse_condition
from pointsman.sample.types import Where

SEEDS: Final = [
    b"a !b or { path_beg -i /a }",
    b"TRUE || !METH_GET",
    b"{ req.hdr(n) -m int gt 5 le 9 } ! a",
    b"{ src 127.0.0.0/8 ::1 } b",
    b"{ hdr(host),lower -m reg ^(www|a)\\. }",
    b"{ path -m end .c -- -x } or HTTP_1.1",
    b"{ acl(a,!b) }",
    b"{ req.ver 1.1:1.2 }",
    b"{ cook(s) -m found }",
    b"{ req.hdr(x) -m bin 61ff } { path_len 3: }",
    b'1 && !(streq(a,"b c") || 0)',
    b"defined(A) || version_atleast(2.6-dev1)",
    b"strstr(abc,b) && feature(OPENSSL)",
]
ACLS: Final = ("a path_beg /a", "b path_end c", "a method POST")


def table() -> AclTable:
    """What a section has declared before."""
    made = AclTable()
    for line in ACLS:
        made.declare(words(line))
    return made


def fuzz_one(data: bytes) -> None:
    text = text_of(data)
    try:
        assert check_condition(text, {"A": "x"}) in (True, False)
    except ConfigError as error:
        assert error.finding.render()
    try:
        condition = parse_condition(words(text), table(), Where.HTTP_REQ)
    except ConfigError as error:
        assert error.finding.render()
    else:
        assert condition.test(exchange()) in (True, False)
