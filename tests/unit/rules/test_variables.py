"""Variables in rules (manual 2.8, 4.4). The peer tests compare scopes, conditions and types with haproxy too."""

import pytest
from rule_stand import error, exchange, run, values
from support.configs import only_error, read

from pointsman.core.diagnostics import NOWHERE, ConfigError
from pointsman.sample.context import Context
from pointsman.sample.types import Binary, Packed
from pointsman.sample.variables import PROCESS_VARIABLES, ProcessVariables, Variable, conditions, parse_variable
from pointsman.tables.changes import CHANGES, Change

SAID = "A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'"


def told(ctx: Context, text: str) -> str:
    run(ctx, f'http-request set-header told "{text}"')
    return values(ctx.request, "told")[-1]


@pytest.mark.parametrize(
    "expression, value",
    [
        ("path", b"/path"),
        ("int(5)", 5),
        ("bool(true)", True),
        ("src", Packed(b"\xc0\x00\x02\x07")),
        ("bin(00ff)", Binary(b"\x00\xff")),
        ("method,lower", b"get"),
    ],
)
def test_set_var_keeps_value_and_type(expression: str, value: object) -> None:
    ctx = exchange()
    run(ctx, f"http-request set-var(txn.x) {expression}")
    kept = ctx.variables[b"txn.x"]
    assert kept == value
    assert type(kept) is type(value)


def test_set_var_fmt() -> None:
    ctx = exchange()
    run(
        ctx, "http-request set-var-fmt(txn.from) %[src]:%[src_port]", "http-request set-var-fmt(txn.none) %[req.hdr(n)]"
    )
    assert ctx.variables == {b"txn.from": b"192.0.2.7:40000", b"txn.none": b""}


def test_no_sample_changes_nothing() -> None:
    ctx = exchange()
    run(ctx, "http-request set-var(txn.x) str(1)", "http-request set-var(txn.x) req.hdr(none)")
    assert ctx.variables == {b"txn.x": b"1"}


def test_unset_var() -> None:
    ctx = exchange()
    run(ctx, "http-request set-var(txn.x) str(1)", "http-request unset-var(txn.x)", "http-request unset-var(txn.y)")
    assert ctx.variables == {}


@pytest.mark.parametrize("responding, kept", [(False, [b"req.x", b"txn.x"]), (True, [b"res.x", b"txn.x"])])
def test_scopes_of_an_exchange(responding: bool, kept: list[bytes]) -> None:
    ctx = exchange()
    ctx.responding = responding
    run(ctx, *(f"http-request set-var({scope}.x) str(1)" for scope in ("txn", "req", "res", "check", "sess")))
    assert sorted(ctx.variables) == kept
    assert list(ctx.session.variables) == [b"sess.x"]


def test_variables_of_the_process() -> None:
    ctx = exchange()
    run(ctx, "http-request set-var(proc.of_a_test) int(7)")
    assert Variable("proc", "of_a_test").get(exchange()) == 7
    run(ctx, "http-request unset-var(proc.of_a_test)")
    assert PROCESS_VARIABLES[b"proc.of_a_test"] is None
    run(ctx, "http-request set-var(proc.of_a_test,ifexists,ifnotset) int(8)")
    assert PROCESS_VARIABLES.pop(b"proc.of_a_test") == 8


def test_a_lane_tells_the_others_what_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    wishes: list[Change] = []
    monkeypatch.setattr(CHANGES, "outbox", wishes.append)
    ctx = exchange()
    for _ in range(2):  # the second time nothing changes
        run(
            ctx,
            "http-request set-var(proc.of_lanes) int(7)",
            "http-request set-var(proc.from) src",
            "http-request set-var(proc.flag) bool(true)",
            "http-request set-var(proc.raw) bin(00ff)",
            "http-request set-var(txn.mine) int(7)",
        )
    assert PROCESS_VARIABLES[b"proc.of_lanes"] == 7
    assert wishes == [
        ["var", "proc.of_lanes", "sint", 7],
        ["var", "proc.from", "addr", "\xc0\x00\x02\x07"],
        ["var", "proc.flag", "bool", True],
        ["var", "proc.raw", "bin", "\x00\xff"],
    ]
    run(ctx, "http-request unset-var(proc.flag)", "http-request unset-var(proc.flag)")
    assert wishes[4:] == [["var", "proc.flag", "", None]]
    for key in (b"proc.of_lanes", b"proc.from", b"proc.flag", b"proc.raw"):
        PROCESS_VARIABLES.pop(key)
    follower = ProcessVariables()
    for change in wishes:
        follower.apply(change)
    found = {key: PROCESS_VARIABLES.pop(key) for key in (b"proc.of_lanes", b"proc.from", b"proc.flag", b"proc.raw")}
    assert found == {
        b"proc.of_lanes": 7,
        b"proc.from": b"\xc0\x00\x02\x07",
        b"proc.flag": None,
        b"proc.raw": b"\x00\xff",
    }
    assert (type(found[b"proc.from"]), type(found[b"proc.raw"])) == (Packed, Binary)
    assert len(follower.snapshot()) == 4


@pytest.mark.parametrize(
    "text, expected",
    [
        ("%[str(012345),bytes(txn.n)]", "345"),
        ("%[str(012345),bytes(1,txn.n)]", "123"),
        ("%[str(012345),bytes(txn.none)].", "."),
        ("%[str(a),add_item(-,txn.n)]", "a-3"),
        ("%[str(),add_item(-,txn.n,+)]", "3+"),
        ("%[str(a),add_item(-,txn.none)]", "a"),
        ("%[str(a),add_item(-,txn.none,+)]", "a-+"),
        ("%[str(a),concat(<,txn.n,>)]", "a<3>"),
        ("%[int(4),add(txn.n),mul(txn.n)]", "21"),
        # RFC 4231 4.3
        (
            "%[str(what do ya want for nothing?),hmac(sha256,txn.key),hex,lower]",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ("%[var(txn.n,x)] %[var(txn.none,x)]", "3 x"),
        ("%[var(psess.n,x)]", "x"),  # there is no parent stream
    ],
)
def test_arguments(text: str, expected: str) -> None:
    ctx = exchange()
    run(ctx, "http-request set-var(txn.n) int(3)", "http-request set-var(txn.key) str(SmVmZQ==)")
    assert told(ctx, text) == expected


def child_of(parent: Context) -> Context:
    """Of a stream that this one has started."""
    child = exchange()
    child.parent = parent
    return child


def test_a_child_reads_what_its_parent_has_set() -> None:
    """Manual 2.8: psess, ptxn, preq, pres. Its own variables of the same name are others."""
    parent = exchange()
    for scope in ("sess", "txn", "req"):
        run(parent, f"http-request set-var({scope}.n) str({scope}-of-parent)")
    child = child_of(parent)
    run(child, "http-request set-var(txn.n) str(own)")
    for scope in ("psess", "ptxn", "preq"):
        assert told(child, f"%[var({scope}.n)]") == f"{scope[1:]}-of-parent"
    assert told(child, "%[var(txn.n)] %[var(sess.n,none)] %[var(ptxn.none,none)]") == "own none none"
    assert told(parent, "%[var(txn.n)] %[var(ptxn.n,none)]") == "txn-of-parent none"


def test_a_child_sees_what_its_parent_is_doing() -> None:
    """Of a parent that processes its request nothing of a response is there, and the other way round."""
    parent = exchange()
    child = child_of(parent)
    run(parent, "http-request set-var(req.n) int(1)")
    assert told(child, "%[var(preq.n,-)] %[var(pres.n,-)]") == "1 -"
    parent.responding = True
    run(parent, "http-response set-var(res.n) int(2)")
    assert told(child, "%[var(preq.n,-)] %[var(pres.n,-)]") == "- 2"
    child.responding = True
    assert told(child, "%[var(preq.n,-)] %[var(pres.n,-)]") == "- 2"


@pytest.mark.parametrize(
    "text, alone, below",
    [
        ("%[int(4),add(ptxn.n)]", "", "7"),
        ("%[str(a),concat(<,ptxn.n,>)]", "a<>", "a<3>"),
        ("%[str(a),add_item(-,ptxn.n)]", "a", "a-3"),
        ("%[str(3),strcmp(ptxn.n)]", "", "0"),
        ("%[str(012345),bytes(ptxn.n)]", "", "345"),
        ("%[str(what do ya want for nothing?),hmac(sha256,ptxn.key),hex,lower,bytes(0,8)]", "", "5bdcc146"),
        ("%[str(Jefe),secure_memcmp(psess.jefe)]", "", "1"),
        ("%[var(ptxn.n),add(1)]", "", "4"),
    ],
)
def test_converters_read_a_parent_s(text: str, alone: str, below: str) -> None:
    parent = exchange()
    run(
        parent,
        "http-request set-var(txn.n) int(3)",
        "http-request set-var(txn.key) str(SmVmZQ==)",
        "http-request set-var(sess.jefe) str(Jefe)",
    )
    assert told(child_of(parent), text + ".") == below + "."
    assert told(exchange(), text + ".") == alone + "."


@pytest.mark.parametrize("rule", ["set-var(ptxn.n) int(1)", "set-var-fmt(preq.n) x", "unset-var(psess.n)"])
def test_a_parent_s_variables_cannot_be_written(rule: str) -> None:
    """Manual 2.8: it is not possible to set nor unset such variables."""
    assert error(f"http-request {rule}")[0].endswith(SAID)


def test_secure_comparison() -> None:
    ctx = exchange()
    run(
        ctx,
        "http-request set-var(txn.t) str(abc)",
        "http-request set-header same 1 if { str(abc),secure_memcmp(txn.t) }",
        "http-request set-header other 1 if { str(abd),secure_memcmp(txn.t) }",
        "http-request set-header none 1 if { str(abc),secure_memcmp(txn.none) }",
    )
    assert ctx.request is not None
    assert [one.name for one in ctx.request.fields] == [b"same"]


def test_global_values() -> None:
    read(
        "global\n set-var proc.test_a int(200),sub(proc.test_b)\n set-var proc.test_b int(5)\n"
        ' set-var proc.test_c int(200),sub(proc.test_b)\n set-var-fmt proc.test_d "%[var(proc.test_c)]!"\n'
    )
    found = {
        key: PROCESS_VARIABLES.pop(key) for key in (b"proc.test_a", b"proc.test_b", b"proc.test_c", b"proc.test_d")
    }
    assert list(found.values()) == [None, 5, 195, b"195!"]


def test_conditions_are_known() -> None:
    assert conditions(["", "ifset"], NOWHERE)
    with pytest.raises(ConfigError, match='unknown condition "ifever"'):
        conditions(["ifever"], NOWHERE)


@pytest.mark.parametrize("text", ["x", "foo.x", "txn.", ".x", "TXN.x", "psess.x"])
def test_names_need_a_scope(text: str) -> None:
    with pytest.raises(ConfigError, match="invalid variable name"):
        parse_variable(text, NOWHERE)


@pytest.mark.parametrize(
    "line, message, column",
    [
        ("http-request set-var", "'http-request': invalid or incomplete action 'set-var'", 14),
        ("http-request set-var(txn.x", "'http-request': invalid or incomplete action 'set-var(txn.x'", 14),
        ("http-request set-var() str(a)", "Empty variable name cannot be accepted", 22),
        ("http-request set-var(x) str(a)", f"invalid variable name 'x'. {SAID}", 22),
        ("http-request set-var(txn.x-y) str(a)", "invalid syntax at char '-y'", 22),
        ("http-request set-var(txn.x,foo) str(a)", 'unknown condition "foo"', 22),
        ("http-request set-var(txn.x)", "'http-request set-var(txn.x)' expects <expr>", 28),
        ("http-request set-var(txn.x) nope", "unknown fetch method 'nope'", 29),
        (
            "http-request set-var(txn.x) str(a) b",
            "'http-request set-var(txn.x)' cannot handle unexpected argument 'b'",
            36,
        ),
        ("http-request set-var-fmt(txn.x)", "'http-request set-var-fmt(txn.x)' expects <fmt>", 32),
        (
            "http-request unset-var(txn.x) a",
            "'http-request unset-var(txn.x)' cannot handle unexpected argument 'a'",
            31,
        ),
        ("http-request set-header X %[var()]", "invalid args in fetch method 'var' : Empty variable name", 29),
    ],
)
def test_errors(line: str, message: str, column: int) -> None:
    said, at = error(line)
    assert said.startswith(message.removeprefix("invalid args in fetch method 'var' : "))
    assert at == column


@pytest.mark.parametrize(
    "line, message",
    [
        ("set-var", "'set-var' expects <var-name>"),
        ("set-var proc.of_errors", "'set-var' expects <expr>"),
        (
            "set-var txn.x str(a)",
            "'set-var': cannot set variable 'txn.x', only scope 'proc' is permitted in the global section.",
        ),
        ("set-var proc.of_errors nope", "unknown fetch method 'nope'"),
        ("set-var proc.of_errors str(a) b", "'set-var' cannot handle unexpected argument 'b'"),
        ("set-var-fmt proc.of_errors", "'set-var-fmt' expects <fmt>"),
    ],
)
def test_errors_of_the_global_section(line: str, message: str) -> None:
    assert only_error("global", line) == message
    PROCESS_VARIABLES.pop(b"proc.of_errors", None)
