"""How an exchange is decided: the order of it as data, and a machine that goes through it. It touches no connection.

      request    tcp-request content rules, captures, unique id, monitor-uri, early log line, its body (option
                 http-buffer-request), http-request rules, header names, services, routing       --ROUTED--> the
                 backend's tcp-request content rules, body, http-request rules, header names, services, persistence
                 (force-persist, use-server, cookie, stick rules), forwarded addresses               --DECIDED-->
      response   tcp-response content rules of the backend, captures, http-response rules of the backend, of the
                 frontend, the server's persistence cookie, option checkcache, our cookie            --DECIDED-->
                 http-after-response rules of the backend, of the frontend, as of every answer of our own

`REQUEST`, `IN_BACKEND` and `RESPONSE` below say so; a proxy's plan holds those of the entries (entries.py) that it has.
A step of the machine ends with an outcome: a verdict of rules (config/verdict.py) or one of those of
entries.py. After WAIT, `context.need` is what has to be met (sample/need.py) before `go_on`; after LOG and ROUTED,
`proceed` and `enter` go on at once. All others end it: `reply` and the letters say how.

Who runs it satisfies the needs: a live stream waits for them (waiting.py), a test or an explanation says what it was
told. What is counted, logged and sent is the business of who runs it as well.
"""

from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.config.verdict import (
    ANSWER,
    DENY,
    DROP,
    FAILED,
    INVALID,
    SILENT_DROP,
    TARPIT,
)
from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.log.policy import When
from pointsman.rules.explained import explain_steps
from pointsman.rules.pages import DEFAULT_PAGES
from pointsman.rules.plan import Step, run_steps
from pointsman.rules.reply import Challenge, Reply
from pointsman.sample.context import BY_COOKIE, BY_RDP_COOKIE, BY_STICK, BY_USE_SERVER, Context
from pointsman.stream.cookie_entries import (
    CookieLetters,
    ReadCookie,
    RoutingOfListen,
    ServerCookie,
    SetCookie,
    look_for_log,
)
from pointsman.stream.cookies import INSERT
from pointsman.stream.entries import (
    A_BACKEND,
    A_REQUEST,
    AN_ANSWER,
    DECIDED,
    MONITORED,
    NEXT,
    ROUTED,
    SERVED,
    UNROUTED,
    Addresses,
    CaptureRequest,
    CaptureResponse,
    CheckCache,
    ContentRules,
    Deciding,
    EarlyData,
    EarlyLine,
    Entry,
    ForwardedField,
    HeaderNames,
    MonitorUri,
    Routing,
    Rules,
    Serve,
    UniqueId,
    UseServer,
    WholeBody,
    tell_early,
)
from pointsman.stream.header_names import PRESERVE
from pointsman.stream.persistence import PersistRules, RdpCookie
from pointsman.stream.proxies import FOREVER, PLAIN, BackendProxy, Frontend, Plan
from pointsman.stream.stick_rules import NO_STORES
from pointsman.stream.sticking import Learning, Sticking
from pointsman.stream.told import told

# Who ended it and when, as the log says it (manual 8.5), where no connection is to blame.
REQUEST_LETTERS: Final = {
    DENY: b"PR",
    ANSWER: b"LR",
    DROP: b"PR",
    SILENT_DROP: b"PR",
    TARPIT: b"PT",
    FAILED: b"PR",
    INVALID: b"PR",
    MONITORED: b"LR",
    SERVED: b"LR",
    UNROUTED: b"SC",
}
RESPONSE_LETTERS: Final = {DENY: b"PH", ANSWER: b"LH", DROP: b"PR", SILENT_DROP: b"PR", FAILED: b"PH"}


@mypyc_attr(free_list_len=1)
class Decision(Deciding):
    """How far an exchange is decided; one for all that a stream serves, one after the other."""

    def __init__(self, frontend: Frontend, context: Context) -> None:
        super().__init__(frontend, context)
        self.entry: Entry | None = None  # the one that the last outcome comes from

    # The machine.

    def begin(self, waits: bool = True, inspected: bool = False) -> int:
        """A request, whose head is in the context, or a connection of TCP mode. `waits`: whoever runs it would wait for
        a need. `inspected`: content rules have had their say of it, when its connection was raw (switch-mode)."""
        self.backend = None
        self.forced = None
        self.persistence = PLAIN
        self.stores = NO_STORES
        self.waits = waits
        self.final = self.final and self.inspects  # of a connection: what came with it may be all
        plan = self.frontend.plan
        if not isinstance(plan, Entries):
            plan = self.frontend.plan = _of_frontend(self.frontend)
        first = plan.first
        if inspected and isinstance(first, ContentRules):
            first = first.next
        return self._run(first)

    def begin_routed(self, backend: BackendProxy, waits: bool = True) -> int:
        """The same of one whose backend was chosen before it was HTTP: the frontend has no say any more."""
        self.backend = backend
        self.forced = None
        self.persistence = PLAIN
        self.stores = NO_STORES
        self.waits = waits
        return ROUTED if tell_early(self.context) else FAILED

    def enter(self) -> int:
        """After ROUTED: what the backend says."""
        backend = self.backend
        assert backend is not None
        plan = backend.plan
        if not isinstance(plan, Entries):
            plan = backend.plan = _of_backend(backend)
        return self._run(plan.first)

    def begin_response(self, backend: BackendProxy | None, waits: bool) -> int:
        """A response, whose head is in the context, `backend` the one it comes from, if it comes from one."""
        self.waits = waits
        self.final = False
        plan = self.frontend.plan
        if not isinstance(plan, Entries):
            plan = self.frontend.plan = _of_frontend(self.frontend)
        if plan.responds is not backend or backend is None:
            _look_up(plan, self.frontend, backend)
        return self._run(plan.response)

    def _run(self, first: Entry | None) -> int:
        """From this entry up to the next outcome. DECIDED: nobody has said anything else."""
        entry = first
        while entry is not None:
            outcome = entry.decide(self)
            if outcome != NEXT:
                self.entry = entry
                return outcome
            entry = entry.next
        return DECIDED

    def proceed(self) -> int:
        """After LOG: behind the entry that wanted it."""
        entry = self.entry
        assert entry is not None
        return self._run(entry.next)

    @property
    def inspecting(self) -> bool:
        """The last outcome is one of layer 4 content rules."""
        return isinstance(self.entry, ContentRules)

    def go_on(self) -> int:
        """After WAIT: the need is met, or will not be."""
        entry = self.entry
        assert entry is not None
        outcome = entry.again(self)
        return self._run(entry.next) if outcome == NEXT else outcome

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

    def denied(self) -> None:
        """By a rule for requests: what the log says of its cookie."""
        backend = self.backend if self.backend is not None else self.frontend.twin
        if backend is not None and backend.cookie is not None:
            look_for_log(backend, self)

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


# The order.


def _content(proxy: Frontend | BackendProxy) -> list[Entry]:
    if not proxy.tcp_content:
        return []
    captures = proxy.captures if isinstance(proxy, Frontend) else None
    before = A_REQUEST if isinstance(proxy, Frontend) else A_BACKEND
    return [ContentRules("tcp-request content", proxy.tcp_content, proxy.inspect_delay, captures, proxy.peeks, before)]


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


def _early_data(frontend: Frontend) -> list[Entry]:
    return [EarlyData()] if frontend.early_data else []


def _header_names(proxy: Frontend | BackendProxy) -> list[Entry]:
    return [HeaderNames(proxy.header_names)] if proxy.header_names != PRESERVE else []


def _services(proxy: Frontend | BackendProxy) -> list[Entry]:
    return [Serve(service, proxy) for service in proxy.services]


def _cookie_letters(frontend: Frontend) -> list[Entry]:
    twin = frontend.twin
    return _letters_of_backend(twin) if twin is not None else []


def _routing(frontend: Frontend) -> list[Entry]:
    return [RoutingOfListen()] if _cookie_letters(frontend) else [Routing()]


def _whole_body_of_backend(backend: BackendProxy) -> list[Entry]:
    return [WholeBody(backend.request_time or FOREVER)] if backend.buffers else []


def _letters_of_backend(backend: BackendProxy) -> list[Entry]:
    return [CookieLetters()] if backend.http and backend.cookie is not None and backend.cookie.acts else []


def _read_cookie(backend: BackendProxy) -> list[Entry]:
    return [told(ReadCookie(backend.cookie), BY_COOKIE)] if backend.http and backend.cookie is not None else []


def _persist_rules(backend: BackendProxy) -> list[Entry]:
    return [PersistRules(backend.persist_rules)] if backend.persist_rules else []


def _use_server(backend: BackendProxy) -> list[Entry]:
    return [told(UseServer(), BY_USE_SERVER)] if backend.use_server else []


def _forwarded(backend: BackendProxy) -> list[Entry]:
    return [ForwardedField(backend.forwarded)] if backend.http and backend.forwarded is not None else []


def _rdp_cookie(backend: BackendProxy) -> list[Entry]:
    rdp = bool(backend.rdp_cookie) and not backend.http
    return [told(RdpCookie(backend.rdp_cookie, backend.servers), BY_RDP_COOKIE)] if rdp else []


def _sticking(backend: BackendProxy) -> list[Entry]:
    return [told(Sticking(backend), BY_STICK)] if backend.stick_rules else []


def _addresses(backend: BackendProxy) -> list[Entry]:
    return [Addresses()] if backend.http else []


def _response_content(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    if backend is None or not backend.tcp_response:
        return []
    return [ContentRules("tcp-response content", backend.tcp_response, backend.response_delay, None, False, AN_ANSWER)]


def _learning(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    return [Learning(backend)] if backend is not None and backend.stick_rules else []


def _capture_response(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    return [CaptureResponse(frontend.captures)] if frontend.captures is not None else []


def _http_response(proxy: Frontend | BackendProxy | None) -> list[Entry]:
    return [Rules("http-response", proxy.http_response)] if proxy is not None and proxy.http_response else []


def _rules_of_backend(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    return _http_response(backend)


def _rules_of_frontend(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    return _http_response(frontend)


def _check_cache(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    check = backend.cache_check if backend is not None else None
    return [CheckCache(check)] if check is not None else []


def _server_cookie(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    cookie = backend.cookie if backend is not None else None
    return [ServerCookie(cookie)] if cookie is not None else []


def _set_cookie(frontend: Frontend, backend: BackendProxy | None) -> list[Entry]:
    cookie = backend.cookie if backend is not None else None
    return [SetCookie(cookie)] if cookie is not None and cookie.mode == INSERT else []


OfFrontend = Callable[[Frontend], list[Entry]]
OfBackend = Callable[[BackendProxy], list[Entry]]
OfBoth = Callable[[Frontend, "BackendProxy | None"], list[Entry]]

REQUEST: Final[list[OfFrontend]] = [
    _cookie_letters,
    _content,
    _captures,
    _unique_id,
    _monitor,
    _early_line,
    _whole_body,
    _http_request,
    _early_data,
    _header_names,
    _services,
    _routing,
]
IN_BACKEND: Final[list[OfBackend]] = [
    _letters_of_backend,
    _content,
    _whole_body_of_backend,
    _http_request,
    _header_names,
    _services,
    _persist_rules,
    _use_server,
    _read_cookie,
    _rdp_cookie,
    _sticking,
    _forwarded,
    _addresses,
]
RESPONSE: Final[list[OfBoth]] = [
    _response_content,
    _learning,
    _capture_response,
    _rules_of_backend,
    _rules_of_frontend,
    _server_cookie,
    _check_cache,
    _set_cookie,
]


class Entries(Plan):
    """Those that a proxy has, each knowing the next one. A frontend's also has those of responses, by the backend that
    they come from, and at hand the last of these."""

    def __init__(self, entries: list[Entry], places: dict[str, Position]) -> None:
        self.first = _chained(entries, places)
        self.responds: BackendProxy | None = None
        self.response: Entry | None = None
        self.responses: dict[bytes, Entry | None] = {}


def _chained(entries: list[Entry], places: dict[str, Position]) -> Entry | None:
    """The first of them. Each learns where it stands in the configuration."""
    first: Entry | None = None
    for entry in reversed(entries):
        entry.at = entry.steps[0].at if isinstance(entry, Rules | ContentRules) else places.get(entry.name, NOWHERE)
        entry.next = first
        first = entry
    return first


def _of_frontend(frontend: Frontend) -> Entries:
    return Entries([entry for one in REQUEST for entry in one(frontend)], frontend.places)


def _of_backend(backend: BackendProxy) -> Entries:
    return Entries([entry for one in IN_BACKEND for entry in one(backend)], backend.places)


def _look_up(plan: Entries, frontend: Frontend, backend: BackendProxy | None) -> None:
    """What both decide of a response is at hand from now on."""
    name = backend.name if backend is not None else b""
    if name not in plan.responses:
        places = {**frontend.places, **(backend.places if backend is not None else {})}
        entries = [entry for one in RESPONSE for entry in one(frontend, backend)]
        plan.responses[name] = _chained(entries, places)
    plan.responds = backend
    plan.response = plan.responses[name]
