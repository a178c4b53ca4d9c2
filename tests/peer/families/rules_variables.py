"""Variables: scopes, conditions, types, the actions and converters that set them, arguments that name them."""

from __future__ import annotations

from support.actor import Recv, Send
from support.scenario import Scenario

from families.requests import get
from families.rules_talk import talk
from families.simple import simple

SCOPES = "%[var(proc.a)].%[var(sess.a)].%[var(txn.a)].%[var(req.a)].%[var(res.a)].%[var(check.a)]"


def lines(*rules: str) -> str:
    """http-request rules."""
    return "\n".join(f"http-request {rule}" for rule in rules)


def shown(*formats: str) -> str:
    """Rules that send formats to the server, as X-0, X-1..."""
    return lines(*(f'set-header x-{number} "{text}"' for number, text in enumerate(formats)))


COMPARED = (
    ("a", "int(5)", "ifgt", "int(3)"),
    ("b", "int(5)", "ifgt", "int(7)"),
    ("c", "int(5)", "iflt", "int(3)"),
    ("d", "int(5)", "iflt", "int(7)"),
    ("e", "str(5)", "ifgt", "int(7)"),
    ("f", "int(5)", "ifgt", "str(7)"),
    ("g", "bool(1)", "ifgt", "int(7)"),
    ("h", "int(5)", "ifgt", "int(5)"),
    ("i", "int(5)", "iflt", "int(5)"),
)

SCENARIOS = [
    talk(
        "scopes",
        lines(*(f"set-var({scope}.a) str({scope})" for scope in ("proc", "sess", "txn", "req", "res", "check")))
        + f'\nhttp-request set-header x-0 "{SCOPES}"\nhttp-response set-header x-1 "{SCOPES}"',
        "x-0: proc.sess.txn.req..",
        "x-1: proc.sess.txn...",
    ),
    talk(
        "scopes in responses",
        "http-response set-var(req.a) str(q)\nhttp-response set-var(res.a) str(r)\n"
        'http-response set-header x-0 "%[var(req.a)].%[var(res.a)]"',
        "x-0: .r",
    ),
    talk(
        "how long scopes live",
        lines(*(f"set-var({scope}.a) str({scope}) if {{ path /1 }}" for scope in ("proc", "sess", "txn", "req")))
        + f'\nhttp-request set-header x-0 "{SCOPES}"',
        "x-0: proc.sess.txn.req..",
        "x-0: proc.sess....",
        requests=[get("/1"), get("/2")],
    ),
    talk(
        "in logs",
        lines("set-var(req.a) str(q)", "set-var(txn.a) str(t)") + "\nhttp-response set-var(res.a) str(r)\n"
        'log-format "%[var(req.a)].%[var(txn.a)].%[var(res.a)]"',
        "-.t.r",
    ),
    talk(
        "in the log of a denial",
        lines("set-var(req.a) str(q)", "set-var(txn.a) str(t)", "deny")
        + "\nhttp-after-response set-var(res.a) str(r)\n"
        'http-after-response set-header x-a "%[var(req.a)].%[var(txn.a)].%[var(res.a)]"\n'
        'log-format "%[var(req.a)].%[var(txn.a)].%[var(res.a)]"',
        "x-a: .t.r",
        "-.t.r",
    ),
    talk(
        "a frontend's in the backend",
        "http-request set-var(req.a) str(q)",
        "x-a: q",
        "x-b: .",
        back="http-request set-header x-a %[var(req.a)]\nuse-server s1 if { var(req.a) -m str q }\n"
        'http-response set-header x-b "%[var(req.a)]."',
    ),
    talk(
        "no sample leaves the value; defaults",
        lines("set-var(txn.a) str(1)", "set-var(txn.a) req.hdr(nope)")
        + "\n"
        + shown("%[var(txn.a)].%[var(txn.b)].%[var(txn.b,def)].%[var(txn.b,)]."),
        "x-0: 1..def..",
    ),
    talk(
        "unset-var",
        lines("set-var(txn.a) str(1)", "unset-var(txn.a)", "unset-var(txn.b)")
        + "\n"
        + shown("%[var(txn.a)].%[var(txn.a,d)]."),
        "x-0: .d.",
    ),
    talk(
        "ifexists and ifnotexists",
        lines(
            "set-var(txn.a,ifexists) str(1)",
            "set-var(txn.b,ifnotexists) str(1)",
            "set-var(txn.b,ifexists) str(2)",
            "set-var(txn.c) str(1)",
            "set-var(txn.c,ifnotexists) str(2)",
        )
        + "\n"
        + shown("%[var(txn.a)].%[var(txn.b)].%[var(txn.c)]"),
        "x-0: .2.1",
    ),
    talk(
        "conditions behind unset-var",
        lines(
            "set-var(txn.a,ifset) str(1)",
            "set-var(txn.b,ifnotset) str(1)",
            *(f"set-var(txn.{name}) str(1)" for name in "cdef"),
            *(f"unset-var(txn.{name})" for name in "cdef"),
            "set-var(txn.c,ifset) str(2)",
            "set-var(txn.d,ifnotset) str(2)",
            "set-var(txn.e,ifexists) str(2)",
            "set-var(txn.f,ifnotexists) str(2)",
        )
        + "\n"
        + shown("%[var(txn.a)].%[var(txn.b)].%[var(txn.c)].%[var(txn.d)].%[var(txn.e)].%[var(txn.f)]"),
        "x-0: .1..2..2",
    ),
    talk(
        "ifempty and ifnotempty",
        lines(
            "set-var(txn.a,ifempty) str(1)",
            "set-var(txn.b,ifnotempty) str(1)",
            "set-var(txn.c) str(1)",
            "set-var(txn.c,ifempty) str()",
            "set-var(txn.d) str(1)",
            "set-var(txn.d,ifnotempty) str()",
            "set-var(txn.e,ifempty) int(0)",
            "set-var(txn.f,ifnotempty) int(0)",
        )
        + "\n"
        + shown("%[var(txn.a)].%[var(txn.b)].%[var(txn.c)].%[var(txn.d)].%[var(txn.e)].%[var(txn.f)]"),
        "x-0: .1..1..0",
    ),
    talk(
        "ifgt and iflt",
        lines(
            *(
                rule
                for name, old, condition, new in COMPARED
                for rule in (f"set-var(txn.{name}) {old}", f"set-var(txn.{name},{condition}) {new}")
            ),
            "set-var(txn.z,ifgt) int(1)",
        )
        + "\n"
        + shown(".".join(f"%[var(txn.{name})]" for name in "abcdefghiz")),
        "x-0: 3.5.5.7.7.7.7.5.5.1",
    ),
    talk(
        "types are kept",
        lines(
            "set-var(txn.i) int(5)",
            "set-var(txn.b) bool(true)",
            "set-var(txn.s) path",
            "set-var(txn.a) src",
            "set-var(txn.x) bin(414243)",
            "set-var(txn.m) method",
            "set-var(txn.c) var(txn.a)",
            *(
                f"set-header x-{name} 1 if {{ var(txn.{name}) -m {match} }}"
                for name, match in (
                    ("a", "ip 127.0.0.0/8"),
                    ("i", "int 5"),
                    ("b", "bool"),
                    ("i", "str 5"),
                    ("s", "beg /some"),
                    ("s", "found"),
                    ("none", "found"),
                    ("s", "len 10"),
                    ("m", "str GET"),
                    ("s", "ip 127.0.0.1"),
                    ("i", "bool"),
                    ("x", "bin 414243"),
                )
            ),
        )
        + "\n"
        + shown(
            "%[var(txn.i)] %[var(txn.b)] %[var(txn.s)] %[var(txn.a)] %[var(txn.x)] %[var(txn.m)] %[var(txn.c)]",
            "%[var(txn.i),add(1)] %[var(txn.b),not] %[var(txn.s),upper] %[var(txn.a),ipmask(8)] %[var(txn.x),hex]",
            "%[var(txn.m),lower] %[var(txn.a),hex] %[var(txn.s),hex] %[var(txn.i),hex] %[var(txn.c),ipmask(8)]",
            "%[var(txn.s),add(1)] %[var(txn.a),add(0)] %[var(txn.a),upper] %[var(txn.a),length]",
        ),
        "x-0: 5 1 /some/path 127.0.0.1 ABC GET 127.0.0.1",
        "x-1: 6 0 /SOME/PATH 127.0.0.0 414243",
        "x-3: 1 2130706433 127.0.0.1 9",
    ),
    talk(
        "set-var-fmt",
        lines('set-var-fmt(txn.a) "%[src]:%[dst_port] %ci %[path]"') + "\n" + shown("%[var(txn.a)]"),
        "x-0: 127.0.0.1:<port front> 127.0.0.1 /some/path",
    ),
    talk(
        "converters that set",
        shown(
            "%[path,set-var(txn.a),upper] %[var(txn.a)]",
            "%[str(q),unset-var(txn.a)].%[var(txn.a)].",
            "%[int(7),set-var(txn.c,ifexists)].%[var(txn.c)].",
        ),
        "x-0: /SOME/PATH /some/path",
        "x-1: q..",
        "x-2: ..",
    ),
    talk(
        "arguments that name variables",
        lines("set-var(txn.n) int(3)", "set-var(txn.s) str(12x)")
        + "\n"
        + shown(
            " ".join(f"%[int(10),{name}(txn.n)]" for name in ("add", "sub", "mul", "div", "mod", "and", "or", "xor")),
            "%[int(1),add(txn.s)] .%[int(1),add(txn.nope)].",
            "%[str(a),concat(-,txn.n,+)] %[str(a),concat(-,txn.nope,+)] %[str(a),concat(-)] %[str(a),concat(,txn.n)]",
            "%[str(12x),strcmp(txn.s)] %[str(12),strcmp(txn.s)] %[str(13),strcmp(txn.s)] .%[str(1),strcmp(txn.no)].",
        ),
        "x-0: 13 7 30 3 1 2 11 9",
        "x-2: a-3+ a-+ a- a3",
    ),
    talk(
        "secure_memcmp",
        lines(
            "set-var(txn.t) req.hdr(t)",
            "set-header x-same 1 if { str(secret),secure_memcmp(txn.t) }",
        ),
        "x-same: 1",
        requests=[get("/", "T: secret"), get("/", "T: secre"), get("/")],
    ),
    talk(
        "a condition may set what its rule reads",
        "http-request set-header x-a %[var(txn.p)] if { path,set-var(txn.p) -m found }",
        "x-a: /some/path",
    ),
    talk(
        "counting the requests of a connection",
        lines(
            "set-var(sess.c) int(1),add(sess.c) if { var(sess.c) -m found }",
            "set-var(sess.c,ifnotexists) int(1)",
        )
        + '\nlog-format "%[var(sess.c)]"',
        "--- log\n1\n2\n3\n",
        requests=[get("/"), get("/"), get("/")],
    ),
    Scenario(
        name="set in the global section",
        config='global\n    set-var proc.g str(gg)\n    set-var-fmt proc.h "h%[int(3)]"\n'
        "    set-var proc.i int(1),add(proc.i)\n"
        + simple(front=shown("%[var(proc.g)] %[var(proc.h)] .%[var(proc.i)].")),
        talk=[Send(get("/")), Recv()],
        expect=["x-0: gg h3 .."],
    ),
]
