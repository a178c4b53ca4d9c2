"""What functions of `python-load` files see of an exchange, and how they change it.

    Transaction          one call's view: request, response, addresses, variables, samples, verdicts
      Request, Response    heads, with their Headers (views.py)
      Variables            by name, with scope: "txn.user"

It stands on a Context (sample/context.py). Each change is a tuple, which `change` makes: in the lane on the exchange
itself; in control, for an async function, on its copy, and there it is noted, sent back, and made once more in the lane
(RemoteTransaction in remote.py). A verdict ends the function, wherever that is: it is raised, as a Verdict.

What a failed function has changed is taken back (`undo`): an exception costs its rule, and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Final, NoReturn, TypeVar, overload

from pointsman.config.action import HTTP_AFTER, HTTP_REQUEST, HTTP_RESPONSE
from pointsman.core.diagnostics import NOWHERE, ConfigError
from pointsman.core.registry import Registry
from pointsman.core.words import Word
from pointsman.extension.reports import REPORTS
from pointsman.extension.values import PythonValue, WrongValue, raw, sample_of, text
from pointsman.extension.views import (
    REQUEST,
    RESPONSE,
    Change,
    End,
    Exchange,
    NotPossible,
    Request,
    Response,
    Variables,
    field_name,
    field_value,
    variable_named,
)
from pointsman.proto import message as heads
from pointsman.proto.message import CONNECTION, HOST, Head, field
from pointsman.proto.tokens import tokens
from pointsman.proto.weight import PIECE
from pointsman.rules.headers import rename_host, without
from pointsman.rules.reply import MOVED
from pointsman.rules.request_line import set_method, set_path, set_query, set_uri, write
from pointsman.rules.room import take
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression, parse_expression
from pointsman.sample.types import Binary, Packed, Reads, Value, Where
from pointsman.sample.variables import Variable, assign

T = TypeVar("T")

_SIDES: Final = {HTTP_REQUEST: REQUEST, HTTP_RESPONSE: RESPONSE, HTTP_AFTER: RESPONSE}  # which a rule set may change
_MOST_EXPRESSIONS: Final = 1_024  # that are kept compiled
_MOST_BODY: Final = 1 << 20  # bytes of an answer that a function gives at once
# What a copy of an exchange has: an async function may ask for samples that look at nothing else (remote.py).
COPIED: Final = int(Reads.REQUEST_LINE | Reads.HEADER_BLOCK | Reads.SOURCE | Reads.RESPONSE_LINE | Reads.RESPONSE_BLOCK)


class Verdict(BaseException):
    """A function has decided: it ends here. (No Exception, so that `except Exception` does not let through what was
    denied.) `change`: one of deny, reply, allow, drop, tarpit, with what belongs to it."""

    def __init__(self, change: Change) -> None:
        super().__init__(change[0])
        self.change = change


def not_brought(what: str, name: str) -> NotPossible:
    """An async function asks for what its picture of the exchange lacks."""
    return NotPossible(f"an async function can ask for '{name}' only if its decorator says so: {what}=[{name!r}]")


class NoRoom(Exception):
    """What a function writes does not fit (rules/room.py)."""


# Compiled once, and again for the next configuration: what they name may be another list then.
_EXPRESSIONS: Final = Registry[Expression]("expression of a function", loads=True).loaded


def compiled(words: str) -> Expression:
    """A sample expression. Raises ValueError."""
    found = _EXPRESSIONS.get(words)
    if found is None:
        try:
            found = parse_expression(Word(words, NOWHERE), Where.TRAFFIC)
        except ConfigError as error:
            raise ValueError(f"{words!r}: {error.finding.message}") from None
        if len(_EXPRESSIONS) < _MOST_EXPRESSIONS:
            _EXPRESSIONS[words] = found
    return found


class Transaction(Exchange):
    """One exchange, as the function that is called may see and change it, up to the end of the call."""

    def __init__(
        self,
        context: Context,
        rule_set: int = 0,
        called: str = "python",
    ) -> None:
        self._context = context
        self._rule_set = rule_set  # one of config/action.py's; 0: of a fetch or a converter, which change nothing
        self._called = called
        self._brought: Mapping[str, PythonValue | None] | None = None  # samples that came along with a copy
        self.changes: list[Change] | None = None  # those that were made, where they are made once more elsewhere
        self._undo: list[Callable[[], None]] = []
        self.ended: Change | None = None  # a verdict, whatever became of the exception that carries it
        self.unfit: NotPossible | None = None  # a verdict that these rules do not know: so much for what was refused

    # What is asked.

    @property
    def is_http(self) -> bool:
        """There is a request of HTTP: not in TCP mode, nor before it was received."""
        return self._context.request is not None

    @property
    def request(self) -> Request:
        return Request(self)

    @property
    def response(self) -> Response:
        """Behind a server's answer, or one of our own: http-response and http-after-response rules, logs."""
        return Response(self)

    @property
    def variables(self) -> Variables:
        return Variables(self)

    @property
    def source(self) -> End:
        """The client, as rules before this one have left it (set-src)."""
        return End(self._context.source)

    @property
    def destination(self) -> End:
        return End(self._context.destination)

    @property
    def payload(self) -> bytes:
        """The bytes that are here, in tcp-request content rules the client's, in tcp-response content the server's."""
        context = self._context
        return context.response_bytes or context.request_bytes

    @property
    def frontend(self) -> str:
        return text(self._context.frontend.name)

    @property
    def backend(self) -> str:
        """ "": none is chosen yet."""
        found = self._context.backend
        return "" if found is None else text(found.name)

    @property
    def server(self) -> str:
        """ "": none is chosen yet."""
        found = self._context.server
        return "" if found is None else text(found.name)

    @property
    def unique_id(self) -> str:
        """As `unique-id-format` makes it; "" without."""
        return text(self._context.unique_id)

    @overload
    def sample(self, expression: str) -> PythonValue | None: ...
    @overload
    def sample(self, expression: str, kind: type[T]) -> T | None: ...
    def sample(self, expression: str, kind: type[T] | None = None) -> T | PythonValue | None:
        """What a sample expression such as "req.hdr(host),lower" gives; None: no sample. It is compiled once, so let it
        be the same text each time. ValueError: it is none. `kind`: of what type its value must be."""
        found = self._sampled(expression)
        if kind is not None and found is not None and not isinstance(found, kind):
            raise WrongValue(f"'{expression}' gives {type(found).__name__}, not {kind.__name__}")
        return found

    def _sampled(self, expression: str) -> PythonValue | None:
        brought = self._brought
        if brought is not None and expression in brought:
            return brought[expression]
        found = compiled(expression)
        if brought is not None and found.reads & ~COPIED:
            raise not_brought("samples", expression)
        return sample_of(found.type, found.get(self._context))

    def variable_value(self, name: str) -> Value | None:
        return variable_named(name).get(self._context)

    def _body(self) -> bytes:
        return self._context.body

    def log(self, message: str, level: str = "info") -> None:
        """A line in the logs of the global section. `level`: emerg, alert, crit, err, warning, notice, info, debug."""
        REPORTS.log(f"{self._called}: {message}", level)

    # What is decided.

    def deny(self, status: int | None = None) -> NoReturn:
        """Refuse it, with the error page of that status (403; 502 for responses); in tcp rules: close."""
        self._end(("deny", 0 if status is None else checked_status(status)))

    def reply(
        self,
        status: int = 200,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
        content_type: str = "",
    ) -> NoReturn:
        """Answer with this. Without `content_type` a body of str is text/plain, one of bytes has none."""
        content, fields = reply_parts(body, headers, content_type)
        self._end(("reply", checked_status(status), fields, content))

    def redirect(self, location: str, status: int = 302) -> NoReturn:
        """Send the client elsewhere: 301, 302, 303, 307 or 308."""
        if status not in MOVED:
            raise ValueError(f"{status} is no status of a redirection: one of {', '.join(map(str, MOVED))}")
        self._end(("reply", int(status), [(b"location", field_value(location))], b""))

    def allow(self) -> NoReturn:
        """The rest of the list of rules is not looked at."""
        self._end(("allow",))

    def drop(self, *, silent: bool = False) -> NoReturn:
        """Close the connection without a word; `silent`: without the client noticing, as silent-drop does."""
        self._end(("drop", bool(silent)))

    def tarpit(self, status: int = 500) -> NoReturn:
        """Let the client wait for `timeout tarpit`, then refuse it."""
        self._end(("tarpit", checked_status(status)))

    def _end(self, change: Change) -> NoReturn:
        if not self._rule_set:
            raise NotPossible(f"a fetch or a converter decides nothing: '{change[0]}' belongs to actions")
        kind, rule_set = change[0], self._rule_set
        if kind != "allow" and (
            rule_set == HTTP_AFTER
            or kind == "tarpit"
            and rule_set != HTTP_REQUEST
            or kind == "reply"
            and rule_set not in (HTTP_REQUEST, HTTP_RESPONSE)
        ):
            self.unfit = NotPossible(f"'{kind}' is not possible in these rules")
            raise self.unfit
        self.ended = change
        raise Verdict(change)

    # What is changed.

    def _head(self, side: int) -> Head:
        head: Head | None = self._context.request if side == REQUEST else self._context.response
        if head is None:
            raise NotPossible("there is no request here" if side == REQUEST else "there is no response here")
        return head

    def change(self, change: Change) -> None:
        """Make a change. Raises NotPossible, ValueError or NoRoom."""
        if not self._rule_set:
            raise NotPossible("a fetch or a converter changes nothing: let an action do so")
        _CHANGES[str(change[0])](self, change)
        if self.changes is not None:
            self.changes.append(change)

    def over(self) -> None:
        """The call has ended: whoever has kept this would see, and change, another exchange."""
        del self._context

    def __getattr__(self, name: str) -> NoReturn:
        if name == "_context":
            raise NotPossible("the call is over, and what it was about as well: keep values, not the transaction")
        raise AttributeError(f"a transaction has no {name!r}")

    def undo(self) -> None:
        """Take back what was changed."""
        while self._undo:
            self._undo.pop()()

    def _own(self, side: object) -> Head:
        """The head, if these rules may change it."""
        assert isinstance(side, int)
        if _SIDES.get(self._rule_set) != side:
            what = "request" if side == REQUEST else "response"
            raise NotPossible(f"the {what} cannot be changed in these rules")
        return self._head(side)

    def _keep(self, head: Head) -> None:
        """Its fields and its line may be put back."""
        fields, asked, context, room = head.fields, head.close_asked, self._context, self._context.room

        def back() -> None:
            head.fields = fields
            head.close_asked = asked
            context.room = room

        self._undo.append(back)
        if isinstance(head, heads.Request):
            method, uri, host, in_parts = head.method, head.uri, head.host, head.in_parts
            request = head

            def line_back() -> None:
                request.method, request.uri, request.host, request.in_parts = method, uri, host, in_parts

            self._undo.append(line_back)

    def _header(self, change: Change) -> None:
        _, side, name, value, replaces = change
        assert isinstance(name, bytes) and isinstance(value, bytes)
        head = self._own(side)
        self._keep(head)
        made = field(name, value)
        fields = without(head, name) if replaces else head.fields
        if not take(self._context, head, PIECE + len(name) + len(value)):
            raise NoRoom
        head.fields = [*fields, made]
        if made.kind == CONNECTION:
            head.close_asked = b"close" in tokens(made.value) or head.close_asked and not replaces
        elif made.kind == HOST and replaces:
            rename_host(head, made.value)

    def _remove(self, change: Change) -> None:
        _, side, name = change
        assert isinstance(name, bytes)
        head = self._own(side)
        self._keep(head)
        head.fields = without(head, name)
        if name == b"connection":
            head.close_asked = False

    def _line(self, change: Change) -> None:
        _, part, value = change
        assert isinstance(value, bytes)
        head = self._own(REQUEST)
        assert isinstance(head, heads.Request)
        self._keep(head)
        if write(self._context, head, _EDITS[str(part)], value) and not self._context.lenient:
            raise NoRoom

    def _status(self, change: Change) -> None:
        _, status, reason = change
        assert isinstance(status, int) and isinstance(reason, bytes)
        head = self._own(RESPONSE)
        assert isinstance(head, heads.Response)
        response, context, before = head, self._context, (head.status, head.reason, self._context.record.status)
        if not take(context, head, max(0, len(reason) - len(head.reason))):
            raise NoRoom

        def back() -> None:
            response.status, response.reason, context.record.status = before

        self._undo.append(back)
        head.status = context.record.status = status
        head.reason = reason

    def _set(self, change: Change) -> None:
        _, name, kind, value = change
        assert isinstance(value, int | bytes)
        made: Value = value
        if isinstance(value, bytes) and kind:
            made = Packed(value) if kind == "addr" else Binary(value)
        self._write(str(name), made)

    def _unset(self, change: Change) -> None:
        self._write(str(change[1]), None)

    def _write(self, name: str, value: Value | None) -> None:
        variable = variable_named(name)
        if variable.parent:
            raise NotPossible(f"'{name}' is the parent stream's, and can only be read")
        self.write_variable(variable, value)

    def write_variable(self, variable: Variable, value: Value | None) -> None:
        """Give it a value; None: it has none any more."""
        context, before = self._context, variable.get(self._context)

        def back() -> None:
            if before is None:
                variable.unset(context)
            else:
                assign(variable, (), context, before)

        self._undo.append(back)
        if value is None:
            variable.unset(context)
        else:
            assign(variable, (), context, value)


_CHANGES: Final[dict[str, Callable[[Transaction, Change], None]]] = {
    "header": Transaction._header,
    "remove": Transaction._remove,
    "line": Transaction._line,
    "status": Transaction._status,
    "set": Transaction._set,
    "unset": Transaction._unset,
}
_EDITS: Final = {"method": set_method, "uri": set_uri, "path": set_path, "query": set_query}


def checked_status(status: int) -> int:
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"{status!r:.80} is no status of an answer: from 200 to 599")
    return int(status)


def reply_parts(
    body: str | bytes, headers: Mapping[str, str] | None, content_type: str
) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The body and the fields of an answer."""
    if not isinstance(body, str | bytes):
        raise TypeError(f"a body is str or bytes, not {type(body).__name__}")
    content = raw(body) if isinstance(body, str) else bytes(body)
    if len(content) > _MOST_BODY:
        raise ValueError(f"a body of {len(content)} bytes; {_MOST_BODY} at most, or let a service give it in pieces")
    fields = [(field_name(name), field_value(value)) for name, value in (headers or {}).items()]
    kind = content_type or ("text/plain; charset=utf-8" if isinstance(body, str) and content else "")
    if kind and not any(name == b"content-type" for name, _ in fields):
        fields.append((b"content-type", field_value(kind)))
    return content, [one for one in fields if one[0] not in (b"content-length", b"transfer-encoding")]
