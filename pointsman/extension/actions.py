"""Functions as actions: `http-request python.NAME [args] [fail-open | fail-closed]`, and in the other lists of rules.

A word behind the name is a log-format; a constant one is parsed when the configuration is loaded. A function that fails
has changed nothing, and refuses the exchange or lets it go on, as the rule or its decorator says.
"""

from collections.abc import Sequence
from typing import Final

from pointsman.config.action import (
    ACTIONS_WAIT,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    RULE_SETS,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
    RuleArgs,
    waiting_in,
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
    WAIT,
    Action,
)
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.extension.calls import CALLS
from pointsman.extension.declare import Declared, Parameter
from pointsman.extension.remote import FAILURES, Outcome, Site, ask, outcome
from pointsman.extension.reports import REPORTS
from pointsman.extension.transaction import NoRoom, Transaction, Verdict
from pointsman.extension.values import Kind, text
from pointsman.extension.views import Change
from pointsman.rules.pages import DEFAULT_PAGES
from pointsman.rules.plan import MOVING
from pointsman.rules.reply import Reply
from pointsman.rules.room import failed
from pointsman.sample.context import Context
from pointsman.sample.format import Format
from pointsman.sample.types import WAITED, Value

HTTP: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER
TCP: Final = TCP_CONNECTION | TCP_SESSION | TCP_CONTENT | TCP_RESPONSE
FAIL_OPEN: Final = "fail-open"
FAIL_CLOSED: Final = "fail-closed"


class Word:
    """A word of an action: a constant, or a log-format that is rendered for each exchange."""

    def __init__(self, kind: Kind, value: object, format: Format | None) -> None:
        self.kind = kind
        self.value = value
        self.format = format

    def given(self, ctx: Context) -> object:
        return self.of(self.rendered(ctx))

    def rendered(self, ctx: Context) -> bytes:
        return b"" if self.format is None else self.format.render(ctx)

    def of(self, rendered: bytes) -> object:
        """In control, of what the lane has rendered."""
        return self.value if self.format is None else self.kind.parse(text(rendered))


class PythonAction(Action):
    """Call a function."""

    def __init__(self, one: Declared, words: Sequence[Word], rule_set: int, closed: bool) -> None:
        super().__init__()
        self.one = one
        self.words = words
        self.rule_set = rule_set
        self.closed = closed
        self.called = f"python.{one.name}"
        self.waits = any(word.format is not None and word.format.reads & WAITED for word in words)

    def run(self, context: Context) -> int:
        one = self.one
        began = CALLS.begin(one)
        bad = True
        transaction = Transaction(context, self.rule_set, self.called)
        try:
            given = [word.given(context) for word in self.words]
            if self.waits and context.need is not None:
                bad = False
                return WAIT
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
            transaction.over()
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


class AsyncAction(PythonAction):
    """Have control call a function, then make the changes that it wants."""

    def __init__(self, one: Declared, words: Sequence[Word], rule_set: int, closed: bool) -> None:
        super().__init__(one, words, rule_set, closed)
        self.waits = True
        self.site = ActionSite(self)

    def run(self, context: Context) -> int:
        need = context.answer_to(self.site.key)
        try:
            if need is None:
                words = [word.rendered(context) for word in self.words]
                if context.need is None:  # else one of its words waits
                    ask(self.site, context, words, None, self.site.key)
                return WAIT
            found = outcome(need)
        except FAILURES as error:
            CALLS.count(self.one, 0, True)
            return self.fail(context, error)
        return self.refuse(context) if found is None else self._made(context, found)

    def _made(self, context: Context, found: Outcome) -> int:
        """Make the changes on the exchange itself."""
        if self.rule_set & HTTP:  # content rules may begin anew; others that come here again mean another call
            context.answers = [one for one in context.answers if one.key != self.site.key]
        changes, ended, _ = found
        transaction = Transaction(context, self.rule_set, self.called)
        try:
            for change in changes:
                transaction.change(change)
        except NoRoom:
            transaction.undo()
            return failed(context)
        except FAILURES as error:
            transaction.undo()
            return self.fail(context, error)
        return CONTINUE if ended is None else verdict_of(ended, context, self.rule_set)


class ActionSite(Site):
    def __init__(self, action: PythonAction) -> None:
        super().__init__(action.one, action.rule_set)
        self.action = action

    def arguments(self, words: Sequence[bytes], value: Value | None) -> list[object]:
        return [word.of(rendered) for word, rendered in zip(self.action.words, words, strict=True)]

    def result(self, found: object) -> Value | None:
        return None

    @property
    def follows(self) -> str:
        return self.action.follows


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
    if rule_set & TCP:
        return DROP
    if status and status not in DEFAULT_PAGES:  # no page of that status can be configured
        context.answer = Reply(status, [(b"content-length", b"")], b"")
    else:
        context.answer = status or None
    return TARPIT if kind == "tarpit" else DENY


class ActionMaker:
    def __init__(self, one: Declared) -> None:
        self.one = one

    def __call__(self, args: RuleArgs) -> Action:
        """python.<name> [<args>...] [fail-open | fail-closed]"""
        words = self._words(args)
        closed = self._closed(args)
        if not self.one.is_async:
            return PythonAction(self.one, words, args.rule_set, closed)
        if not args.rule_set & ACTIONS_WAIT:
            raise ConfigError(
                f"'{args.keyword}': an async function cannot be waited for in {RULE_SETS[args.rule_set]} rules",
                args.words[args.start - 1].at,
                "http-request, http-response or tcp-request content; or a function that is not async",
            )
        return AsyncAction(self.one, words, args.rule_set, closed)

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
        with waiting_in(args.rule_set, ACTIONS_WAIT):
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
