"""What fetches, converters and log tags declare that they read is all that can change what they give.

Each is asked about exchanges that differ in one thing (support/contract.py). What it does not declare changes nothing;
what it declares changes something, so that a declaration with one bit less would be found.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

import pytest
from support.contract import (
    USERS,
    VARIANTS,
    Phase,
    Variant,
    belongs,
    covered,
    exchange,
    look,
    still,
    word,
)

from pointsman.core.crypt import cipher
from pointsman.core.tls import MISSING
from pointsman.sample.acl import AclTable
from pointsman.sample.context import Context
from pointsman.sample.converter.tables import ELEMENTS as ELEMENTS_OF_KEYS
from pointsman.sample.converter.tables import VALUES as OF_KEYS
from pointsman.sample.expression import Expression, parse_expression
from pointsman.sample.fetch.tables import CLEARED, COUNTED, ELEMENTS, VALUES
from pointsman.sample.head import split_list
from pointsman.sample.registry import CONVERTERS, FETCHES, fetch_with
from pointsman.sample.source import NO_LINES, OWN, SPLIT, WHOLE, Source
from pointsman.sample.tag import TAGS
from pointsman.sample.types import Reads, Type, Value, Where

_FIELD: Final = ("x-a", "x-a,1", "")
_COOKIE: Final = ("c", "")
_NAMES: Final = ("", "|")
# The arguments of fetches, each name with all that are telling. What takes none has no line.
ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "accept_date": ("", "ms"),
    "acl": ("METH_GET", "HTTP_1.0", "!LOCALHOST", "HTTP_CONTENT"),
    **dict.fromkeys(("avg_queue", "be_conn", "be_conn_free", "be_sess_rate", "connslots", "nbsrv"), ("", "back")),
    "queue": ("", "back"),
    "bin": ("00ff",),
    "bool": ("true",),
    "int": ("7",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "meth": ("GET",),
    "str": ("text",),
    "env": ("PATH",),
    **dict.fromkeys(("capture.req.hdr", "capture.res.hdr"), ("0",)),
    **dict.fromkeys(("cook", "cook_cnt", "req.cook", "req.cook_cnt", "cookie", "set-cookie"), _COOKIE),
    **dict.fromkeys(("scook", "scook_cnt", "res.cook", "res.cook_cnt"), _COOKIE),
    **dict.fromkeys(("cook_val", "req.cook_val", "scook_val", "res.cook_val"), ("n", "")),
    **dict.fromkeys(("req.cook_names", "res.cook_names", "req.hdr_names", "res.hdr_names"), _NAMES),
    "date": ("", "5,ms"),
    "dump_all_vars": ("", "txn", "req", "res", "proc,con", "sess,,;"),
    **dict.fromkeys(("fe_conn", "fe_req_rate", "fe_sess_rate"), ("", "front")),
    **dict.fromkeys(("hdr", "shdr", "req.hdr", "res.hdr", "req.fhdr", "res.fhdr"), _FIELD),
    **dict.fromkeys(("hdr_cnt", "req.hdr_cnt", "req.fhdr_cnt"), ("x-a", "another", "")),
    **dict.fromkeys(("shdr_cnt", "res.hdr_cnt", "res.fhdr_cnt"), ("x-a", "another", "")),
    **dict.fromkeys(("hdr_ip", "req.hdr_ip", "shdr_ip", "res.hdr_ip"), ("x-ip", "x-ip,1")),
    **dict.fromkeys(("hdr_val", "req.hdr_val", "shdr_val", "res.hdr_val"), ("x-n", "x-n,-1")),
    "http_auth": (USERS,),
    "http_auth_group": (USERS,),
    "http_auth_bearer": ("", "x-token"),
    **dict.fromkeys(("payload", "req.payload", "res.payload"), ("0,2", "1,0")),
    **dict.fromkeys(("payload_lv", "req.payload_lv", "res.payload_lv"), ("3,2", "3,2,0")),
    **dict.fromkeys(("rdp_cookie", "rdp_cookie_cnt", "req.rdp_cookie", "req.rdp_cookie_cnt"), ("", "MstsHash")),
    **dict.fromkeys(("fc_rtt", "fc_rttvar", "bc_rtt", "bc_rttvar"), ("", "us")),
    **dict.fromkeys(("fc_unacked", "fc_sacked", "fc_retrans", "fc_fackets", "fc_lost", "fc_reordering"), ("",)),
    "query": ("", "with_qm"),
    "rand": ("", "100"),
    "req.body_param": ("p", "Q,i", ""),
    "request_date": ("", "us"),
    **dict.fromkeys(("srv_conn", "srv_conn_free", "srv_is_up", "srv_iweight", "srv_queue"), ("back/s1", "s1")),
    **dict.fromkeys(("srv_sess_rate", "srv_uweight", "srv_weight"), ("back/s1", "s1")),
    **dict.fromkeys(("url_param", "urlp"), ("a", "s,;", "A,,i", "")),
    "urlp_val": ("b", ""),
    "uuid": ("4", "7"),
    "var": ("txn.one", "req.one", "res.one,none", "sess.one", "proc.contract"),
    **dict.fromkeys((f"ssl_fc_{name}" for name in ("cipherlist_bin", "cipherlist_str", "eclist_bin")), ("", "1")),
    **dict.fromkeys((f"ssl_fc_{name}" for name in ("extlist_bin", "cipherlist_hex", "sigalgs_bin")), ("", "1")),
    "ssl_fc_supported_versions_bin": ("", "1"),
    **dict.fromkeys((f"ssl_{one}_{name}" for one in "cfs" for name in ("i_dn", "s_dn")), ("", "CN", "CN,2")),
    "ssl_c_r_dn": ("", "CN"),
    "ssl_c_policies": ("", "1.2.3.4"),
    "fc_pp_tlv": ("0xe0", "SSL", "AUTHORITY"),
}
_COUNTERS: Final = (*VALUES, *COUNTED, *CLEARED)
_INDEXED: Final = (*ELEMENTS, "inc_gpc", "clr_gpc")
ARGUMENTS.update(
    {
        **{f"sc{number}_{name}": ("", "t") for name in (*_COUNTERS, "tracked", "trackers") for number in range(3)},
        **{f"sc_{name}": ("3", "0,t") for name in (*_COUNTERS, "tracked", "trackers")},
        **{f"src_{name}": ("t",) for name in (*_COUNTERS, "updt_conn_cnt")},
        **{f"sc_{name}": ("1,4", "1,3,a") for name in _INDEXED},
        **{f"src_{name}": ("1,a",) for name in _INDEXED},
        "sc1_clr_gpc": ("1,a",),
        "sc_key": ("0",),
        **dict.fromkeys(("table_avl", "table_cnt"), ("t",)),
    }
)
_ZERO: Final = "AAAAAAAAAAAAAAAAAAAAAA=="  # 16 bytes
_SEALED: Final = cipher("aes-128-gcm", True, bytes(16), b"secret", b"a", b"", b"")
_HIDDEN, _TAG = (_SEALED[0].hex(), b64encode(_SEALED[1]).decode()) if isinstance(_SEALED, tuple) else ("", _ZERO)
_SIGNATURE: Final = hmac.new(b"c2VjcmV0", b"e30.e30", "sha256").digest()
_TOKEN: Final = "e30.e30." + urlsafe_b64encode(_SIGNATURE).rstrip(b"=").decode()
_GIVES: Final = {"": "number", "_int": "number", "_ip": "address", "_key": "number"}  # what the maps' values are
# Converters, each name with expressions in which it yields something.
CONVERTED: Final[dict[str, tuple[str, ...]]] = {
    **{name: (f"int(12),{name}(5)", f"int(12),{name}(txn.n)") for name in ("add", "and", "div", "mod", "mul", "or")},
    **{name: (f"int(12),{name}(5)", f"int(12),{name}(txn.n)") for name in ("sub", "xor")},
    "x509_v_err_str": ("int(10),x509_v_err_str",),
    "add_item": ('str(a),add_item(",",txn.one)', 'str(a),add_item(",",,b)'),
    **{name: (f"int(12),{name}",) for name in ("bool", "cpl", "even", "htonl", "neg", "not", "odd")},
    "b64dec": ("str(YWJj),b64dec",),
    "ub64dec": ("str(YWJj),ub64dec",),
    **{name: (f"bin(616263),{name}",) for name in ("base2", "base64", "hex", "sha1", "ub64enc")},
    **{name: (f"bin(616263),{name}", f"bin(616263),{name}(1)") for name in ("crc32", "crc32c", "djb2", "sdbm", "wt6")},
    **{name: (f"bin(616263),{name}", f"bin(616263),{name}(1)") for name in ("xxh3", "xxh32", "xxh64")},
    "aes_cbc_dec": (f"str(a),aes_cbc_enc(128,{_ZERO},{_ZERO}),aes_cbc_dec(128,{_ZERO},{_ZERO})",),
    "aes_cbc_enc": (f"str(a),aes_cbc_enc(128,{_ZERO},{_ZERO})",),
    "aes_gcm_dec": (f"bin({_HIDDEN}),aes_gcm_dec(128,txn.key,{_ZERO},{_TAG})",),
    "aes_gcm_enc": (f"str(a),aes_gcm_enc(128,txn.key,{_ZERO},txn.one)",),
    "jwt_decrypt_cert": ("str(a),jwt_decrypt_cert(txn.one)",),
    "jwt_decrypt_jwk": ("""str(a),jwt_decrypt_jwk('{"kty":"oct","k":"AAAA"}')""",),
    "jwt_decrypt_secret": ("str(a),jwt_decrypt_secret(AAAA)",),
    "jwt_header_query": ("str(e30.e30.),jwt_header_query",),
    "jwt_payload_query": ("str(e30.e30.),jwt_payload_query",),
    "jwt_verify": ("str(e30.e30.AA),jwt_verify(HS256,secret)", f"str({_TOKEN}),jwt_verify(HS256,txn.key)"),
    "jwt_verify_cert": ("str(e30.e30.AA),jwt_verify_cert(RS256,txn.one)",),
    "debug": ("str(a),debug(,stderr)",),
    "fe_exists": ("str(front),fe_exists", "str(none),fe_exists"),
    "nbsrv": ("str(back),nbsrv",),
    "protobuf": ("bin(0805),protobuf(1)", "bin(0805),protobuf(1,int32)"),
    "srv_is_up": ("str(back/s1),srv_is_up", "str(s1),srv_is_up"),
    "srv_queue": ("str(back/s1),srv_queue", "str(s1),srv_queue"),
    "ungrpc": ("bin(00000000020805),ungrpc(1)", "bin(00000000020805),ungrpc(1,int32)"),
    "when": ("str(a),when(normal)", "str(a),when(!stopping)", "str(a),when(acl,HTTP_1.1)", "str(a),when(!acl,FALSE)"),
    "sha2": ("bin(616263),sha2", "bin(616263),sha2(512)"),
    "be2dec": ('bin(0102),be2dec(":",1)',),
    "le2dec": ('bin(0102),le2dec(":",1)',),
    "be2hex": ('bin(0102),be2hex(":",1)',),
    "bytes": ("bin(010203),bytes(1)", "bin(010203),bytes(0,txn.n)"),
    "capture-req": ("str(a),capture-req(0)",),
    "capture-res": ("str(a),capture-res(0)",),
    "concat": ('str(a),concat("<",txn.one,">")',),
    "cut_crlf": ("str(a),cut_crlf",),
    "date": ('str("Sun, 06 Nov 1994 08:49:37 GMT"),date',),
    "digest": ("bin(616263),digest(sha256)",),
    "hmac": ("bin(616263),hmac(sha256,c2VjcmV0)", "bin(616263),hmac(sha256,txn.key)"),
    "field": ("str(a b),field(1, )",),
    "word": ("str(a b),word(2, )",),
    "has_ctl": ("bin(0a),has_ctl",),
    "hex2i": ("str(ff),hex2i",),
    "host_only": ("str(a:80),host_only",),
    "port_only": ("str(a:80),port_only",),
    "http_date": ("int(1000),http_date", "int(1000),http_date(5,ms)"),
    "iif": ("bool(true),iif(a,b)",),
    "ipmask": ("ipv4(192.0.2.77),ipmask(24)", "src,ipmask(24,48)"),
    "json": ("str(a),json(utf8)",),
    "json_query": ("str('{\"a\":1}'),json_query('$.a')",),
    "language": ("str(de),language(de;en)",),
    "length": ("str(abc),length",),
    "lower": ("str(ABC),lower",),
    "upper": ("str(abc),upper",),
    "ltrim": ("str(abc),ltrim(a)",),
    "rtrim": ("str(abc),rtrim(c)",),
    **{name: (f"int(1000),{name}(%s)", f"int(1000),{name}(%s,5)") for name in ("ltime", "utime")},
    **{name: (f"int(1000),{name}(%s)",) for name in ("ms_ltime", "ms_utime", "us_ltime", "us_utime")},
    **{
        f"map_{method}{kind}": (f"str(one),map_{method}{kind}(virt@text-to-{_GIVES[kind]})",)
        for method in ("str", "beg", "dir", "dom", "end", "reg", "sub")
        for kind in _GIVES
    },
    **{f"map_int{kind}": (f"int(12),map_int{kind}(virt@number-to-{gives})",) for kind, gives in _GIVES.items()},
    **{f"map_ip{kind}": (f"ipv4(192.0.2.9),map_ip{kind}(virt@address-to-{gives})",) for kind, gives in _GIVES.items()},
    "map": tuple(f"{given},map(virt@text-to-number,nothing)" for given in ("str(one)", "str(none)", "path")),
    "map_regm": ("str(one),map_regm(virt@text-to-number)",),
    "param": ("str(a=1&b=2),param(b)",),
    "regsub": ("str(abc),regsub(b,x)",),
    "reverse": ("str(abc),reverse",),
    "reverse_dom": ("str(a.b),reverse_dom",),
    "rfc7239_field": ("str('for=192.0.2.1;proto=http'),rfc7239_field(for)",),
    "rfc7239_is_valid": ("str('for=192.0.2.1;proto=http'),rfc7239_is_valid",),
    "rfc7239_n2nn": ("str('192.0.2.1:80'),rfc7239_n2nn",),
    "rfc7239_n2np": ("str('192.0.2.1:80'),rfc7239_n2np",),
    "rfc7239_nn": ("str(node),rfc7239_nn", "src,rfc7239_nn"),
    "rfc7239_np": ("int(80),rfc7239_np",),
    "secure_memcmp": ("bin(31),secure_memcmp(txn.one)",),
    "strcmp": ("str(1),strcmp(txn.one)",),
    "set-var": tuple(f"str(a),set-var({name})" for name in ("txn.one", "sess.new", "proc.contract", "txn.one,ifset")),
    "unset-var": tuple(f"str(a),unset-var({name})" for name in ("txn.one", "sess.one", "proc.contract")),
    "url_dec": ("str(a%20b),url_dec", "str(a+b),url_dec(1)"),
    "url_enc": ("str(a b),url_enc", "str(a b),url_enc(query)"),
}
CONVERTED.update(
    {
        **{f"table_{name}": (f"src,table_{name}(t)",) for name in (*OF_KEYS, *COUNTED, *CLEARED, "trackers")},
        **{f"table_{name}": (f"src,table_{name}(1,a)",) for name in (*ELEMENTS_OF_KEYS, "inc_gpc", "clr_gpc")},
        **{f"table_{name}": (f"src,table_{name}(t)", f"src,table_{name}(t,5)") for name in ("expire", "idle")},
        "in_table": ("src,in_table(t)", "ipv4(192.0.2.8),in_table(t)"),
    }
)
# What no change here can show, though it is declared: bits by the name of a fetch, and why.
WIDER: Final[dict[str, tuple[list[str], str]]] = {
    "req.proto_http": (["REQUEST_LINE", "MOVING"], "whether there is a request at all, and else bytes"),
    "req_proto_http": (["REQUEST_LINE", "MOVING"], "whether there is a request at all, and else bytes"),
    "http_auth_bearer": (["REQUEST_LINE"], "no change alone puts a token where a proxy looks for it"),
    "jwt_decrypt_cert": (["MOVING"], "certificates in memory (test_tokens.py)"),
    "jwt_verify_cert": (["MOVING"], "certificates in memory (test_tokens.py)"),
    "res.body": (["RESPONSE_BODY"], "there in health checks alone (test_peer_check_results.py)"),
    "res.body_len": (["RESPONSE_BODY"], "there in health checks alone (test_peer_check_results.py)"),
    "res.body_size": (["RESPONSE_BLOCK", "RESPONSE_BODY"], "there in health checks alone (test_peer_check_results.py)"),
    "debug": (["MOVING"], "each value is shown, also one that came before"),
}


class Asked:
    """What gives something for an exchange."""

    def __init__(self, name: str, reads: int, ask: Callable[[Context], object]) -> None:
        self.name = name
        self.reads = reads
        self.ask = ask


def asked(text: str) -> Asked:
    """An expression, with all that can be asked of it."""
    made: Expression = parse_expression(word(text), Where.EVERYWHERE, AclTable())
    return Asked(text, made.reads, lambda ctx: (made.get(ctx), made.get_bytes(ctx), made.values(ctx)))


def influences(make: Callable[[], list[Asked]]) -> dict[str, list[Variant]]:
    """The changes that change what each of them gives."""
    found: dict[str, list[Variant]] = {}
    with still() as world:
        those = make()
        found = {one.name: [] for one in those}
        for phase in Phase:
            world.fresh()
            usual = exchange(phase)
            before = [one.ask(usual) for one in those]
            for variant in VARIANTS:
                ctx = variant.exchange(world, phase)
                for one, known in zip(those, before):
                    if one.ask(ctx) != known:
                        found[one.name].append(variant)
    return found


def undeclared(reads: int, found: Iterable[Variant]) -> list[str]:
    """Those that a declaration does not name."""
    return [f"{one.name} ({one.belongs.name})" for one in found if not covered(reads) & one.belongs]


def texts(name: str) -> list[str]:
    """The expressions by which a fetch is tried."""
    entry = FETCHES.get(name)
    assert entry is not None
    if not entry.signature.kinds:
        return [name]
    return [f"{name}({arguments})" for arguments in ARGUMENTS[name]]


def _fetches() -> list[Asked]:
    return [asked(text) for name in FETCHES for text in texts(name)]


def _converters() -> list[Asked]:
    return [asked(text) for name in CONVERTERS for text in CONVERTED[name] if not name.startswith(WRITERS)]


def _tags() -> list[Asked]:
    found = []
    for name in TAGS:
        entry = TAGS.get(name)
        assert entry is not None
        found.append(Asked(name, int(entry.reads), lambda ctx, entry=entry: (entry.get(ctx), entry.many(ctx))))
    return found


WRITERS: Final = ("set-var", "unset-var", "capture-re", "aes_gcm_enc")  # they change what they are asked about
COUNTING: Final = re.compile(r".*(inc|clr)_gpc.*|.*updt_conn_cnt.*")  # what changes the entry that it asks about
FAMILIES: Final = {"fetch": _fetches, "converter": _converters, "tag": _tags}


@cache
def table(family: str) -> dict[str, tuple[Asked, list[Variant]]]:
    """Of all of a family: what they are, and what changes what they give."""
    made: list[Asked] = []

    def make() -> list[Asked]:
        made.extend(FAMILIES[family]())
        return made

    found = influences(make)
    return {one.name: (one, found[one.name]) for one in made}


def test_each_name_has_its_line() -> None:
    """What takes arguments is tried with telling ones: a new keyword needs a line above."""
    with_arguments = {name for name in FETCHES if (entry := FETCHES.get(name)) is not None and entry.signature.kinds}
    assert with_arguments == set(ARGUMENTS)
    assert set(CONVERTERS) == set(CONVERTED)
    assert all(name in FETCHES or name in CONVERTERS for name in WIDER)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_not_declared_changes_nothing(family: str) -> None:
    wrong = {name: undeclared(one.reads, found) for name, (one, found) in table(family).items()}
    assert {name: found for name, found in wrong.items() if found} == {}


def without_notice(reads: int, found: Iterable[Variant]) -> list[str]:
    """The bits that could be left out of a declaration without anything to show for it."""
    seen = list(found)
    return [bit.name or "" for bit in Reads if reads & bit and not undeclared(reads & ~bit, seen)]


@pytest.mark.parametrize("name", [name for name in FETCHES if not (MISSING and name.startswith("ssl_"))])
def test_a_fetch_with_one_bit_less_would_be_found(name: str) -> None:
    """So the arguments are telling, and nothing is declared in vain."""
    found: list[Variant] = []
    reads = 0
    for text in texts(name):
        one, influenced = table("fetch")[text]
        found += influenced
        reads |= one.reads
    assert without_notice(reads, found) == (WIDER[name][0] if name in WIDER else [])


@pytest.mark.parametrize("name", [name for name in CONVERTERS if not name.startswith(WRITERS)])
def test_a_converter_with_one_bit_less_would_be_found(name: str) -> None:
    entry = CONVERTERS.get(name)
    assert entry is not None
    declared = int(entry.reads)
    found: list[Variant] = []
    for text in CONVERTED[name]:
        one, influenced = table("converter")[text]
        found += influenced
        declared |= one.reads & int(Reads.MOVING)
    assert without_notice(declared, found) == (WIDER[name][0] if name in WIDER else [])


@pytest.mark.parametrize("name", CONVERTED)
def test_the_lines_of_a_converter_are_telling(name: str) -> None:
    """They yield something."""
    with still():
        for text in CONVERTED[name]:
            assert asked(text).ask(exchange(Phase.RESPONSE)) != (None, None, [])


@pytest.mark.parametrize("phase", Phase)
def test_who_asks_changes_nothing(phase: Phase) -> None:
    with still():
        those = [one for one in (*_fetches(), *_converters(), *_tags()) if not COUNTING.match(one.name)]
        ctx = exchange(phase)
        before = look(ctx)
        for one in those:
            one.ask(ctx)
            assert look(ctx) == before, one.name


@pytest.mark.parametrize("name", [name for name in CONVERTED if name.startswith(WRITERS)])
def test_a_converter_that_writes_is_moving(name: str) -> None:
    """It writes what moves, so that what it stands in is asked anew each time."""
    with still():
        for text in CONVERTED[name]:
            one, ctx = asked(text), exchange(Phase.RESPONSE)
            before = look(ctx)
            one.ask(ctx)
            after = look(ctx)
            changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
            assert changed and one.reads & Reads.MOVING
            assert {belongs(path) for path in changed} == {Reads.MOVING}


def test_what_counts_in_a_table_is_moving() -> None:
    """It is asked anew each time."""
    with still() as world:
        those = [one for one in (*_fetches(), *_converters()) if COUNTING.match(one.name)]
        assert len(those) > 30
        for one in those:
            world.fresh()
            ctx = exchange(Phase.RESPONSE)
            before = look(ctx)
            found = one.ask(ctx)
            changed = {path for path in before if before[path] != look(ctx)[path]}
            assert one.reads & Reads.MOVING
            assert changed <= {"table.t", "table.a"}
            assert changed or found == (None, None, []), one.name


@pytest.mark.parametrize("name", [name for name in TAGS if (entry := TAGS.get(name)) is not None and entry.key])
def test_the_same_key_means_the_same_text(name: str) -> None:
    """What a line remembers of a tag by its key (sample/key.py) is what the tag says."""
    entry = TAGS.get(name)
    assert entry is not None and entry.key is not None
    known: dict[int, object] = {}
    with still() as world:
        for phase in Phase:
            for variant in VARIANTS:
                ctx = variant.exchange(world, phase)
                number = int(entry.key.of(ctx))
                if number >= 0:
                    text = (entry.get(ctx), entry.many(ctx))
                    assert known.setdefault(number, text) == text, variant.name


@pytest.mark.parametrize("phase", Phase)
def test_the_values_are_those_of_the_lines(phase: Phase) -> None:
    """What a source says of itself (sample/source.py): one value or many, and from which lines they come."""
    everything = [text for name in FETCHES for text in texts(name) if not COUNTING.match(text)]
    with still() as world:
        sources = {text: parse_expression(word(text), Where.EVERYWHERE, AclTable()).source for text in everything}
        assert {source.lines for source in sources.values()} == {NO_LINES, SPLIT, WHOLE, OWN}
        for variant in VARIANTS:
            ctx = variant.exchange(world, phase)
            for text, source in sources.items():
                values = source.values(ctx)
                if not source.many:
                    one = source.get(ctx)
                    assert values == ([] if one is None else [one]), (text, variant.name)
                if source.lines != NO_LINES:
                    assert values == _of_lines(source, ctx), (text, variant.name)


def _of_lines(source: Source, ctx: Context) -> list[Value]:
    head = ctx.request if source.on_request else ctx.response
    found: list[Value] = []
    for one in head.fields if head is not None else ():
        if one.name == source.header:
            if source.lines == SPLIT:
                found += split_list(one.value)
            else:
                found += [one.value] if source.lines == WHOLE else source.of_line(one.value)
    return found


def _response_field(ctx: Context) -> bytes | None:
    return ctx.response.get(b"x-a") if ctx.response is not None else None


MUTANTS: Final[dict[str, tuple[Reads, Callable[[Context], object], str]]] = {
    "a client that is said to be none": (Reads.NOTHING, lambda ctx: ctx.source.packed, "SOURCE"),
    "a port": (Reads.SOURCE, lambda ctx: ctx.source.port, "CONNECTION"),
    "a method": (Reads.HEADER_BLOCK, lambda ctx: ctx.request and ctx.request.method, "REQUEST_LINE"),
    "a field": (Reads.REQUEST_LINE, lambda ctx: ctx.request and ctx.request.get(b"x-a"), "HEADER_BLOCK"),
    "a status": (Reads.RESPONSE_BLOCK, lambda ctx: ctx.response and ctx.response.status, "RESPONSE_LINE"),
    "a field of the response": (Reads.ALL & ~Reads.RESPONSE_BLOCK, _response_field, "RESPONSE_BLOCK"),
    "a body": (Reads.MOVING | Reads.HEADER_BLOCK, lambda ctx: ctx.body, "BODY"),
    "a variable": (Reads.CONNECTION, lambda ctx: ctx.session.variables.get(b"sess.one"), "MOVING"),
    "the time": (Reads.REQUEST_LINE, lambda ctx: ctx.now, "MOVING"),
    "a counter": (Reads.CONNECTION, lambda ctx: ctx.frontend.log_lines, "MOVING"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_declaration_is_found(name: str) -> None:
    reads, ask, missing = MUTANTS[name]
    found = influences(lambda: [Asked(name, int(reads), ask)])[name]
    wrong = undeclared(int(reads), found)
    assert wrong and all(one.endswith(f"({missing})") for one in wrong)


def test_the_table_tells_of_a_fetch_that_has_no_line() -> None:
    """The first test above fails once there is one."""
    fetch_with("contract-test", "(string)", Type.STR, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")(lambda _: lambda _: b"")
    try:
        with pytest.raises(AssertionError):
            test_each_name_has_its_line()
    finally:
        del FETCHES._entries["contract-test"]
