"""Variables (manual 2.8): named values with a scope, which says how long they live.

    proc   the process        sess   a client connection        txn   one exchange
    req    an exchange until a server is tried                  res   from then on
    check  a health check: none in traffic
    psess, ptxn, preq, pres   those of the parent stream, which can only be read; none where there is no parent

A stream that a client has asked for has no parent; one that was started from inside may have one (`Context.parent`).

A value keeps its type: what is an address or binary is marked as such (types.py), so that it can be cast when it is
read. Variables of the process that the configuration names are always there, set or not; others are there once set.

With several lanes each has the variables of the process for itself. One that is set has its new value in that lane at
once, and in the others a moment later, when control has put the changes of all lanes in order (tables/changes.py).
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.sample.context import CheckSession, Context, Variables
from pointsman.sample.types import Binary, Packed, Type, Value
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.tables.changes import CHANGES, Change, Follower, text

SCOPES: Final = ("proc", "sess", "txn", "req", "res", "check")
PARENTS: Final = ("psess", "ptxn", "preq", "pres")  # scopes of a parent stream
NAME: Final = re.compile(r"[A-Za-z0-9_.]*", re.ASCII)
CONDITIONS: Final = ("ifexists", "ifnotexists", "ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt")
PROCESS_VARIABLES: Final[Variables] = {}  # the scope proc

_NO_PLACE: Final = 0
_SESSION: Final = 1
_EXCHANGE: Final = 2
_REQUEST: Final = 3
_RESPONSE: Final = 4
_PROCESS: Final = 5
_CHECK: Final = 6
_PLACES: Final = {
    "proc": _PROCESS,
    "sess": _SESSION,
    "txn": _EXCHANGE,
    "req": _REQUEST,
    "res": _RESPONSE,
    "check": _CHECK,
}


class Variable:
    """One variable, as an expression or a rule names it."""

    def __init__(self, scope: str, name: str) -> None:
        self.scope = scope
        self.name = f"{scope}.{name}"
        self.parent = scope in PARENTS
        own = scope[1:] if self.parent else scope  # what the parent calls it
        self.key = f"{own}.{name}".encode()
        self.place = _PLACES.get(own, _NO_PLACE)

    def store(self, ctx: Context) -> Variables | None:
        """Where it lives; None: nowhere at this time. `ctx`: of the stream whose variable it is."""
        place = self.place
        if place in (_EXCHANGE, _RESPONSE if ctx.responding else _REQUEST):
            return ctx.variables
        if place == _SESSION:
            return ctx.session.variables
        if place == _PROCESS:
            return PROCESS_VARIABLES
        return ctx.variables if place == _CHECK and isinstance(ctx.session, CheckSession) else None

    def get(self, ctx: Context) -> Value | None:
        if self.parent:
            above = ctx.parent
            if above is None:
                return None
            ctx = above
        store = self.store(ctx)
        return store.get(self.key) if store is not None else None

    def unset(self, ctx: Context) -> None:
        store = self.store(ctx)
        if store is None:
            return
        if VARIABLE_LIMITS.on:
            VARIABLE_LIMITS.admits(ctx, self.key, None, PROCESS_VARIABLES)
        if store is PROCESS_VARIABLES:
            if store.get(self.key) is not None:
                store[self.key] = None
                _share(self.key, None)
        else:
            store.pop(self.key, None)


def parse_variable(text: str, at: Position, *, parents: bool = False) -> Variable:
    """A variable's name, "<scope>.<name>". ConfigError in HAProxy's words. `parents`: it is only read, so it may be one
    of a parent stream."""
    if not text:
        raise ConfigError("Empty variable name cannot be accepted", at, "<scope>.<name>")
    scope, _, name = text.partition(".")
    if not name or scope not in SCOPES and not (parents and scope in PARENTS):
        raise ConfigError(
            f"invalid variable name '{text}'. A variable name must be start by its scope. The scope can "
            "be 'proc', 'sess', 'txn', 'req', 'res' or 'check'",
            at,
            "<scope>.<name>, such as txn.name",
        )
    found = NAME.match(name)
    rest = name[found.end() :] if found is not None else name
    if rest:
        raise ConfigError(f"invalid syntax at char '{rest}'", at, "letters, digits and '_' behind the scope")
    variable = Variable(scope, name)
    if scope == "proc":
        PROCESS_VARIABLES.setdefault(variable.key, None)
    return variable


def marked(kind: Type) -> Callable[[Value], Value]:
    """How a value of that type is kept, so that its type can be told later."""
    if kind in (Type.ADDR, Type.IPV4, Type.IPV6):
        return lambda value: Packed(value) if isinstance(value, bytes) else value
    if kind == Type.BIN:
        return lambda value: Binary(value) if isinstance(value, bytes) else value
    return lambda value: value


Check = Callable[[Variables, bytes, Value], bool]


def conditions(words: Sequence[str], at: Position) -> list[Check]:
    """What must hold for set-var to set (manual 7.3.1, set-var). ConfigError for a word that is no condition."""
    checks: list[Check] = []
    for word in words:
        if not word:
            continue
        check = _CHECKS.get(word)
        if check is None:
            raise ConfigError(f'unknown condition "{word}"', at, "one of " + ", ".join(CONDITIONS))
        checks.append(check)
    return checks


def assign(variable: Variable, checks: Sequence[Check], ctx: Context, value: Value) -> bool:
    """Set it if all conditions hold, and there is room for it."""
    store = variable.store(ctx)
    if store is None:
        return False
    for check in checks:
        if not check(store, variable.key, value):
            return False
    if VARIABLE_LIMITS.on and not VARIABLE_LIMITS.admits(ctx, variable.key, value, PROCESS_VARIABLES):
        return False
    if store is PROCESS_VARIABLES:
        old = store.get(variable.key)
        if old != value or type(old) is not type(value):
            store[variable.key] = value
            _share(variable.key, value)
    else:
        store[variable.key] = value
    return True


def _share(key: bytes, value: Value | None) -> None:
    """Have the other lanes make the change of a variable of the process that this one has made."""
    if CHANGES.outbox is not None:
        CHANGES.outbox(process_change(key, value))


_KINDS: Final[dict[str, type[bytes]]] = {"str": bytes, "addr": Packed, "bin": Binary}


def process_change(key: bytes, value: Value | None) -> Change:
    """The change that gives a variable of the process this value: ["var", name, type, value]."""
    name = key.decode("latin-1")
    if value is None:
        return ["var", name, "", None]
    if isinstance(value, bool):
        return ["var", name, "bool", value]
    if isinstance(value, int):
        return ["var", name, "sint", value]
    kind = "addr" if isinstance(value, Packed) else "bin" if isinstance(value, Binary) else "str"
    return ["var", name, kind, value.decode("latin-1")]


class ProcessVariables(Follower):
    """Variables of the process, as changes make them."""

    def __init__(self) -> None:
        self.changed: set[bytes] = set()

    def apply(self, change: Change) -> None:
        key = text(change, 1).encode("latin-1")
        kind, value = text(change, 2), change[3]
        self.changed.add(key)
        if isinstance(value, str):
            PROCESS_VARIABLES[key] = _KINDS[kind](value.encode("latin-1"))
        else:
            assert value is None or isinstance(value, int)
            PROCESS_VARIABLES[key] = value

    def snapshot(self) -> list[Change]:
        return [process_change(key, PROCESS_VARIABLES.get(key)) for key in sorted(self.changed)]

    def keep(self) -> Callable[[], None]:
        """A variable is set in its lane at once, and then proposed."""
        return partial(_put_back, dict(PROCESS_VARIABLES))


def _put_back(values: Variables) -> None:
    """The one dictionary stays: variables know it."""
    PROCESS_VARIABLES.clear()
    PROCESS_VARIABLES.update(values)


CHANGES.followers["var"] = ProcessVariables()


def _empty(value: Value) -> bool:
    """Only strings and bytes can be."""
    return isinstance(value, bytes) and not value


def _compared(store: Variables, key: bytes, value: Value) -> int | None:
    """The variable less the value; None where one of them is no integer."""
    old = store.get(key)
    if isinstance(old, int) and isinstance(value, int) and not isinstance(old, bool) and not isinstance(value, bool):
        return old - value
    return None


def _greater(store: Variables, key: bytes, value: Value) -> bool:
    difference = _compared(store, key, value)
    return difference is None or difference > 0


def _less(store: Variables, key: bytes, value: Value) -> bool:
    difference = _compared(store, key, value)
    return difference is None or difference < 0


_CHECKS: Final[dict[str, Check]] = {
    "ifexists": lambda store, key, _: key in store,
    "ifnotexists": lambda store, key, _: key not in store,
    "ifempty": lambda _, key, value: _empty(value),
    "ifnotempty": lambda _, key, value: not _empty(value),
    "ifset": lambda store, key, _: store.get(key) is not None,
    "ifnotset": lambda store, key, _: store.get(key) is None,
    "ifgt": _greater,
    "iflt": _less,
}
