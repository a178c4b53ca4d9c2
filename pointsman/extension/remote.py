"""Async functions: control runs them, while the exchange waits (net/questions.py).

    lane      a call's site makes a picture of the exchange, and a PythonNeed asks control
    control   the picture becomes a Context again; the function runs with a Transaction on it, which notes changes
    lane      the need is met: the changes are made on the exchange itself, or its value is the sample

Both ends have read the same configuration, so a question names the site by its number; it carries what was rendered for
this exchange, heads, addresses, and the variables and samples that the decorator names. Nothing of it is an object: it
is packed by `marshal`, between processes of one generation.

A call has its function's `timeout`. It is cancelled when the exchange ends, and fails when control dies meanwhile:
nobody knows what it has done already, so it is not repeated. At most MOST calls of a lane are open.
"""

import asyncio
import marshal
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Final

from pointsman.core.address import AF_UNIX, UNIX_ADDRESS, NetAddress, from_packed
from pointsman.core.registry import Registry
from pointsman.extension.calls import CALLS
from pointsman.extension.declare import Declared
from pointsman.extension.reports import REPORTS, is_cancelled
from pointsman.extension.transaction import Transaction, Verdict, compiled, not_brought
from pointsman.extension.values import PythonValue, sample_of
from pointsman.extension.views import Change, NotPossible, variable_named
from pointsman.net.answering import answers
from pointsman.net.questions import FULL, LARGEST, LATE, LOST, QUESTIONS, TOO_LONG, Asker, Question
from pointsman.proto.message import Head, Request, Response, field
from pointsman.sample.context import Context, ListenerFacts, Names, ProxyFacts, Session
from pointsman.sample.need import ELSEWHERE, EXPIRED, Need
from pointsman.sample.types import Binary, Packed, Type, Value
from pointsman.sample.variables import PROCESS_VARIABLES, Variable

# What ends a call as a failure: users' code may raise anything. KeyboardInterrupt and CancelledError, which would end a
# process or a task, are failures like others: signals are not told to lanes and control by exceptions.
FAILURES: Final = (BaseException,)
KIND: Final = b"python"
MOST: Final = 512  # open calls of a lane: others have questions, too
_ROOM: Final = 1_024  # bytes of a question beside picture and words

# Number, rendered words, a converter's value, the picture.
Asked = tuple[int, list[bytes], Value | None, "Picture"]
HeadPicture = tuple[int, int, bytes, bytes, bytes | None, bool, int, list[tuple[bytes, bytes]]]
AddressPicture = tuple[bytes, bytes, int]
Picture = tuple[
    HeadPicture | None,  # of the request, and of the response
    HeadPicture | None,
    AddressPicture,  # source and destination
    AddressPicture,
    bytes,  # names: frontend, backend, server
    bytes | None,
    bytes | None,
    bytes,  # unique id
    bytes | None,  # body; None: too large to come along
    list[tuple[str, str, Value | None]],  # variables: name, how it is marked, value
    list[tuple[str, int, Value | None]],  # samples: text, type, value
]
# What came of it: changes, a verdict, a value, which is a sample, or of services a PlainReply (replies.py). An empty
# answer: it has failed, and control has said so.
Outcome = tuple[list[Change], Change | None, object]

REASONS: Final = {
    FULL: "too many calls are open",
    TOO_LONG: f"what belongs to the exchange, or what comes back, is longer than {LARGEST} bytes",
    LATE: "no answer in time",
    LOST: "the process that controls has died meanwhile",
}


class Site:
    """A place in the configuration from which an async function is called."""

    def __init__(self, one: Declared, rule_set: int) -> None:
        self.one = one
        self.rule_set = rule_set
        self.number = len(SITES.loaded)
        SITES.loaded[str(self.number)] = self
        self.key = b"python\0%d\0" % self.number

    def arguments(self, words: Sequence[bytes], value: Value | None) -> list[object]:
        """In control: what the function is called with, behind the transaction."""
        raise NotImplementedError

    def result(self, found: object) -> object:
        """In control: what the function has returned, as a sample or a PlainReply."""
        raise NotImplementedError

    @property
    def follows(self) -> str:
        """For reports: what becomes of the rule when it fails."""
        raise NotImplementedError


SITES: Final[Registry[Site]] = Registry(
    "call of an async function", loads=True
)  # by their numbers, of this configuration


class OpenCalls:
    """Of this lane."""

    def __init__(self) -> None:
        self.count = 0
        self.names = Names()  # all proxies, for pictures that become contexts


OPEN: Final = OpenCalls()


class PythonNeed(Need):
    """An async function is asked. `name` says which; `answer` is its Outcome, None where there is none, for which
    `reason` is one of net/questions.py. Where nobody can be asked, offline, it stays open until somebody ends it."""

    def __init__(self, site: Site, payload: bytes, key: bytes) -> None:
        time = int(site.one.timeout * 1_000)
        super().__init__(ELSEWHERE, time, key)
        self.site = site
        self.name = site.one.name
        self.answer: Outcome | None = None
        self.reason = 0
        self.told = False  # control has reported a failure
        self.question: Question | None = None
        self.offline = QUESTIONS.reactor is None
        if not self.offline:
            OPEN.count += 1
            self.question = QUESTIONS.ask(KIND, payload, time, CallAsker(self), False)

    def cancel(self) -> None:
        if self.question is not None:
            self.question.cancel()
            self.closed()

    def closed(self) -> None:
        """The question is over."""
        if self.question is not None:
            self.question = None
            OPEN.count -= 1


class CallAsker(Asker):
    """Tells the need."""

    def __init__(self, need: PythonNeed) -> None:
        self.need = need

    def answered(self, question: Question, answer: bytes) -> None:
        need = self.need
        need.closed()
        if answer:
            need.answer = marshal.loads(answer)
        else:
            need.told = True
        need.meet()

    def unanswered(self, question: Question, reason: int) -> None:
        self.need.closed()
        self.need.reason = reason
        self.need.meet()


class CannotWait(RuntimeError):
    """An async function was called where nothing is waited for at this time."""


class NoAnswer(RuntimeError):
    """There is no outcome, for a reason that control does not know."""


def ask(site: Site, context: Context, words: list[bytes], value: Value | None, key: bytes) -> None:
    """`context.need` is the call. Raises CannotWait, or NoAnswer where it cannot be made."""
    if not context.may_wait:
        raise CannotWait("nothing is waited for here at this time")
    if OPEN.count >= MOST:
        raise NoAnswer(REASONS[FULL])
    asked: Asked = (site.number, words, value, picture(context, site.one))
    payload = marshal.dumps(asked)
    if len(payload) > LARGEST:
        raise NoAnswer(REASONS[TOO_LONG])
    context.need = PythonNeed(site, payload, key)


def outcome(need: Need) -> Outcome | None:
    """What came of a call that is over. None: it has failed, and that was reported. Raises NoAnswer."""
    assert isinstance(need, PythonNeed)
    if need.answer is not None:
        return need.answer
    if need.told or need.offline:
        return None
    if need.state == EXPIRED or need.reason == LATE:
        raise NoAnswer(f"no answer within {need.time} ms")
    raise NoAnswer(REASONS.get(need.reason, "control could not run it"))


# Pictures.


def _head_picture(head: Head) -> HeadPicture:
    fields = [(one.name, one.blanks or one.value) for one in head.fields]
    if isinstance(head, Request):
        return (head.major, head.minor, head.method, head.uri, head.host, head.in_parts, 0, fields)
    assert isinstance(head, Response)
    return (head.major, head.minor, b"", head.reason, None, False, head.status, fields)


def _address_picture(address: NetAddress) -> AddressPicture:
    return (address.packed, address.text, address.port)


def picture(context: Context, one: Declared) -> Picture:
    """What an async function may look at."""
    request, response = context.request, context.response
    body: bytes | None = context.body
    request_picture = None if request is None else _head_picture(request)
    response_picture = None if response is None else _head_picture(response)
    variables: list[tuple[str, str, Value | None]] = []
    for name in one.variables:
        found = variable_named(name).get(context)
        kind = "addr" if isinstance(found, Packed) else "bin" if isinstance(found, Binary) else ""
        variables.append((name, kind, bytes(found) if isinstance(found, bytes) else found))
    samples: list[tuple[str, int, Value | None]] = []
    for text in one.samples:
        expression = compiled(text)
        value = expression.get(context)
        samples.append((text, int(expression.type), bytes(value) if isinstance(value, bytes) else value))
    if body:
        taken = sum(len(name) + len(value) + 16 for name, value in (request_picture or ((),) * 8)[7])
        if len(body) + 2 * taken + _ROOM > LARGEST:
            body = None
    backend, server = context.backend, context.server
    return (
        request_picture,
        response_picture,
        _address_picture(context.source),
        _address_picture(context.destination),
        context.frontend.name,
        None if backend is None else backend.name,
        None if server is None else server.name,
        context.unique_id,
        body,
        variables,
        samples,
    )


def _request_of(found: HeadPicture) -> Request:
    made = Request()
    made.major, made.minor, made.method, made.uri, made.host, made.in_parts, _, fields = found
    made.fields = [field(name, value) for name, value in fields]
    return made


def _response_of(found: HeadPicture) -> Response:
    made = Response()
    made.major, made.minor, _, made.reason, _, _, made.status, fields = found
    made.fields = [field(name, value) for name, value in fields]
    return made


def _address_of(found: AddressPicture) -> NetAddress:
    packed, text, port = found
    if packed:
        return from_packed(packed, port)
    return UNIX_ADDRESS if text == UNIX_ADDRESS.text else NetAddress(AF_UNIX, b"", text, port)


class RemoteTransaction(Transaction):
    """On the copy of an exchange, in control."""

    def __init__(self, site: Site, found: Picture) -> None:
        request, response, source, destination, frontend, backend, server, unique_id, body, variables, samples = found
        context = Context(OPEN.names.frontends.get(frontend) or _nobody(frontend), Session(ListenerFacts("", 0)))
        context.source, context.destination = _address_of(source), _address_of(destination)
        context.request = None if request is None else _request_of(request)
        context.response = None if response is None else _response_of(response)
        if backend is not None:
            context.backend = OPEN.names.backends.get(backend) or _nobody(backend)
        context.unique_id = unique_id
        context.body = body or b""
        brought: dict[str, PythonValue | None] = {text: sample_of(Type(kind), value) for text, kind, value in samples}
        super().__init__(context, site.rule_set, f"python.{site.one.name}")
        self._brought = brought
        self.changes = []
        self._lacks_body = body is None
        self._server = b"" if server is None else server
        self._variables: dict[str, Value | None] = {}
        for name, mark, value in variables:
            marked = Packed if mark == "addr" else Binary
            self._variables[name] = marked(value) if mark and isinstance(value, bytes) else value

    @property
    def server(self) -> str:
        return self._server.decode("utf-8", "surrogateescape")

    def variable_value(self, name: str) -> Value | None:
        """Its own, those that came along, and those of the process, which all processes have."""
        if name in self._variables:
            return self._variables[name]
        if not name.startswith("proc."):
            raise not_brought("variables", name)
        return PROCESS_VARIABLES.get(name.encode())

    def write_variable(self, variable: Variable, value: Value | None) -> None:
        self._variables[variable.name] = value

    def _body(self) -> bytes:
        if self._lacks_body:
            raise NotPossible("the body is too large to come along to an async function")
        return super()._body()


def _nobody(name: bytes) -> ProxyFacts:
    return ProxyFacts(name.decode("utf-8", "surrogateescape"), 0, True)


# In control.


@answers("python")
async def run(payload: bytes) -> bytes:
    """Call it. What it raises is reported here, where its traceback is."""
    number, words, value, found = marshal.loads(payload)
    site = SITES.get(str(number))
    if site is None:
        return b""
    began, failed = perf_counter_ns(), True
    try:
        transaction = RemoteTransaction(site, found)
        made = await called(site, transaction, words, value)
        answer = marshal.dumps(made)  # type: ignore[arg-type]  # changes are made of plain values
        if len(answer) > LARGEST:
            raise NoAnswer(REASONS[TOO_LONG])
        failed = False
        return answer
    except FAILURES as error:
        if is_cancelled(error):  # its time is over, or the exchange
            failed = (perf_counter_ns() - began) / 1e9 >= site.one.timeout - 0.01
            raise
        REPORTS.failed(site.one.name, error, site.follows)
        return b""
    finally:
        CALLS.count(site.one, (perf_counter_ns() - began) // 1_000, failed)


async def called(site: Site, transaction: Transaction, words: list[bytes], value: Value | None) -> Outcome:
    """Run the function to its end or its verdict."""
    one = site.one
    front: tuple[object, ...] = (transaction,) if one.takes_transaction else ()
    result: object = None
    try:
        found = one.function(*front, *site.arguments(words, value))
        assert asyncio.iscoroutine(found)
        result = site.result(await found)
    except (Verdict, BaseExceptionGroup):  # alone, or from a task of a group
        if transaction.ended is None:
            raise
    if transaction.unfit is not None:
        raise transaction.unfit
    return (transaction.changes or [], transaction.ended, bytes(result) if isinstance(result, bytes) else result)
