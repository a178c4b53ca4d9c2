"""Expressions (a fetch and its converters): a value of bytes or none, or ConfigError."""

from typing import Final

import pointsman.keywords  # noqa: F401  # fills the registries
from fuzz.exchange import exchange, text_of, word
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Where

SEEDS: Final = [
    b"path,lower,field(2,/)",
    b"req.hdr(host,-1),word(1,.),length",
    b"src,ipmask(24,64)",
    b"str(\"a,b\"),regsub('(a)',\\1,g)",
    b"int(-5),add(3),mul(2),hex",
    b"bin(4142),base64,url_enc",
    b"date(0),utime(%Y)",
    b"acl(TRUE,!FALSE)",
    b"url_param(d),json_query('$.a'),iif(x,y)",
    b"res.cook(s),crc32(1),mod(7)",
    b"str(x),hmac(sha1,eA==),hex",
    b"str(01020304),bytes(1,2),digest(sha256),xxh64",
    b"ipv6(2001:db8::1),concat(a,txn.b,c)",
    b"str(%41+),url_dec(1)",
]


def fuzz_one(data: bytes) -> None:
    try:
        expression = parse_expression(word(text_of(data)), Where.EVERYWHERE)
    except ConfigError as error:
        assert error.finding.render()
        return
    ctx = exchange()
    value = expression.get_bytes(ctx)
    assert value is None or isinstance(value, bytes)
    assert len(expression.values(ctx)) <= 1 or expression.many
