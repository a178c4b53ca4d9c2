"""The statistics of a proxy by HTTP, as a lane sees it: who is admitted, what is asked for (manual 4.2, `stats`).

    /uri;csv;norefresh     behind semicolons: csv, json, json-schema, typed, up, no-maint, norefresh, scope=<part>

GET and HEAD show; POST is a form of the page, which changes servers where `stats admin` permits it. What is shown or
changed is the business of the process that writes answers (answers.py, statistics.py).

A form is only believed if it comes from the page itself: HAProxy compares Origin, or else Referer, with Host. As not
all browsers send these, and some addresses are shared, a browser has to bring the token of its page, too. Scripts,
which nobody can lead astray, need none: what names neither an origin nor itself as a browser is a script.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pointsman.config.stats import StatisticsPage
from pointsman.proto.message import Request, path_start
from pointsman.rules.auth import challenge
from pointsman.rules.pages import DEFAULT_PAGES
from pointsman.rules.reply import Reply, Served
from pointsman.rules.service import Ask
from pointsman.rules.stats import StatsAdmin, StatsRule, is_admin, verdict
from pointsman.sample.context import Context
from pointsman.sample.fetch.auth import basic
from pointsman.stream.proxies import Program, Service

METHODS: Final = (b"GET", b"HEAD", b"POST")
NAME: Final = "statistics"  # which writer control is asked for
STAND_IN: Final = b"<STATS>"
_BROWSERS: Final = (b"origin", b"referer", b"sec-fetch-site", b"cookie")  # fields that scripts do not send


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what: the lines of rules/stats.py, and the key of the forms' tokens."""

    rules: tuple[StatsRule, ...] = ()
    admin: tuple[StatsAdmin, ...] = ()
    secret: bytes = b""


class _Answer(Served):
    def __init__(self, ask: Ask, question: Mapping[str, str]) -> None:
        super().__init__(STAND_IN, False)
        self.ask = ask
        self.question = question

    def open(self, context: Context) -> int:
        return self.ask(NAME, self.question)


class Statistics(Service):
    """`number`: which of the pages of this configuration it is."""

    def __init__(self, number: int, page: StatisticsPage, access: Access, program: Program, ask: Ask) -> None:
        self.number = number
        self.program = program
        self.page = page
        self.access = access
        self.ask = ask

    def is_asked(self, context: Context) -> bool:
        request = context.request
        if request is None or request.method not in METHODS:
            return False
        return request.uri.startswith(self.page.uri, max(path_start(request.uri), 0))

    def wants_body(self, context: Context) -> bool:
        request = context.request
        return request is not None and request.method == b"POST" and self.is_asked(context)

    def answer(self, context: Context) -> Reply | None:
        request = context.request
        if request is None or not self.is_asked(context):
            return None
        refusal = self._refusal(context)
        if refusal is not None:
            return refusal
        user = (basic(context) or (b"", b""))[0]
        admin = is_admin(self.access.admin, context)
        question = {
            "page": str(self.number),
            "rest": request.uri[max(path_start(request.uri), 0) + len(self.page.uri) :].decode("latin-1"),
            "method": request.method.decode("latin-1"),
        }
        if admin:
            question["token"] = token_of(self.access.secret, self.number, user)
        if request.method == b"POST":
            if not admin or not same_origin(request):
                question["outcome"] = "DENY"
            elif request.length != len(context.body) and len(context.body) >= self.program.head_limit:
                question["outcome"] = "EXCD"  # the buffer is full, and that was not all of it
            question["body"] = context.body.decode("latin-1")
            question["browser"] = "1" if is_browser(request) else ""
        return _Answer(self.ask, question)

    def _refusal(self, context: Context) -> Reply | None:
        """The answer to who may not even look."""
        rule = verdict(self.access.rules, context)
        if rule is not None:
            if rule.verdict == "allow":
                return None
            if rule.verdict == "deny":
                return DEFAULT_PAGES[403]
            return _challenge(context, rule.realm.encode() or self.page.realm)
        return None if self._admits(context) else _challenge(context, self.page.realm)

    def _admits(self, context: Context) -> bool:
        """Compared in constant time, with all accounts, so that time tells nothing of them."""
        if not self.page.accounts:
            return True
        user, password = basic(context) or (b"", b"")
        admitted = False
        for name, secret in self.page.accounts:
            same_name = hmac.compare_digest(name, user)
            admitted |= hmac.compare_digest(secret, password) and same_name
        return admitted


def _challenge(context: Context, realm: bytes) -> Reply:
    made = challenge(context, realm)
    return DEFAULT_PAGES[made.status].challenging(made)


def token_of(secret: bytes, number: int, user: bytes) -> str:
    """The token in the forms that this user gets on this page. All lanes have the same secret, made at the start."""
    return hmac.new(secret, b"%d:%b" % (number, user), hashlib.sha256).hexdigest()[:32]


def same_origin(request: Request) -> bool:
    """Origin, or else Referer, names the host that was asked; true where there is neither."""
    origin = request.get(b"origin")
    if origin is None:
        origin = request.get(b"referer")
    if origin is None:
        return True
    host = origin.partition(b"://")[2].partition(b"/")[0]
    return bool(host) and host.lower() == (request.get(b"host") or b"").lower()


def is_browser(request: Request) -> bool:
    if any(request.get(name) is not None for name in _BROWSERS):
        return True
    return (request.get(b"user-agent") or b"").startswith(b"Mozilla/")
