"""How an exchange is decided: the order of it as data, and a machine that goes through it. It touches no connection.

      request    captures, unique id, monitor-uri, early log line, its body (option http-buffer-request), http-request
                 rules, header names, services, routing                                     --ROUTED--> the backend's
                 body, http-request rules, header names, services, use-server, forwarded addresses       --DECIDED-->
      response   captures, http-response rules of the backend, of the frontend, option checkcache        --DECIDED-->
                 http-after-response rules of the backend, of the frontend, as of every answer of our own

`REQUEST`, `IN_BACKEND` and `RESPONSE` below say so; a proxy's plan holds those of the entries that it has. A step of
the machine (`Decision.run`) ends with an outcome: a verdict of rules (config/verdict.py) or one of those below. After
WAIT, `context.need` is what has to be met (sample/need.py) before `go_on`; after LOG and ROUTED, `proceed` and `enter`
go on at once. All others end it: `reply` and the letters say how.

Who runs it satisfies the needs: a live stream waits for them (waiting.py), a test or an explanation says what it was
told. What is counted, logged and sent is the business of who runs it as well.
"""

from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.config.verdict import (
    ALLOW,
    ANSWER,
    CONTINUE,
    DENY,
    DROP,
    FAILED,
    SILENT_DROP,
    TARPIT,
    WAIT,
)
from pointsman.core.address import NetAddress
from pointsman.log.policy import When
from pointsman.proto.message import Request, field
from pointsman.rules.captures import Captures
from pointsman.rules.explained import explain_on, explain_steps
from pointsman.rules.pages import DEFAULT_PAGES
from pointsman.rules.plan import CONNECTION, HEADER_BLOCK, MOVING, Cursor, Step, go_on, run_steps, take_need
from pointsman.rules.reply import Challenge, Reply
from pointsman.rules.room import add_field
from pointsman.sample.context import Context
from pointsman.sample.need import REQUEST_BODY, Need
from pointsman.sample.trace import Trace
from pointsman.server.backend import LiveServer
from pointsman.stream.checkcache import CacheCheck
from pointsman.stream.header_names import PRESERVE, names_pass
from pointsman.stream.proxies import FOREVER, BackendProxy, ForwardFor, Frontend, Plan, Service
from pointsman.stream.routing import explain_backend, explain_server, pick_backend, pick_server

NEXT: Final = CONTINUE  # an entry has nothing to say against it
DECIDED: Final = 16  # outcomes, beside the verdicts: the exchange goes on to `forced`, or where the algorithm says
ROUTED: Final = 17  # `backend` is chosen, and decides next
LOG: Final = 18  # the log line is to be written now
MONITORED: Final = 19  # monitor-uri answers with `reply`
SERVED: Final = 20  # a service of `proxy` answers with `reply`
NOWHERE: Final = 21  # there is no backend

# Who ended it and when, as the log says it (manual 8.5), where no connection is to blame.
REQUEST_LETTERS: Final = {
    DENY: b"PR",
    ANSWER: b"LR",
    DROP: b"PR",
    SILENT_DROP: b"PR",
    TARPIT: b"PT",
    FAILED: b"PR",
    MONITORED: b"LR",
    SERVED: b"LR",
    NOWHERE: b"SC",
}
RESPONSE_LETTERS: Final = {DENY: b"PH", ANSWER: b"LH", DROP: b"PR", SILENT_DROP: b"PR", FAILED: b"PH"}


class Entry:
    """One thing that has a say. `name` is that of the configuration."""

    name = ""

    def decide(self, decision: "Decision") -> int:
        """NEXT, or an outcome. After WAIT it is asked `again`."""
        raise NotImplementedError

    def again(self, decision: "Decision") -> int:
        """What it waited for is here, or will not come."""
        take_need(decision.context)
        return self.decide(decision)


NO_ENTRIES: Final[list[Entry]] = []


@mypyc_attr(free_list_len=1)
class Decision(Cursor):
    """How far an exchange is decided; one for all that a stream serves, one after the other. It is also where the
    present list of rules has stopped."""

    def __init__(self, frontend: Frontend, context: Context) -> None:
        super().__init__()
        self.frontend = frontend
        self.context = context
        self.backend: BackendProxy | None = None
        self.forced: LiveServer | None = None  # by use-server
        self.answer: Reply | None = None  # of monitor-uri or of a service
        self.proxy: Frontend | BackendProxy = frontend  # whose service that is
        self.waits = True  # who runs it would wait
        self.trace: Trace | None = None  # where the records of rules and routes go, if somebody wants them
        self._entries: list[Entry] = NO_ENTRIES
        self._index = 0

    # The machine.

    def begin(self, waits: bool = True) -> int:
        """A request, whose head is in the context. `waits`: whoever runs it would wait for a need."""
        self.backend = None
        self.forced = None
        self.waits = waits
        self._entries = request_plan(self.frontend)
        self._index = 0
        return self.run()

    def enter(self) -> int:
        """After ROUTED: what the backend says."""
        backend = self.backend
        assert backend is not None
        self._entries = backend_plan(backend)
        self._index = 0
        return self.run()

    def begin_response(self, backend: BackendProxy | None, waits: bool) -> int:
        """A response, whose head is in the context, `backend` the one it comes from, if it comes from one."""
        self.waits = waits
        self._entries = response_plan(self.frontend, backend)
        self._index = 0
        return self.run()

    def run(self) -> int:
        """Up to the next outcome. DECIDED: nobody has said anything else."""
        entries = self._entries
        index = self._index
        while index < len(entries):
            outcome = entries[index].decide(self)
            if outcome != NEXT:
                self._index = index
                return outcome
            index += 1
        return DECIDED

    def proceed(self) -> int:
        """After LOG: behind the entry that wanted it."""
        self._index += 1
        return self.run()

    def go_on(self) -> int:
        """After WAIT: the need is met, or will not be."""
        outcome = self._entries[self._index].again(self)
        return self.proceed() if outcome == NEXT else outcome

    def after_response(self, backend: BackendProxy | None) -> bool:
        """http-after-response, of the backend and then of the frontend: on every response, our own ones too. Nothing of
        it can wait. False: a rewrite did not fit."""
        rules = self.frontend.http_after_response
        if backend is not None and backend.http_after_response and self._after(backend.http_after_response) == FAILED:
            return False
        return not rules or self._after(rules) != FAILED

    def _after(self, rules: list[Step]) -> int:
        trace = self.trace
        return run_steps(rules, self.context) if trace is None else explain_steps(rules, self.context, trace)

    @property
    def entry(self) -> Entry:
        """The one that the last outcome comes from."""
        return self._entries[self._index]

    # What comes of it.

    def reply(self, status: int) -> Reply:
        """What a rule decided to answer; a denial may leave it to the error pages."""
        answer = self.context.answer
        self.context.answer = None
        if isinstance(answer, Reply):
            return answer
        if isinstance(answer, Challenge):
            return self.page(answer.status).challenging(answer)
        return self.page(answer if isinstance(answer, int) else status)

    def taken(self) -> Reply:
        """What monitor-uri or a service answers."""
        answer, self.answer = self.answer, None
        assert answer is not None
        return answer

    def page(self, status: int) -> Reply:
        """The error page for a status: the backend's, the frontend's, the built-in one (manual 4.2, errorfile)."""
        found: Reply | None = None
        if self.backend is not None:
            found = self.backend.pages.get(status)
        if found is None:
            found = self.frontend.pages.get(status)
        if found is None:
            found = DEFAULT_PAGES.get(status)
        return found if found is not None else DEFAULT_PAGES[500]


# What has a say about a request.


class CaptureRequest(Entry):
    name = "capture"

    def __init__(self, captures: Captures) -> None:
        self.captures = captures

    def decide(self, decision: Decision) -> int:
        self.captures.of_request(decision.context)
        return NEXT


class UniqueId(Entry):
    """unique-id-format and unique-id-header."""

    name = "unique-id-format"

    def decide(self, decision: Decision) -> int:
        frontend = decision.frontend
        context = decision.context
        request = context.request
        assert frontend.unique_id is not None and request is not None
        context.asked |= MOVING
        context.unique_id = frontend.unique_id.render(context)
        if not frontend.unique_id_header or add_field(
            context, request, field(frontend.unique_id_header, context.unique_id)
        ):
            return NEXT
        return FAILED


class MonitorUri(Entry):
    name = "monitor-uri"

    def __init__(self, monitor: Service) -> None:
        self.monitor = monitor

    def decide(self, decision: Decision) -> int:
        reply = self.monitor.answer(decision.context)
        if reply is None:
            return NEXT
        decision.answer = reply
        return MONITORED


class EarlyLine(Entry):
    """A log line that shows nothing of what follows."""

    name = "log-format"

    def decide(self, decision: Decision) -> int:
        decision.context.asked |= MOVING  # the line shows the head before its rules
        return LOG


class WholeBody(Entry):
    """option http-buffer-request: the rules behind it see the body. `time`: ms from the request's beginning on."""

    name = "option http-buffer-request"

    def __init__(self, time: int) -> None:
        self.time = time

    def decide(self, decision: Decision) -> int:
        request = decision.context.request
        assert request is not None
        if not has_body(request) and not request.expects_continue:
            return NEXT
        decision.context.need = body_need(decision, self.time)
        return WAIT

    def again(self, decision: Decision) -> int:
        take_need(decision.context)
        return NEXT


class Rules(Entry):
    """A list of rules. Its steps know their places."""

    def __init__(self, name: str, steps: list[Step]) -> None:
        self.name = name
        self.steps = steps

    def decide(self, decision: Decision) -> int:
        cursor = decision if decision.waits else None
        trace = decision.trace
        if trace is None:
            verdict = run_steps(self.steps, decision.context, cursor)
        else:
            verdict = explain_steps(self.steps, decision.context, trace, cursor)
        return NEXT if verdict == ALLOW else verdict

    def again(self, decision: Decision) -> int:
        trace = decision.trace
        if trace is None:
            verdict = go_on(decision.context, decision)
        else:
            verdict = explain_on(decision.context, trace, decision)
        return NEXT if verdict == ALLOW else verdict


class HeaderNames(Entry):
    """Names that servers may confuse are deleted or refused."""

    name = "option http-restrict-req-hdr-names"

    def __init__(self, policy: int) -> None:
        self.policy = policy

    def decide(self, decision: Decision) -> int:
        context = decision.context
        request = context.request
        assert request is not None
        context.asked |= HEADER_BLOCK
        if names_pass(request, self.policy):
            return NEXT
        context.answer = None
        return DENY


class Serve(Entry):
    """The statistics page, and what else answers inside the proxy."""

    name = "stats"

    def __init__(self, service: Service, proxy: Frontend | BackendProxy) -> None:
        self.service = service
        self.proxy = proxy

    def decide(self, decision: Decision) -> int:
        context = decision.context
        request = context.request
        if request is not None and request.method == b"POST" and self.service.wants_body(context):
            context.need = body_need(decision, decision.frontend.http_request_time)
            return WAIT
        return self.again(decision)

    def again(self, decision: Decision) -> int:
        take_need(decision.context)
        reply = self.service.answer(decision.context)
        if reply is None:
            return NEXT
        decision.answer = reply
        decision.proxy = self.proxy
        return SERVED


class Routing(Entry):
    """use_backend, default_backend. The routes know their places."""

    name = "use_backend"

    def decide(self, decision: Decision) -> int:
        context = decision.context
        trace = decision.trace
        context.may_wait = decision.waits
        known = 0 if trace is None else len(trace.records)
        if trace is None:
            backend = pick_backend(decision.frontend, context)
        else:
            backend = explain_backend(decision.frontend, context, trace)
        context.may_wait = False
        if context.need is not None:
            if trace is not None:
                del trace.records[known:]  # they are looked at again
            return WAIT
        decision.backend = backend
        return NOWHERE if backend is None else ROUTED


class UseServer(Entry):
    """use-server. The routes know their places."""

    name = "use-server"

    def decide(self, decision: Decision) -> int:
        context = decision.context
        backend = decision.backend
        assert backend is not None
        context.asked |= MOVING
        trace = decision.trace
        context.may_wait = decision.waits
        known = 0 if trace is None else len(trace.records)
        if trace is None:
            decision.forced = pick_server(backend, context)
        else:
            decision.forced = explain_server(backend, context, trace)
        context.may_wait = False
        if context.need is not None:
            if trace is not None:
                del trace.records[known:]  # they are looked at again
            return WAIT
        return NEXT


class Addresses(Entry):
    """option forwardfor and option originalto, of the frontend or of the backend."""

    name = "option forwardfor"

    def decide(self, decision: Decision) -> int:
        frontend = decision.frontend
        context = decision.context
        backend = decision.backend
        request = context.request
        assert backend is not None and request is not None
        if not _add_address(context, request, frontend.forwardfor, backend.forwardfor, context.source):
            return FAILED
        if frontend.originalto is None and backend.originalto is None:
            return NEXT
        context.asked |= CONNECTION
        added = _add_address(context, request, frontend.originalto, backend.originalto, context.destination)
        return NEXT if added else FAILED


def _add_address(
    context: Context, request: Request, front: ForwardFor | None, back: ForwardFor | None, address: NetAddress
) -> bool:
    """Where both have the option, the backend's header is taken, what either excepts is left out, and who does not say
    if-none adds it in any case. False: it does not fit."""
    option = back if back is not None else front
    if option is None or not address.packed:
        return True
    if front is not None and front.excepts(address) or back is not None and back.excepts(address):
        return True
    if (front is None or front.if_none) and (back is None or back.if_none) and request.get(option.header) is not None:
        return True
    made = option.made
    if made.value != address.text:
        made = option.made = field(option.header, address.text)
    return add_field(context, request, made)


def has_body(request: Request) -> bool:
    return request.chunked or request.length > 0


def body_need(decision: Decision, time: int) -> Need:
    """All of the request's body, within so many ms of the request's beginning; FOREVER: `timeout client` holds."""
    context = decision.context
    request = context.request
    if request is not None and has_body(request):
        context.asked |= MOVING  # the next one has to be waited for as well
    if time == FOREVER:
        return Need(REQUEST_BODY)
    return Need(REQUEST_BODY, max(0, context.record.begun + time - context.now))


# What has a say about a response.


class CaptureResponse(Entry):
    name = "capture"

    def __init__(self, captures: Captures) -> None:
        self.captures = captures

    def decide(self, decision: Decision) -> int:
        self.captures.of_response(decision.context)
        return NEXT


class CheckCache(Entry):
    """A response with a cookie that caches would keep is blocked."""

    name = "option checkcache"

    def __init__(self, check: CacheCheck) -> None:
        self.check = check

    def decide(self, decision: Decision) -> int:
        if not self.check.blocks(decision.context):
            return NEXT
        decision.context.answer = None
        return DENY


# The order.


def _captures(frontend: Frontend) -> list[Entry]:
    return [CaptureRequest(frontend.captures)] if frontend.captures is not None else []


def _unique_id(frontend: Frontend) -> list[Entry]:
    return [UniqueId()] if frontend.unique_id is not None else []


def _monitor(frontend: Frontend) -> list[Entry]:
    return [MonitorUri(frontend.monitor)] if frontend.monitor is not None else []


def _early_line(frontend: Frontend) -> list[Entry]:
    logger = frontend.logger
    return [EarlyLine()] if logger is not None and logger.when <= When.REQUEST else []


def _whole_body(frontend: Frontend) -> list[Entry]:
    return [WholeBody(frontend.http_request_time)] if frontend.buffers else []


def _http_request(proxy: Frontend | BackendProxy) -> list[Entry]:
    return [Rules("http-request", proxy.http_request)] if proxy.http_request else []


def _header_names(proxy: Frontend | BackendProxy) -> list[Entry]:
    return [HeaderNames(proxy.header_names)] if proxy.header_names != PRESERVE else []


def _services(proxy: Frontend | BackendProxy) -> list[Entry]:
    return [Serve(service, proxy) for service in proxy.services]


def _routing(frontend: Frontend) -> list[Entry]:
    return [Routing()]


def _whole_body_of_backend(backend: BackendProxy) -> list[Entry]:
    return [WholeBody(backend.request_time or FOREVER)] if backend.buffers else []


def _use_server(backend: BackendProxy) -> list[Entry]:
    return [UseServer()] if backend.use_server else []


def _addresses(backend: BackendProxy) -> list[Entry]:
    return [Addresses()] if backend.http else []


def _capture_response(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    return [CaptureResponse(frontend.captures)] if frontend.captures is not None else []


def _http_response(proxy: Frontend | BackendProxy | None) -> list[Entry]:
    return [Rules("http-response", proxy.http_response)] if proxy is not None and proxy.http_response else []


def _of_backend(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    return _http_response(backend)


def _of_frontend(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    return _http_response(frontend)


def _check_cache(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    check = backend.cache_check if backend is not None else None
    return [CheckCache(check)] if check is not None else []


OfFrontend = Callable[[Frontend], list[Entry]]
OfBackend = Callable[[BackendProxy], list[Entry]]
OfBoth = Callable[[Frontend, "BackendProxy | None"], list[Entry]]

REQUEST: Final[list[OfFrontend]] = [
    _captures,
    _unique_id,
    _monitor,
    _early_line,
    _whole_body,
    _http_request,
    _header_names,
    _services,
    _routing,
]
IN_BACKEND: Final[list[OfBackend]] = [
    _whole_body_of_backend,
    _http_request,
    _header_names,
    _services,
    _use_server,
    _addresses,
]
RESPONSE: Final[list[OfBoth]] = [_capture_response, _of_backend, _of_frontend, _check_cache]


class Entries(Plan):
    """Those that a proxy has, in their order; `responses` by the name of the backend that they come from."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.responses: dict[bytes, list[Entry]] = {}
        self.last: BackendProxy | None = None  # whose response came last, and what is decided of those
        self.last_response = NO_ENTRIES


def _plan_of(frontend: Frontend) -> Entries:
    plan = frontend.plan
    if not isinstance(plan, Entries):
        plan = frontend.plan = Entries([entry for one in REQUEST for entry in one(frontend)])
    return plan


def request_plan(frontend: Frontend) -> list[Entry]:
    """What a frontend decides of a request."""
    return _plan_of(frontend).entries


def backend_plan(backend: BackendProxy) -> list[Entry]:
    """What a backend decides of a request."""
    plan = backend.plan
    if not isinstance(plan, Entries):
        plan = backend.plan = Entries([entry for one in IN_BACKEND for entry in one(backend)])
    return plan.entries


def response_plan(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    """What both decide of a response."""
    plan = frontend.plan
    if not isinstance(plan, Entries):
        plan = _plan_of(frontend)
    if backend is not None and plan.last is backend:
        return plan.last_response
    name = backend.name if backend is not None else b""
    found = plan.responses.get(name)
    if found is None:
        found = plan.responses[name] = [entry for one in RESPONSE for entry in one(frontend, backend)]
    plan.last = backend
    plan.last_response = found
    return found
