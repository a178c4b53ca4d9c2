"""What has a say about an exchange, one small class each; their order stands in decision.py.

An entry says NEXT, or the outcome that ends a step of the decision: a verdict of rules (config/verdict.py), or one of
those below. None of them touches a connection. What it cannot tell yet it names in `context.need` (sample/need.py) and
says WAIT; it is asked `again` when that is met.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.config.verdict import (
    ALLOW,
    CONTINUE,
    DENY,
    FAILED,
    SWITCH,
    WAIT,
)
from pointsman.core.address import NetAddress
from pointsman.core.diagnostics import Position
from pointsman.core.wishes import WISHES
from pointsman.proto.message import Request, field
from pointsman.rules.captures import Captures
from pointsman.rules.explained import explain_content, explain_on, explain_steps
from pointsman.rules.forwarded import Forwarded
from pointsman.rules.peek import peek_request
from pointsman.rules.plan import (
    CONNECTION,
    HEADER_BLOCK,
    MOVING,
    Cursor,
    Step,
    go_on,
    run_content,
    run_steps,
    take_need,
)
from pointsman.rules.reply import Reply
from pointsman.rules.room import add_field
from pointsman.sample.context import Context
from pointsman.sample.need import CONTENT, ELSEWHERE, EXPIRED, PENDING, REQUEST_BODY, Need
from pointsman.sample.trace import Trace
from pointsman.sample.tracking import request_begun, request_follows
from pointsman.server.backend import LiveServer
from pointsman.stream.checkcache import CacheCheck
from pointsman.stream.cookies import CookieDates
from pointsman.stream.header_names import names_pass
from pointsman.stream.proxies import FOREVER, PLAIN, BackendProxy, ForwardFor, Frontend, Service
from pointsman.stream.routing import explain_backend, explain_server, pick_backend, pick_server
from pointsman.stream.stick_rules import NO_STORES

NEXT: Final = CONTINUE  # an entry has nothing to say against it
DECIDED: Final = 16  # outcomes, beside the verdicts: the exchange goes on to `forced`, or where the algorithm says
ROUTED: Final = 17  # `backend` is chosen, and decides next
LOG: Final = 18  # the log line is to be written now
MONITORED: Final = 19  # monitor-uri answers with `reply`
SERVED: Final = 20  # a service of `proxy` answers with `reply`
UNROUTED: Final = 21  # there is no backend
EARLY_DATA: Final = b"early-data"
A_REQUEST: Final = 0  # what follows on content rules: a request
A_BACKEND: Final = 1  # one that has begun goes on in its backend
AN_ANSWER: Final = 2


class Deciding(Cursor):
    """What entries see of a decision, and what they write down of it. It is also where the present list of rules has
    stopped."""

    def __init__(self, frontend: Frontend, context: Context) -> None:
        super().__init__()
        self.frontend = frontend
        self.context = context
        self.backend: BackendProxy | None = None
        self.forced: LiveServer | None = None  # by use-server or by persistence (persistence.py)
        self.persistence = PLAIN  # what force-persist and ignore-persist say
        self.dates: CookieDates | None = None  # of the persistence cookie, if the request has one
        self.provided = False  # the server sets that cookie
        self.stores = NO_STORES  # what tables are to learn of it (sticking.py)
        self.answer: Reply | None = None  # of monitor-uri or of a service
        self.proxy: Frontend | BackendProxy = frontend  # whose service that is
        self.waits = True  # who runs it would wait
        self.inspects = False  # who runs it would wait for more bytes, if for nothing else
        self.final = False  # no more bytes come that content rules could look at
        self.counted = False  # tables have counted the request already, though its rules have not been asked
        self.until = 0  # when the inspection is over that is under way (monotonic ms)
        self.trace: Trace | None = None  # where the records of rules and routes go, if somebody wants them


@mypyc_attr(allow_interpreted_subclasses=True)
class Entry:
    """One thing that has a say. `name` is that of the configuration, `at` its place there; rules, routes and their
    conditions have places of their own."""

    name = ""
    at: Position  # known once it stands in a plan (decision.py)
    next: "Entry | None" = None  # in the plan that it belongs to

    def decide(self, one: Deciding) -> int:
        """NEXT, or an outcome. After WAIT it is asked `again`."""
        raise NotImplementedError

    def again(self, one: Deciding) -> int:
        """What it waited for is here, or will not come."""
        take_need(one.context)
        return self.decide(one)


class ContentRules(Entry):
    """A list of layer 4 content rules (manual 4.2, tcp-request content). They look at what has come so far, again with
    each piece, for `delay` ms from when they are first asked; then, or where no more can come, that is all there is."""

    def __init__(
        self, name: str, steps: list[Step], delay: int, captures: Captures | None, peeks: bool, before: int
    ) -> None:
        self.name = name
        self.before = before  # whether a request that passes them begins then, for tables
        self.steps = steps
        self.delay = delay
        self.peeks = peeks
        self.captures = captures

    def decide(self, one: Deciding) -> int:
        context = one.context
        if self.captures is not None:
            self.captures.begin(context)
        one.until = context.now + self.delay
        one.awaiting = 0
        return self._judge(one, not self.delay)

    def again(self, one: Deciding) -> int:
        need = one.context.need
        late = need is not None and need.state == EXPIRED
        if need is not None and need.kind == ELSEWHERE:
            if need.state == PENDING:
                return WAIT  # more bytes came meanwhile
            late = one.context.now >= one.until
        take_need(one.context)
        return self._judge(one, late)

    def _judge(self, one: Deciding, late: bool) -> int:
        context = one.context
        final = late or one.final or not (one.waits or one.inspects)
        trace = one.trace
        one.asks = one.waits or one.inspects
        if self.peeks:
            context.unparsed = peek_request(context) and not final
        if trace is None:
            verdict = run_content(self.steps, context, final, one)
        else:
            verdict = explain_content(self.steps, context, final, one, trace)
        context.unparsed = False
        if verdict == WAIT:
            if context.need is None:
                context.need = Need(CONTENT, max(0, one.until - context.now))
            return WAIT
        if verdict == SWITCH and not one.inspects:  # it speaks HTTP already
            context.answer = None
            verdict = NEXT
        elif verdict == ALLOW:
            verdict = NEXT
        if verdict == NEXT and self.before != AN_ANSWER and WISHES.tracks and not one.inspects:
            self._count(one)
        return verdict

    def _count(self, one: Deciding) -> None:
        """Tables count the request behind these rules (as in the peer program): one that is refused here is none yet,
        and what they ask of a limit is how many were before it."""
        context = one.context
        request_follows(context, context.now)
        if self.before == A_REQUEST:
            if not one.counted:
                request_begun(context.session, context.now)
            one.counted = False


# What has a say about a request.


class CaptureRequest(Entry):
    name = "capture"

    def __init__(self, captures: Captures) -> None:
        self.captures = captures

    def decide(self, one: Deciding) -> int:
        self.captures.of_request(one.context)
        return NEXT


class UniqueId(Entry):
    """unique-id-format and unique-id-header."""

    name = "unique-id-format"

    def decide(self, one: Deciding) -> int:
        frontend = one.frontend
        context = one.context
        request = context.request
        assert frontend.unique_id is not None
        context.asked |= MOVING
        context.unique_id = frontend.unique_id.render(context)
        if (
            request is None
            or not frontend.unique_id_header
            or add_field(context, request, field(frontend.unique_id_header, context.unique_id))
        ):
            return NEXT
        return FAILED


class MonitorUri(Entry):
    name = "monitor-uri"

    def __init__(self, monitor: Service) -> None:
        self.monitor = monitor

    def decide(self, one: Deciding) -> int:
        reply = self.monitor.answer(one.context)
        if reply is None:
            return NEXT
        one.answer = reply
        return MONITORED


class EarlyData(Entry):
    """Servers are told that a request came before its client's handshake was over: whoever saw it on its way may have
    sent it (RFC 8470, 5.1). One that says so already came early to somebody before us."""

    name = "allow-0rtt"

    def decide(self, one: Deciding) -> int:
        return NEXT if tell_early(one.context) else FAILED


def tell_early(context: Context) -> bool:
    """If that is so. False: it does not fit."""
    session = context.session
    request = context.request
    assert request is not None
    if session.tls is None or not session.tls.early:
        return True
    context.asked |= MOVING
    session.early = request
    known = any(each.name == EARLY_DATA for each in request.fields)
    return known or add_field(context, request, field(EARLY_DATA, b"1"))


class EarlyLine(Entry):
    """A log line that shows nothing of what follows."""

    name = "log-format"

    def decide(self, one: Deciding) -> int:
        one.context.asked |= MOVING  # the line shows the head before its rules
        return LOG


class WholeBody(Entry):
    """option http-buffer-request: the rules behind it see the body. `time`: ms from the request's beginning on."""

    name = "option http-buffer-request"

    def __init__(self, time: int) -> None:
        self.time = time

    def decide(self, one: Deciding) -> int:
        request = one.context.request
        assert request is not None
        if not has_body(request) and not request.expects_continue:
            return NEXT
        one.context.need = body_need(one, self.time)
        return WAIT

    def again(self, one: Deciding) -> int:
        take_need(one.context)
        return NEXT


class Rules(Entry):
    """A list of rules. Its steps know their places."""

    def __init__(self, name: str, steps: list[Step]) -> None:
        self.name = name
        self.steps = steps

    def decide(self, one: Deciding) -> int:
        cursor = one if one.waits else None
        trace = one.trace
        if trace is None:
            verdict = run_steps(self.steps, one.context, cursor)
        else:
            verdict = explain_steps(self.steps, one.context, trace, cursor)
        return NEXT if verdict == ALLOW else verdict

    def again(self, one: Deciding) -> int:
        trace = one.trace
        if trace is None:
            verdict = go_on(one.context, one)
        else:
            verdict = explain_on(one.context, trace, one)
        return NEXT if verdict == ALLOW else verdict


class HeaderNames(Entry):
    """Names that servers may confuse are deleted or refused."""

    name = "option http-restrict-req-hdr-names"

    def __init__(self, policy: int) -> None:
        self.policy = policy

    def decide(self, one: Deciding) -> int:
        context = one.context
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

    def decide(self, one: Deciding) -> int:
        context = one.context
        request = context.request
        if request is not None and request.method == b"POST" and self.service.wants_body(context):
            context.need = body_need(one, one.frontend.http_request_time)
            return WAIT
        return self.again(one)

    def again(self, one: Deciding) -> int:
        context = one.context
        take_need(context)
        context.may_wait = one.waits
        reply = self.service.answer(context)
        context.may_wait = False
        if context.need is not None:
            return WAIT  # its own rules ask elsewhere
        if reply is None:
            return NEXT
        one.answer = reply
        one.proxy = self.proxy
        return SERVED


class Routing(Entry):
    """use_backend, default_backend. The routes know their places."""

    name = "use_backend"

    def decide(self, one: Deciding) -> int:
        context = one.context
        trace = one.trace
        context.may_wait = one.waits
        if trace is None:
            backend = pick_backend(one.frontend, context)
        else:
            known = len(trace.records)
            backend = explain_backend(one.frontend, context, trace)
            if context.need is not None:
                del trace.records[known:]  # they are looked at again
        context.may_wait = False
        if context.need is not None:
            return WAIT
        one.backend = backend
        return UNROUTED if backend is None else ROUTED


class UseServer(Entry):
    """use-server. The routes know their places."""

    name = "use-server"

    def decide(self, one: Deciding) -> int:
        context = one.context
        backend = one.backend
        assert backend is not None
        context.asked |= MOVING
        trace = one.trace
        context.may_wait = one.waits
        if trace is None:
            one.forced = pick_server(backend, context, one.persistence)
        else:
            known = len(trace.records)
            one.forced = explain_server(backend, context, trace, one.persistence)
            if context.need is not None:
                del trace.records[known:]  # they are looked at again
        context.may_wait = False
        return NEXT if context.need is None else WAIT


class ForwardedField(Entry):
    """option forwarded of the backend."""

    name = "option forwarded"

    def __init__(self, header: Forwarded) -> None:
        self.header = header

    def decide(self, one: Deciding) -> int:
        request = one.context.request
        assert request is not None
        return NEXT if self.header.apply(one.context, request) else FAILED


class Addresses(Entry):
    """option forwardfor and option originalto, of the frontend or of the backend."""

    name = "option forwardfor"

    def decide(self, one: Deciding) -> int:
        frontend = one.frontend
        context = one.context
        backend = one.backend
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


def body_need(one: Deciding, time: int) -> Need:
    """All of the request's body, within so many ms of the request's beginning; FOREVER: `timeout client` holds."""
    context = one.context
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

    def decide(self, one: Deciding) -> int:
        self.captures.of_response(one.context)
        return NEXT


class CheckCache(Entry):
    """A response with a cookie that caches would keep is blocked."""

    name = "option checkcache"

    def __init__(self, check: CacheCheck) -> None:
        self.check = check

    def decide(self, one: Deciding) -> int:
        if not self.check.blocks(one.context):
            return NEXT
        one.context.answer = None
        return DENY
