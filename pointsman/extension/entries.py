"""Functions as fetches, converters, actions and services of a configuration: python.NAME.

What is registered here belongs to the configuration that is being read (Registry.loaded). Arguments of fetches and
converters are constants, as those of others are; those of actions are log-formats, so that they may be computed for
each exchange.
"""

import marshal
from collections.abc import Sequence
from typing import Final

from pointsman.config.action import ACTIONS, ActionEntry
from pointsman.extension.actions import HTTP, TCP, ActionMaker
from pointsman.extension.calls import CALLS
from pointsman.extension.declare import ACTION, CONVERTER, FETCH, SERVICE, Declared, signature_text
from pointsman.extension.remote import FAILURES, Site, ask, outcome
from pointsman.extension.reports import REPORTS
from pointsman.extension.services import service_entry
from pointsman.extension.transaction import Transaction, compiled
from pointsman.extension.values import Kind
from pointsman.extension.views import variable_named
from pointsman.rules.plan import MOVING
from pointsman.rules.service import SERVICES
from pointsman.sample.arguments import Arguments, signature
from pointsman.sample.context import Context
from pointsman.sample.registry import CONVERTERS, FETCHES, Converter, Fetch, Fetched
from pointsman.sample.source import Convert, ConverterStep, Source
from pointsman.sample.types import WAITED, Value, Where

MANUAL: Final = "docs/python.md"


def register(one: Declared) -> None:
    """Make it known to the configuration that is being read. ValueError: it names what is no variable or no sample."""
    for named in one.variables:
        variable_named(named)
    for asked in one.samples:
        compiled(asked)
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
    elif one.sort == SERVICE:
        SERVICES.loaded[name] = service_entry(one)


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

    def call(self, ctx: Context, value: Value | None) -> Value | None:
        """`value`: what a converter is given; None: it is a fetch."""
        one = self.one
        began = CALLS.begin(one)
        failed = True
        transaction = Transaction(ctx, 0, f"python.{one.name}")
        try:
            given: list[object] = [transaction] if one.takes_transaction else []
            if value is not None:
                assert one.value is not None
                given.append(one.value.takes(value))
            found = one.function(*given, *self.arguments)
            result = None if found is None else self.gives(found)
            failed = False
            return result
        except FAILURES as error:
            return self.failed(ctx, error)
        finally:
            transaction.over()
            CALLS.end(one, began, failed)

    def failed(self, ctx: Context, error: BaseException) -> Value | None:
        ctx.asked |= MOVING  # the next time it may not fail
        REPORTS.failed(self.one.name, error, self.follows)
        return self.default

    @property
    def follows(self) -> str:
        return ", no sample" if self.default is None else ", its default holds"


class AsyncCall(FunctionCall):
    """The same of an async function. At one place it is asked once in an exchange; a converter: once for each value."""

    def __init__(self, one: Declared, arguments: tuple[object, ...]) -> None:
        super().__init__(one, arguments)
        self.site = CallSite(self)

    def call(self, ctx: Context, value: Value | None) -> Value | None:
        site = self.site
        plain = bytes(value) if isinstance(value, bytes) else value  # a marked one cannot be packed
        key = site.key + marshal.dumps(plain)
        need = ctx.answer_to(key)
        try:
            if need is not None:
                found = outcome(need)
                if found is None:
                    return self.default
                result = found[2]
                assert result is None or isinstance(result, int | bytes)
                return result
            if ctx.need is None:  # else one is waited for already, and all is asked again
                ask(site, ctx, [], plain, key)
        except FAILURES as error:
            CALLS.count(self.one, 0, True)
            return self.failed(ctx, error)
        return None


class CallSite(Site):
    """Of a fetch or a converter."""

    def __init__(self, call: FunctionCall) -> None:
        super().__init__(call.one, 0)
        self.call = call

    def arguments(self, words: Sequence[bytes], value: Value | None) -> list[object]:
        kind = self.one.value
        return [*([kind.takes(value)] if kind is not None and value is not None else []), *self.call.arguments]

    def result(self, found: object) -> Value | None:
        return None if found is None else self.call.gives(found)

    @property
    def follows(self) -> str:
        return self.call.follows


def _call(one: Declared, args: Arguments) -> FunctionCall:
    if not one.is_async:
        return FunctionCall(one, bound(one, args))
    args.reads |= WAITED
    return AsyncCall(one, bound(one, args))


class PythonFetch(Source):
    """A fetch that is a function of a file."""

    def __init__(self, call: FunctionCall) -> None:
        self.many = False
        self.function = call

    def get(self, ctx: Context) -> Value | None:
        return self.function.call(ctx, None)


class PythonConverter(ConverterStep):
    """A converter that is a function of a file."""

    def __init__(self, call: FunctionCall) -> None:
        self.function = call

    def run(self, ctx: Context, value: Value) -> Value | None:
        return self.function.call(ctx, value)


class FetchMaker:
    def __init__(self, one: Declared) -> None:
        self.one = one

    def __call__(self, args: Arguments) -> Fetched:
        return PythonFetch(_call(self.one, args))


class ConverterMaker:
    def __init__(self, one: Declared) -> None:
        self.one = one

    def __call__(self, args: Arguments) -> Convert | ConverterStep:
        return PythonConverter(_call(self.one, args))
