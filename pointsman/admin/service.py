"""The statistics of a proxy by HTTP: who may see them, which form they have (manual 4.2, `stats`; management 9).

    /uri;csv;norefresh     behind semicolons: csv, json, json-schema, typed, up, no-maint, norefresh, scope=<part>

GET and HEAD are answered. POST would change servers, which needs `stats admin`: it is answered as if that were denied.
"""
import hmac
from typing import Final

from pointsman.admin.commands.show import show_schema_text
from pointsman.admin.gauge import Gauge
from pointsman.admin.info import Facts
from pointsman.admin.page import Look, render
from pointsman.admin.render import as_json, csv, typed
from pointsman.admin.rows import Selection, rows
from pointsman.admin.view import View
from pointsman.config.stats import StatisticsPage
from pointsman.proto.message import Response
from pointsman.rules.pages import DEFAULT_PAGES
from pointsman.rules.reply import Reply
from pointsman.sample.context import Context
from pointsman.sample.fetch.auth import basic
from pointsman.sample.format import Format
from pointsman.stream.proxies import Service

METHODS: Final = (b"GET", b"HEAD", b"POST")
HTML: Final = b"text/html"
TEXT: Final = b"text/plain"
JSON: Final = b"application/json"
DENIED: Final = "This page may not change anything: see 'stats admin' in the manual."


class Answer(Reply):
    """To HEAD it says no length: the body would be other bytes a moment later."""

    def render(self, context: Context) -> tuple[Response, bytes]:
        head, content = Reply.render(self, context)
        if context.request is not None and context.request.method == b"HEAD":
            head.length = -1
        return head, content


class Statistics(Service):
    def __init__(self, view: View, gauge: Gauge, page: StatisticsPage) -> None:
        self.view = view
        self.gauge = gauge
        self.page = page
        unauthorized = DEFAULT_PAGES[401]
        self.unauthorized = Reply(401, [*unauthorized.fields, (b"www-authenticate", b'Basic realm="%b"' % page.realm)],
                                  unauthorized.body)

    def answer(self, context: Context) -> Reply | None:
        request = context.request
        if request is None or request.method not in METHODS or not request.uri.startswith(self.page.uri):
            return None
        if not self._admits(context):
            return self.unauthorized
        if request.method == b"POST":
            return Reply(303, [(b"cache-control", b"no-cache"), (b"content-type", TEXT),
                               (b"content-length", b""), (b"location", self.page.uri + b";st=DENY")], b"")
        return self._show(request.uri[len(self.page.uri):])

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

    def _show(self, rest: bytes) -> Reply:
        """`rest`: the URI behind the page's own."""
        text = rest.decode("latin-1")
        options = text.replace("?", ";").replace("&", ";").split(";")
        search = next((one[6:] for one in options if one.startswith("scope=")), "")
        refresh = 0 if "norefresh" in options else self.page.refresh
        legends = self.page.legends
        found = rows(self.view, Selection(scope=self.page.scope, search=search, hide_down="up" in options,
                                          hide_maintenance="no-maint" in options, private=legends))
        if "csv" in options:
            return self._reply(TEXT, csv(found), refresh)
        if "typed" in options:
            return self._reply(TEXT, typed(found), refresh)
        if "json" in options:
            return self._reply(JSON, as_json(found), refresh)
        if "json-schema" in options:
            return self._reply(JSON, show_schema_text(), 0)
        look = Look(
            base=self.page.uri.decode("latin-1"), refresh=refresh, can_refresh=self.page.refresh,
            version=not self.page.hide_version, node=self._or(self.page.node, self.view.node),
            description=self._or(self.page.description, self.view.description), legends=legends,
            modules=self.page.modules, hide_down="up" in options, search=search,
            message=DENIED if "st=DENY" in options else "",
            descriptions=tuple((proxy.name, proxy.description) for proxy in self.view.proxies))
        return self._reply(HTML, render(found, Facts(self.view, self.gauge), look), refresh)

    def _or(self, said: str | None, otherwise: str) -> str:
        """None: not shown; "": what the global section says."""
        return "" if said is None else said or otherwise

    def _reply(self, kind: bytes, text: str, refresh: int) -> Reply:
        fields: list[tuple[bytes, bytes | Format]] = [(b"cache-control", b"no-cache"), (b"content-type", kind)]
        if refresh:
            fields.append((b"refresh", b"%d" % refresh))
        return Answer(200, fields, text.encode())
