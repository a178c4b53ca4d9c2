"""Functions as fetches, converters, actions and services of a configuration: python.NAME.

What is registered here belongs to the configuration that is being read (Registry.loaded). Arguments of fetches and
converters are constants, as those of others are; those of actions are log-formats, so that they may be computed for
each exchange.
"""

from collections.abc import Sequence
from typing import Final

from pointsman.config.action import (
    ACTIONS,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    RULE_SETS,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
    ActionEntry,
    RuleArgs,
)
from pointsman.config.verdict import (
    ALLOW,
    ANSWER,
    CLOSE_SERVER,
    CONTINUE,
    DENY,
    DROP,
    FAILED,
    SILENT_DROP,
    TARPIT,
    Action,
)
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.extension.calls import CALLS
from pointsman.extension.declare import ACTION, CONVERTER, FETCH, Declared, Parameter, signature_text
from pointsman.extension.reports import REPORTS
from pointsman.extension.transaction import Change, NoRoom, Transaction, Verdict
from pointsman.extension.values import Kind, text
from pointsman.rules.plan import MOVING
from pointsman.rules.reply import Reply
from pointsman.rules.room import failed
from pointsman.sample.arguments import Arguments, signature
from pointsman.sample.context import Context
from pointsman.sample.format import Format
from pointsman.sample.registry import CONVERTERS, FETCHES, Converter, Fetch, Fetched
from pointsman.sample.source import Convert, ConverterStep, Source
from pointsman.sample.types import Value, Where

HTTP: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER
TCP: Final = TCP_CONNECTION | TCP_SESSION | TCP_CONTENT | TCP_RESPONSE
FAIL_OPEN: Final = "fail-open"
FAIL_CLOSED: Final = "fail-closed"
MANUAL: Final = "docs/python.md"
# What ends a call as a failure: users' code may raise anything, and end the process, which it may not.
FAILURES: Final = (Exception, SystemExit)


def register(one: Declared) -> None:
    """Make it known to the configuration that is being read."""
    name = f"python.{one.name}"
    shape = signature(signature_text(one))
    if one.sort == FETCH:
        assert one.result is not None
        source = FetchMaker(one)
        FETCHES.loaded[name] = Fetch(
            name, one.result.sample, Where.TRAFFIC, one.reads, MANUAL, shape, source, one.documentation, False
        )
    elif one.sort == CONVERTER:
        assert one.result is not None and one.value is not None
        CONVERTERS.loaded[name] = Converter(
            name,
            one.value.sample,
            one.result.sample,
            one.reads,
            MANUAL,
            shape,
            ConverterMaker(one),
            one.documentation,
        )
    elif one.sort == ACTION:
        ACTIONS.loaded[name] = ActionEntry(name, HTTP | TCP, MANUAL, one.reads, one.writes, ActionMaker(one))


# Fetches and converters.


def bound(one: Declared, args: Arguments) -> tuple[object, ...]:
    """The arguments that a fetch or a converter is called with. Raises ConfigError."""
    found: list[object] = []
    for index, parameter in enumerate(one.parameters):
        if args.given(index):
            found.append(_parsed(parameter.name, parameter.kind, args, index))
        elif parameter.optional:
            found.append(parameter.default)
        else:
            raise args.wrong(
                f"'{parameter.name}' is missing",
                f"python.{one.name}({', '.join(each.name for each in one.parameters)})",
            )
    if one.rest is not None:
        for index in range(len(one.parameters), len(args.values)):
            if args.given(index):
                found.append(_parsed("*", one.rest, args, index))
    return tuple(found)


def _parsed(name: str, kind: Kind, args: Arguments, index: int) -> object:
    value = args.values[index]
    assert value is not None
    try:
        return kind.parse(value)
    except (TypeError, ValueError) as error:
        raise args.wrong(f"'{name}' is annotated as {kind.name}: {error}") from None


class FunctionCall:
    """What fetches and converters share: the function, its arguments, and what becomes of its failures."""

    def __init__(self, one: Declared, arguments: tuple[object, ...]) -> None:
        self.one = one
        self.arguments = arguments
        assert one.result is not None
        self.gives = one.result.gives
        self.default: Value | None = None if one.default is None else self.gives(one.default)

    def call(self, ctx: Context, value: object) -> Value | None:
        """`value`: a tuple of what a converter is given; of a fetch: none."""
        one = self.one
        began = CALLS.begin(one)
        failed = True
        try:
            front = (Transaction(ctx, 0, f"python.{one.name}"),) if one.takes_transaction else ()
            given = front if value is None else (*front, value)
            found = one.function(*given, *self.arguments)
            result = None if found is None else self.gives(found)
            failed = False
            return result
        except FAILURES as error:
            return self.failed(ctx, error)
        finally:
            CALLS.end(one, began, failed)

    def failed(self, ctx: Context, error: BaseException) -> Value | None:
        ctx.asked |= MOVING  # the next time it may not fail
        follows = ", no sample" if self.default is None else ", its default holds"
        REPORTS.failed(self.one.name, error, follows)
        return self.default


class PythonFetch(Source):
    """A fetch that is a function of a file."""

    def __init__(self, call: FunctionCall) -> None:
        self.many = False
        self.function = call

    def get(self, ctx: Context) -> Value | None:
        return self.function.call(ctx, None)


class PythonConverter(ConverterStep):
    """A converter that is a function of a file."""

    def __init__(self, call: FunctionCall, value: Kind) -> None:
        self.function = call
        self.value = value

    def run(self, ctx: Context, value: Value) -> Value | None:
        try:
            given = self.value.takes(value)
        except FAILURES as error:  # a string of JSON that is none
            return self.function.failed(ctx, error)
        return self.function.call(ctx, given)


class FetchMaker:
    def __init__(self, one: Declared) -> None:
        self.one = one

    def __call__(self, args: Arguments) -> Fetched:
        return PythonFetch(FunctionCall(self.one, bound(self.one, args)))


class ConverterMaker:
    def __init__(self, one: Declared) -> None:
        self.one = one

    def __call__(self, args: Arguments) -> Convert | ConverterStep:
        assert self.one.value is not None
        return PythonConverter(FunctionCall(self.one, bound(self.one, args)), self.one.value)


# Actions.


class Word:
    """A word of an action: a constant, or a log-format that is rendered for each exchange."""

    def __init__(self, kind: Kind, value: object, format: Format | None) -> None:
        self.kind = kind
        self.value = value
        self.format = format

    def given(self, ctx: Context) -> object:
        return self.value if self.format is None else self.kind.parse(text(self.format.render(ctx)))


class PythonAction(Action):
    """Call a function."""

    def __init__(self, one: Declared, words: Sequence[Word], rule_set: int, closed: bool) -> None:
        super().__init__()
        self.one = one
        self.words = words
        self.rule_set = rule_set
        self.closed = closed
        self.called = f"python.{one.name}"

    def run(self, context: Context) -> int:
        one = self.one
        began = CALLS.begin(one)
        bad = True
        transaction = Transaction(context, self.rule_set, self.called)
        try:
            given = [word.given(context) for word in self.words]
            try:
                one.function(*((transaction,) if one.takes_transaction else ()), *given)
            except Verdict:
                pass  # `ended` says which
            ended = transaction.ended
            if transaction.unfit is not None:
                raise transaction.unfit
            verdict = CONTINUE if ended is None else verdict_of(ended, context, self.rule_set)
            bad = False
            return verdict
        except NoRoom:
            transaction.undo()
            return failed(context)
        except FAILURES as error:
            transaction.undo()
            return self.fail(context, error)
        finally:
            CALLS.end(one, began, bad)

    def fail(self, context: Context, error: BaseException) -> int:
        """What a failure costs: the rule, or the exchange."""
        REPORTS.failed(self.one.name, error, self.follows)
        return self.refuse(context)

    @property
    def follows(self) -> str:
        return f", {RULE_SETS[self.rule_set]} {'refuses' if self.closed else 'goes on'} ({self._word})"

    @property
    def _word(self) -> str:
        return FAIL_CLOSED if self.closed else FAIL_OPEN

    def refuse(self, context: Context) -> int:
        context.asked |= MOVING
        if not self.closed:
            return CONTINUE
        if self.rule_set & HTTP:
            return FAILED
        return CLOSE_SERVER if self.rule_set == TCP_RESPONSE else DROP


def verdict_of(change: Change, context: Context, rule_set: int) -> int:
    """A verdict of the Transaction's as rules have it; `context.answer` is set."""
    kind = change[0]
    if kind == "allow":
        return ALLOW
    if kind == "drop":
        silent = bool(change[1])
        if rule_set == TCP_RESPONSE:
            return SILENT_DROP if silent else DROP
        context.answer = 0 if silent else None
        return SILENT_DROP if silent else DROP
    status = change[1]
    assert isinstance(status, int)
    if kind == "reply":
        fields, content = change[2], change[3]
        assert isinstance(fields, list | tuple) and isinstance(content, bytes)
        context.answer = Reply(status, [*[(bytes(n), bytes(v)) for n, v in fields], (b"content-length", b"")], content)
        return ANSWER
    if kind == "tarpit":
        context.answer = status
        return TARPIT
    if rule_set & TCP:
        return DROP
    context.answer = status or None
    return DENY


class ActionMaker:
    def __init__(self, one: Declared) -> None:
        self.one = one

    def __call__(self, args: RuleArgs) -> Action:
        """python.<name> [<args>...] [fail-open | fail-closed]"""
        words = self._words(args)
        closed = self._closed(args)
        return PythonAction(self.one, words, args.rule_set, closed)

    def _words(self, args: RuleArgs) -> list[Word]:
        one = self.one
        found: list[Word] = []
        for parameter in one.parameters:
            if _ends(args):
                if parameter.optional:
                    found.append(Word(parameter.kind, parameter.default, None))
                    continue
                names = " ".join(f"[{each.name}]" if each.optional else f"<{each.name}>" for each in one.parameters)
                raise ConfigError(
                    f"'{args.keyword}': '{parameter.name}' is missing", args.here, f"python.{one.name} {names}"
                )
            found.append(self._word(args, parameter))
        while one.rest is not None and not _ends(args):
            found.append(self._word(args, Parameter("*", one.rest)))
        return found

    def _word(self, args: RuleArgs, parameter: Parameter) -> Word:
        at = args.here
        made = args.format(f"<{parameter.name}>")
        constant = made.constant
        if constant is None:
            return Word(parameter.kind, None, made)
        return Word(parameter.kind, _argument(args, parameter, text(constant), at), None)

    def _closed(self, args: RuleArgs) -> bool:
        at = args.here
        said = args.accept(FAIL_OPEN, FAIL_CLOSED)
        if args.rule_set == HTTP_AFTER:
            if said == FAIL_CLOSED:
                raise ConfigError(
                    f"'{args.keyword}': a response cannot be refused any more in http-after-response",
                    at,
                    "fail-open, or the rule in http-response",
                )
            return False
        return said == FAIL_CLOSED if said else self.one.fails_closed


def _argument(args: RuleArgs, parameter: Parameter, word: str, at: Position) -> object:
    try:
        return parameter.kind.parse(word)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"'{args.keyword}': '{parameter.name}' is annotated as {parameter.kind.name}: {error}", at
        ) from None


def _ends(args: RuleArgs) -> bool:
    return not args.more() or args.peek() in ("if", "unless", FAIL_OPEN, FAIL_CLOSED)
