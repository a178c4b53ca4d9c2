"""Writes what the statistics' address shows, in slices; carries out what its forms ask for (answers.py, service.py)."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from pointsman.admin.actions import ActionResult, carry_out
from pointsman.admin.answers import AnswerWriter, Question
from pointsman.admin.columns import CSV_HEADER
from pointsman.admin.commands.show import show_schema_text
from pointsman.admin.gauge import Gauge
from pointsman.admin.history import History
from pointsman.admin.info import Facts
from pointsman.admin.page import POLICY, PageView, render
from pointsman.admin.render import as_json, csv, typed
from pointsman.admin.rows import Selection, StatisticsRow, rows
from pointsman.admin.view import View
from pointsman.config.stats import StatisticsPage

HTML: Final = "text/html"
TEXT: Final = "text/plain"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What the URI says behind the page's own."""

    options: frozenset[str]
    search: str
    outcome: str

    @staticmethod
    def of(rest: str) -> "PageQuery":
        options = rest.replace("?", ";").replace("&", ";").split(";")
        search = next((one[6:] for one in options if one.startswith("scope=")), "")
        outcome = next((one[3:] for one in options if one.startswith("st=")), "")
        return PageQuery(frozenset(options), search, outcome)


class Writer:
    """Writes all statistics pages of a configuration, by their numbers."""

    def __init__(self, view: View, gauge: Gauge) -> None:
        self.view = view
        self.gauge = gauge
        self.history = History(view)
        self.pages: list[StatisticsPage] = []

    async def write(self, out: AnswerWriter, question: Question) -> None:
        page = self.pages[int(question["page"])]
        asked = PageQuery.of(question["rest"])
        if question["method"] == "POST":
            await self._post(out, page, question, asked)
            return
        await self._show(out, page, question, asked)

    # Forms.

    async def _post(self, out: AnswerWriter, page: StatisticsPage, question: Question, asked: PageQuery) -> None:
        """The answer is a redirection to the page, which tells the outcome."""
        outcome = question.get("outcome", "") or (await self._changed(page, question)).value
        place = page.uri.decode("latin-1") + f";st={outcome}"
        place += "".join(f";{word}" for word in ("up", "norefresh", "no-maint") if word in asked.options)
        place += f";scope={asked.search}" if asked.search else ""
        await out.head(303, cache_control="no-cache", content_type=TEXT, content_length="0", location=place)

    async def _changed(self, page: StatisticsPage, question: Question) -> ActionResult:
        form: list[tuple[str, str]] = []
        for parameter in question["body"].split("&"):
            name, _, value = parameter.partition("=")
            form.append((_decoded(name), _decoded(value)))
        token = next((value for name, value in form if name == "token"), "")
        if question["browser"] and not hmac.compare_digest(token.encode(), question["token"].encode()):
            return ActionResult.DENY
        return await carry_out(self.view, self.gauge, page.scope, form)

    # The page.

    async def _show(self, out: AnswerWriter, page: StatisticsPage, question: Question, asked: PageQuery) -> None:
        options = asked.options
        refresh = 0 if "norefresh" in options else page.refresh
        found = rows(
            self.view,
            selection := Selection(
                scope=page.scope,
                search=asked.search,
                hide_down="up" in options,
                hide_maintenance="no-maint" in options,
                private=page.legends,
            ),
        )
        if "csv" in options:
            kind, pieces = TEXT, _lines(found)
        elif "typed" in options:
            kind, pieces = TEXT, (typed([row]) for row in found)
        elif "json" in options:
            kind, pieces = JSON, _json(found)
        elif "json-schema" in options:
            kind, pieces, refresh = JSON, iter([show_schema_text()]), 0
        else:
            wanted = [proxy for proxy in self.view.proxies if selection.wants(proxy)]
            look = self._look(page, question, asked, refresh)
            kind, pieces = HTML, render(found, Facts(self.view, self.gauge), look, self.history, wanted)
        fields = {"cache_control": "no-cache", "content_type": kind}
        if kind == HTML:  # its refresh stands in the page, for browsers without JavaScript
            fields |= {
                "content_security_policy": POLICY,
                "x_content_type_options": "nosniff",
                "x_frame_options": "DENY",
                "referrer_policy": "same-origin",
            }
        elif refresh:
            fields["refresh"] = str(refresh)
        await out.head(200, **fields)
        if question["method"] != "HEAD":
            for piece in pieces:
                await out.write(piece)

    def _look(self, page: StatisticsPage, question: Question, asked: PageQuery, refresh: int) -> PageView:
        return PageView(
            base=page.uri.decode("latin-1"),
            refresh=refresh,
            can_refresh=page.refresh,
            version=not page.hide_version,
            node=_or(page.node, self.view.node),
            description=_or(page.description, self.view.description),
            legends=page.legends,
            modules=page.modules,
            hide_down="up" in asked.options,
            search=asked.search,
            outcome=asked.outcome,
            token=question.get("token", ""),
            descriptions=_descriptions(self.view),
        )


def _descriptions(view: View) -> dict[str, str]:
    return {proxy.name: proxy.description for proxy in view.proxies if proxy.description}


def _or(said: str | None, otherwise: str) -> str:
    """None: not shown; "": what the global section says."""
    return "" if said is None else said or otherwise


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "surrogateescape")


def _lines(found: Iterator[StatisticsRow]) -> Iterator[str]:
    yield CSV_HEADER + "\n"
    for row in found:
        yield csv([row]).removeprefix(CSV_HEADER + "\n")


def _json(found: Iterator[StatisticsRow]) -> Iterator[str]:
    """One list of all rows."""
    comma = "["
    for row in found:
        yield comma + as_json([row])[1:-2]
        comma = ","
    yield "]\n" if comma == "," else "[]\n"
