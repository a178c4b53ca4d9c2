"""The decorators: `@pointsman.fetch`, `.converter`, `.action`, `.service`, `.task`.

    @pointsman.fetch
    def user(txn: pointsman.Transaction, cookie: str = "session") -> str | None:
        "The user whose session it is."  # the docstring is its documentation

They return the function untouched, and note a Declared: what it is, how it is called, what its annotations mean.
Whoever loads a file (load.py) collects what its import has noted. A decorator that is used elsewhere, as in a test of
the function, notes in vain and harms nobody.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, get_type_hints, overload

from pointsman.extension.transaction import Transaction
from pointsman.extension.values import STRING, Kind, PythonValue, WrongAnnotation, kind_of
from pointsman.sample.types import Reads, Writes

F = TypeVar("F", bound=Callable[..., object])
Fail = Literal["open", "closed"]

FETCH: Final = "fetch"  # kinds
CONVERTER: Final = "converter"
ACTION: Final = "action"
SERVICE: Final = "service"
TASK: Final = "task"
NAME: Final = re.compile(r"[A-Za-z0-9_.:+-]+", re.ASCII)
_MANY: Final = 16  # words that `*names` takes at most
_MISSING: Final = inspect.Parameter.empty
TIMEOUT: Final = 5.0  # s that an async function may take, where it does not say

# What `reads` and `writes` may name, beside "nothing" and "everything".
PARTS: Final = {
    "source": Reads.SOURCE,
    "connection": Reads.CONNECTION | Reads.SOURCE,
    "request-line": Reads.REQUEST_LINE,
    "request-headers": Reads.HEADER_BLOCK,
    "response-line": Reads.RESPONSE_LINE,
    "response-headers": Reads.RESPONSE_BLOCK,
    "body": Reads.BODY,
    "moving": Reads.MOVING,
    "nothing": Reads.NOTHING,
    "everything": Reads.ALL,
}
WRITABLE: Final = {
    "request-line": Writes.REQUEST_LINE,
    "request-headers": Writes.HEADER_BLOCK | Writes.REQUEST_LINE,  # with Host goes what names the same in the line
    "response-line": Writes.RESPONSE_LINE,
    "response-headers": Writes.RESPONSE_BLOCK,
    "variables": Writes.MOVING,
    "nothing": Writes.NOTHING,
    "everything": Writes.ALL,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of the configuration's. `default` counts where it is `optional`."""

    name: str
    kind: Kind
    optional: bool = False
    default: object = None


@dataclass(slots=True)
class Declared:
    """A function of a file. Nothing of it changes but `number`, its place among those of the configuration."""

    sort: str  # one of the kinds above
    name: str
    function: Callable[..., object]
    documentation: str
    file: str
    line: int
    is_async: bool
    takes_transaction: bool
    value: Kind | None = None  # what a converter gets
    result: Kind | None = None  # what a fetch or a converter gives
    parameters: Sequence[Parameter] = ()
    rest: Kind | None = None  # of "*names"
    reads: Reads = Reads.ALL
    writes: Writes = Writes.ALL
    fails_closed: bool = True  # an action that fails refuses the exchange
    default: object = None  # what a fetch or a converter gives when it fails; None: no sample
    timeout: float = TIMEOUT  # s, of async functions
    variables: tuple[str, ...] = ()  # that an async function gets
    samples: tuple[str, ...] = ()
    every: float = 0.0  # s, of tasks; 0: it runs all the time
    number: int = 0

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


class WrongDeclaration(TypeError):
    """A function that is declared in a way that cannot be. `file` and `line`: where it stands."""

    def __init__(self, message: str, file: str, line: int) -> None:
        super().__init__(message)
        self.file = file
        self.line = line


class Noted:
    """What decorators have noted since somebody looked."""

    def __init__(self) -> None:
        self.found: list[Declared] | None = None  # None: nobody collects
        self.arguments: list[str] = []  # of the python-load line that is being read

    def add(self, one: Declared) -> None:
        if self.found is not None:
            self.found.append(one)


NOTED: Final = Noted()


# The decorators. Each can stand with parentheses or without.


@overload
def fetch(function: F, /) -> F: ...
@overload
def fetch(
    name: str = "",
    /,
    *,
    reads: str = ...,
    default: PythonValue | None = ...,
    timeout: float = ...,
    variables: Sequence[str] = ...,
    samples: Sequence[str] = ...,
) -> Callable[[F], F]: ...
def fetch(
    name: object = "",
    /,
    *,
    reads: str = "everything",
    default: PythonValue | None = None,
    timeout: float = TIMEOUT,
    variables: Sequence[str] = (),
    samples: Sequence[str] = (),
) -> object:
    """A sample fetch: python.NAME(args) wherever an expression is possible.

    `reads`: what its value depends on, so that results may be remembered; `default`: its value when it fails. Of async
    functions: `timeout` in seconds, `variables` and `samples` that are brought along.
    """
    return _decorator(
        FETCH,
        name,
        lambda made: _with(made, reads=reads, default=default, timeout=timeout, variables=variables, samples=samples),
    )


@overload
def converter(function: F, /) -> F: ...
@overload
def converter(
    name: str = "",
    /,
    *,
    pure: bool = ...,
    reads: str = ...,
    default: PythonValue | None = ...,
    timeout: float = ...,
    variables: Sequence[str] = ...,
    samples: Sequence[str] = ...,
) -> Callable[[F], F]: ...
def converter(
    name: object = "",
    /,
    *,
    pure: bool = False,
    reads: str = "everything",
    default: PythonValue | None = None,
    timeout: float = TIMEOUT,
    variables: Sequence[str] = (),
    samples: Sequence[str] = (),
) -> object:
    """A converter: behind a comma in an expression. Its first argument is the value, of the type that it is annotated
    with. `pure`: the result depends on the value and the arguments alone."""
    asked = "nothing" if pure else reads
    return _decorator(
        CONVERTER,
        name,
        lambda made: _with(made, reads=asked, default=default, timeout=timeout, variables=variables, samples=samples),
    )


@overload
def action(function: F, /) -> F: ...
@overload
def action(
    name: str = "",
    /,
    *,
    fail: Fail = ...,
    reads: str = ...,
    writes: str = ...,
    timeout: float = ...,
    variables: Sequence[str] = ...,
    samples: Sequence[str] = ...,
) -> Callable[[F], F]: ...
def action(
    name: object = "",
    /,
    *,
    fail: Fail = "closed",
    reads: str = "everything",
    writes: str = "everything",
    timeout: float = TIMEOUT,
    variables: Sequence[str] = (),
    samples: Sequence[str] = (),
) -> object:
    """An action: `http-request python.NAME [args] [fail-open | fail-closed]`, and in the other lists of rules.

    `fail`: what becomes of the exchange when the function fails: "closed" refuses it, "open" goes on with the next
    rule.
    """

    def finish(made: Declared) -> None:
        if fail not in ("open", "closed"):
            raise WrongDeclaration(f"fail={fail!r}: 'open' or 'closed' is expected", made.file, made.line)
        made.fails_closed = fail == "closed"
        made.writes = Writes(int(_parts(made, "writes", writes, WRITABLE)))
        _with(made, reads=reads, default=None, timeout=timeout, variables=variables, samples=samples)

    return _decorator(ACTION, name, finish)


@overload
def service(function: F, /) -> F: ...
@overload
def service(
    name: str = "", /, *, timeout: float = ..., variables: Sequence[str] = ..., samples: Sequence[str] = ...
) -> Callable[[F], F]: ...
def service(
    name: object = "",
    /,
    *,
    timeout: float = TIMEOUT,
    variables: Sequence[str] = (),
    samples: Sequence[str] = (),
) -> object:
    """A service: `http-request use-service python.NAME`. It returns a pointsman.Reply, or a body."""
    return _decorator(
        SERVICE,
        name,
        lambda made: _with(
            made, reads="everything", default=None, timeout=timeout, variables=variables, samples=samples
        ),
    )


@overload
def task(function: F, /) -> F: ...
@overload
def task(name: str = "", /, *, every: float = ...) -> Callable[[F], F]: ...
def task(name: object = "", /, *, every: float = 0.0) -> object:
    """A task, in control: called every so many seconds, or, an async one without `every`, for as long as it runs."""

    def finish(made: Declared) -> None:
        if not isinstance(every, int | float) or every < 0:
            raise WrongDeclaration(f"every={every!r}: seconds are expected", made.file, made.line)
        if not every and not made.is_async:
            raise WrongDeclaration("a task that is not async needs every=<seconds>", made.file, made.line)
        made.every = float(every)

    return _decorator(TASK, name, finish)


def _decorator(sort: str, name: object, finish: Callable[[Declared], object]) -> object:
    def decorate(function: F) -> F:
        made = _declare(sort, name if isinstance(name, str) else "", function)
        finish(made)
        NOTED.add(made)
        return function

    return decorate(name) if callable(name) else decorate


def _with(
    made: Declared,
    *,
    reads: str,
    default: object,
    timeout: float,
    variables: Sequence[str],
    samples: Sequence[str],
) -> None:
    made.reads = Reads(int(_parts(made, "reads", reads, PARTS)))
    if default is not None and made.result is not None:
        try:
            made.result.gives(default)
        except TypeError as error:
            raise WrongDeclaration(f"default={default!r}: {error}", made.file, made.line) from None
    made.default = default
    if not isinstance(timeout, int | float) or not 0 < timeout <= 3600:
        raise WrongDeclaration(f"timeout={timeout!r}: seconds are expected, up to 3600", made.file, made.line)
    made.timeout = float(timeout)
    for what, names in (("variables", variables), ("samples", samples)):
        if isinstance(names, str):
            raise WrongDeclaration(f"{what}={names!r}: a list of names is expected", made.file, made.line)
        if names and not made.is_async:
            raise WrongDeclaration(
                f"{what}=...: only async functions need to name them; others ask the exchange itself",
                made.file,
                made.line,
            )
    made.variables, made.samples = tuple(variables), tuple(samples)


def _parts(made: Declared, what: str, text: str, known: Mapping[str, int]) -> int:
    found = 0
    for word in text.replace(",", " ").split():
        if word not in known:
            raise WrongDeclaration(f"{what}={text!r}: one or more of {', '.join(known)}", made.file, made.line)
        found |= int(known[word])
    return found


def _declare(sort: str, name: str, function: Callable[..., object]) -> Declared:
    plain = inspect.unwrap(function)
    code = getattr(plain, "__code__", None)
    if code is None:
        raise TypeError(f"pointsman.{sort}: a function is expected, not {function!r}")
    file, line = code.co_filename, code.co_firstlineno
    made = Declared(
        sort,
        name or plain.__name__,
        function,
        inspect.getdoc(function) or "",
        file,
        line,
        inspect.iscoroutinefunction(plain),
        False,
    )
    if not NAME.fullmatch(made.name):
        raise WrongDeclaration(f"'{made.name}' is no name: letters, digits, and any of _.:+-", file, line)
    if inspect.isasyncgenfunction(plain) or inspect.isgeneratorfunction(plain):
        raise WrongDeclaration(f"{sort} {made.name}() is a generator: it has to return, not to yield", file, line)
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:
        raise WrongDeclaration(f"the annotations of {made.name}() cannot be read: {error}", file, line) from None
    _read_signature(made, inspect.signature(function), hints)
    return made


def _read_signature(made: Declared, signature: inspect.Signature, hints: dict[str, object]) -> None:
    given = list(signature.parameters.values())
    if given and (hints.get(given[0].name) is Transaction or given[0].name == "txn" and given[0].name not in hints):
        made.takes_transaction = True
        del given[0]
    if made.sort == CONVERTER:
        if not given:
            raise WrongDeclaration(
                f"converter {made.name}() needs an argument: the value that is converted", made.file, made.line
            )
        made.value = _kind(made, given.pop(0), hints)
    if made.sort in (SERVICE, TASK) and given:
        raise WrongDeclaration(
            f"{made.sort} {made.name}() is called with "
            f"{'the transaction' if made.sort == SERVICE else 'no arguments'}: '{given[0].name}' is too much",
            made.file,
            made.line,
        )
    parameters = []
    for one in given:
        kind = _kind(made, one, hints, argument=True)
        if one.kind == inspect.Parameter.VAR_POSITIONAL:
            made.rest = kind
        elif one.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            if one.default is _MISSING:
                raise WrongDeclaration(
                    f"argument '{one.name}' of {made.name}() can only be given by its name, which a configuration "
                    "cannot do",
                    made.file,
                    made.line,
                )
        else:
            optional = one.default is not _MISSING
            parameters.append(Parameter(one.name, kind, optional, one.default if optional else None))
    made.parameters = tuple(parameters)
    if made.sort in (FETCH, CONVERTER):
        returned = hints.get("return", _MISSING)
        if returned is _MISSING or returned is type(None):
            raise WrongDeclaration(
                f"{made.sort} {made.name}() does not say what it returns: '-> str', for example", made.file, made.line
            )
        try:
            made.result = kind_of(returned, result=True)
        except WrongAnnotation as error:
            raise WrongDeclaration(f"the result of {made.name}() {error}", made.file, made.line) from None


def _kind(made: Declared, one: inspect.Parameter, hints: dict[str, object], argument: bool = False) -> Kind:
    annotation = hints.get(one.name)
    if annotation is None:
        return STRING
    if annotation is Transaction:
        raise WrongDeclaration(
            f"the Transaction is the first argument of {made.name}(), not '{one.name}'", made.file, made.line
        )
    try:
        return kind_of(annotation, result=not argument)
    except WrongAnnotation as error:
        raise WrongDeclaration(f"argument '{one.name}' of {made.name}() {error}", made.file, made.line) from None


def signature_text(made: Declared) -> str:
    """As -dKall prints those of others, and sample/arguments.py reads them. Whether one is missing is looked at later:
    a string that is left out would be an empty one otherwise."""
    kinds = [one.kind.argument for one in made.parameters]
    if made.rest is not None:
        kinds += [made.rest.argument] * _MANY
    return f"([{','.join(kinds)}])" if kinds else ""
