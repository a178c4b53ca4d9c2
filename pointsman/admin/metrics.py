"""`use-service prometheus-exporter` (manual 4.4): the state of the process and its proxies as Prometheus reads it.

    /metrics?scope=server&scope=backend&no-maint&metrics=haproxy_server_status,-haproxy_server_weight

    scope=<name>      global, frontend, listener, backend, server, sticktable, resolver, or *: all; empty: none so far.
                      May be repeated; without any it is all of them
    metrics=<list>    names that are wanted, or with a hyphen in front not wanted, with commas between
    no-maint          servers in maintenance are left out
    extra-counters    those of modules (TLS, HTTP versions), too
    desc-labels       proxies' descriptions as a label

The lane that was asked looks at the parameters and asks for the text, which is written metric by metric (answers.py).
So all rows are worked out first, and kept as columns, which takes little room.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import unquote_to_bytes

from pointsman.admin.answers import AnswerWriter, Question
from pointsman.admin.columns import COLUMNS, POSITIONS
from pointsman.admin.commands.resolvers import TEXTS, name_servers
from pointsman.admin.gauge import Gauge
from pointsman.admin.info import INFO_FIELDS, Facts
from pointsman.admin.prometheus import (
    CHECK_STATES,
    COUNTER,
    EXTRA,
    GAUGE,
    LABELS,
    METRIC_SCOPES,
    METRICS,
    NEWER,
    PROCESS_METRICS,
    SERVER_STATES,
    STATES,
    STATUS_CLASSES,
    Metric,
)
from pointsman.admin.rows import (
    BACKEND,
    FRONTEND,
    LISTENER,
    SERVER,
    Selection,
    StatisticsRow,
    Value,
    frontend_row,
    rows,
)
from pointsman.admin.view import ProxyView, View
from pointsman.resolve.name_server import COUNTERS
from pointsman.rules.reply import Served
from pointsman.rules.service import Ask, HttpService, service
from pointsman.sample.context import Context

NAME: Final = "prometheus-exporter"
STAND_IN: Final = b"<PROMEX>"
CONTENT_TYPE: Final = "text/plain; version=0.0.4"
ALL_SCOPES: Final = ("global", "frontend", "listener", "backend", "server", "sticktable", "resolver")
TYPES: Final = {"F": FRONTEND, "L": LISTENER, "B": BACKEND, "S": SERVER}
FLAGS: Final = ("no-maint", "extra-counters", "desc-labels")
UNKNOWN: Final = "NaN"
RESPONSES: Final = "http_responses_total"  # the metric with a series for each class of statuses
# Columns that each server has that another column is filled for: that has checks, or an agent.
CHECKS: Final = {
    "check_code": "check_status",
    "check_duration": "check_status",
    "agent_code": "agent_status",
    "agent_duration": "agent_status",
}
_HEX: Final = frozenset("0123456789abcdefABCDEF")


class QueryError(ValueError):
    """Parameters that mean nothing: they are answered with 400."""


@dataclass(slots=True)
class Query:
    scopes: frozenset[str] = frozenset(ALL_SCOPES)
    wanted: set[str] = field(default_factory=set)  # names of metrics; empty: all
    unwanted: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        return name not in self.unwanted and (not self.wanted or name in self.wanted)


def _decoded(text: str) -> str:
    for piece in text.split("%")[1:]:
        if len(piece) < 2 or not _HEX.issuperset(piece[:2]):
            raise QueryError(text)
    return unquote_to_bytes(text).decode("latin-1")


def parse_query(text: str) -> Query:
    """Raises QueryError."""
    query = Query()
    scopes: set[str] | None = None
    for parameter in text.split("&"):
        name, equals, value = parameter.partition("=")
        name, value = _decoded(name), _decoded(value)
        if name in FLAGS:
            query.flags.add(name)
        elif name == "scope":
            if not equals or value not in ("", "*", *ALL_SCOPES):
                raise QueryError(value)
            scopes = set() if not value else set(ALL_SCOPES) if value == "*" else (scopes or set()) | {value}
        elif name == "metrics":
            if not equals:
                raise QueryError(value)
            for one in filter(None, value.split(",")):
                (query.unwanted if one.startswith("-") else query.wanted).add(one.removeprefix("-"))
    if scopes is not None:
        query.scopes = frozenset(scopes)
    return query


# In the lane.


class _Metrics(Served):
    def __init__(self, ask: Ask, query: str) -> None:
        super().__init__(STAND_IN, True)
        self.ask = ask
        self.query = query

    def open(self, context: Context) -> int:
        method = context.request.method if context.request is not None else b""
        return self.ask(NAME, {"query": self.query, "method": method.decode("latin-1")})


class _Exporter(HttpService):
    def __init__(self, ask: Ask) -> None:
        self.ask = ask

    def answer(self, context: Context) -> Served:
        request = context.request
        query = request.uri.partition(b"?")[2].decode("latin-1") if request is not None else ""
        try:
            parse_query(query)
        except QueryError:
            return Served(STAND_IN, True, 400)
        return _Metrics(self.ask, query)


@service(NAME, "the statistics as Prometheus reads them")
def make_exporter(ask: Ask) -> HttpService:
    """prometheus-exporter: /metrics; see the head of this module for its parameters (manual 4.4, use-service)."""
    return _Exporter(ask)


# In the process that writes.


def _label(text: str) -> str:
    """A label's value, escaped as the format wants it."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: Value, metric: Metric) -> str:
    if not isinstance(value, int):
        return UNKNOWN
    return f"{value / 1000:.6f}" if metric.milliseconds else str(value)


class RowsOfKind:
    """The rows of one kind: their labels, and their columns one by one."""

    def __init__(self, wanted: list[Metric]) -> None:
        self.labels: list[str] = []
        self.http: list[bool] = []
        self.columns: dict[str, list[Value]] = {metric.column: [] for metric in wanted}
        self.columns.update({"check_status": [], "agent_status": []}, **{f"hrsp_{code}": [] for code in STATUS_CLASSES})
        # For each backend: how many servers have which state, and which check state.
        self.aggregates: list[tuple[dict[str, int], dict[str, int]]] = []

    def add(self, labels: str, row: StatisticsRow) -> None:
        self.labels.append(labels)
        self.http.append(row.get("mode") == "http")
        for name, values in self.columns.items():
            values.append(row.get(name))


class Exposition:
    """One answer to a scraper."""

    def __init__(self, view: View, gauge: Gauge, query: Query, out: AnswerWriter) -> None:
        self.view = view
        self.gauge = gauge
        self.query = query
        self.out = out
        self.descriptions = "desc-labels" in query.flags

    async def write(self) -> None:
        if "global" in self.query.scopes:
            await self._process()
        for kind, scope in METRIC_SCOPES.items():
            if scope in self.query.scopes:
                await self._rows(kind, scope)
        if "resolver" in self.query.scopes:
            await self._resolvers()

    async def _resolvers(self) -> None:
        """What name servers were asked and have answered; gauges, as the peer program calls them."""
        servers = name_servers()
        for position, (_, column) in enumerate(COUNTERS):
            name = f"haproxy_resolver_{column}"
            if not servers or not self.query.has(name):
                continue
            await self._header(name, GAUGE, TEXTS[position + 2])
            for section, server in servers:
                labels = f'resolver="{_label(section.name)}",nameserver="{_label(server.name)}"'
                await self.out.write(f"{name}{{{labels}}} {server.counted()[position]}\n")

    def _described(self, text: str) -> str:
        return f'desc="{_label(text)}"' if self.descriptions and text else ""

    async def _header(self, name: str, kind: str, text: str) -> None:
        await self.out.write(f"# HELP {name} {text}\n# TYPE {name} {kind}\n")

    async def _process(self) -> None:
        facts = Facts(self.view, self.gauge)
        known = {one.name: one for one in INFO_FIELDS}
        described = self._described(self.view.description)
        for suffix, name, kind in PROCESS_METRICS:
            full = f"haproxy_process_{suffix}"
            found = known.get(name)
            value = found.value(facts) if found is not None else UNKNOWN
            if not self.query.has(full) or value in ("", None):
                continue
            labels = [described] if described and suffix != "description" else []
            if suffix in LABELS:
                labels.insert(0, f'{LABELS[suffix]}="{_label(str(value))}"')
                value = 1
            await self._header(full, kind, found.text if found is not None else "Not known here")
            shown = f"{{{','.join(labels)}}}" if labels else ""
            await self.out.write(f"{full}{shown} {int(value) if isinstance(value, float) else value}\n")

    def _wanted(self, kind: str, scope: str) -> list[Metric]:
        found = [one for one in (*METRICS, *NEWER) if kind in one.kinds]
        if "extra-counters" in self.query.flags:
            found += [
                Metric(column.name, column.name, COUNTER, kind, optional=True, module=prefix.rstrip("_"))
                for prefix in EXTRA
                for column in COLUMNS
                if column.name.startswith(prefix)
            ]
        return [one for one in found if self.query.has(f"haproxy_{scope}_{one.name}")]

    async def _rows(self, kind: str, scope: str) -> None:
        wanted = self._wanted(kind, scope)
        sheet = RowsOfKind(wanted)
        proxies = self.view.proxies  # of this moment: others may come and go before all is written
        descriptions = {proxy.number: self._described(proxy.description) for proxy in proxies}
        for row in self._found(kind):
            labels = f'proxy="{_label(str(row.get("pxname")))}"'
            described = descriptions[row.number]
            labels += f",{described}" if described else ""
            if kind in "LS":
                labels += f',{scope}="{_label(str(row.get("svname")))}"'
            sheet.add(labels, row)
            await self.out.pause()
        if kind == "B":
            await self._aggregate(sheet, proxies)
        for metric in wanted:
            await self._metric(f"haproxy_{scope}_{metric.name}", metric, kind, sheet)

    def _found(self, kind: str) -> Iterator[StatisticsRow]:
        if kind == "F":  # frontends that were shut down, too
            return (
                frontend_row(self.view, proxy, proxy.front) for proxy in self.view.proxies if proxy.front is not None
            )
        return rows(
            self.view, Selection(types=TYPES[kind], hide_maintenance="no-maint" in self.query.flags, private=False)
        )

    async def _aggregate(self, sheet: RowsOfKind, proxies: list[ProxyView]) -> None:
        """How many servers of each backend are in each state, and how many came to each result of a check."""
        for proxy in proxies:
            if proxy.back is None:
                continue
            states = dict.fromkeys(SERVER_STATES, 0)
            checks = dict.fromkeys(CHECK_STATES, 0)
            for row in rows(self.view, Selection(types=SERVER, number=proxy.number, private=False)):
                states[state_of(row)] += 1
                status = check_state(row)
                if status in checks:
                    checks[status] += 1
                await self.out.pause()
            sheet.aggregates.append((states, checks))

    async def _metric(self, name: str, metric: Metric, kind: str, sheet: RowsOfKind) -> None:
        begun = False
        for code in STATUS_CLASSES if metric.name == RESPONSES else ("",):
            for index, labels in enumerate(sheet.labels):
                if metric.http and not sheet.http[index]:
                    continue
                lines = self._series(name, metric, kind, sheet, index, labels, code)
                if not lines:
                    continue
                if not begun:
                    begun = True
                    await self._header(name, metric.type, _meaning(metric))
                await self.out.write(lines)

    def _series(
        self, name: str, metric: Metric, kind: str, sheet: RowsOfKind, index: int, labels: str, code: str
    ) -> str:
        states = _STATES.get(metric.name)
        if states is not None:
            return "".join(
                f'{name}{{{labels},state="{state}"}} {count}\n' for state, count in states(kind, sheet, index)
            )
        if code:
            return f'{name}{{{labels},code="{code}"}} {_number(sheet.columns[f"hrsp_{code}"][index], metric)}\n'
        value = sheet.columns[metric.column][index]
        if metric.column in CHECKS and sheet.columns[CHECKS[metric.column]][index] != "":
            value = value or 0
        if value == "" and metric.optional:
            return ""
        if metric.module:
            labels += f',mod="{metric.module}"'
        return f"{name}{{{labels}}} {_number(value, metric)}\n"


States = Iterator[tuple[str, int]]  # a state, and how many are in it


def _meaning(metric: Metric) -> str:
    position = POSITIONS.get(metric.column)
    if metric.name == RESPONSES or position is None:
        return "Responses by the class of their status"
    return COLUMNS[position].text


def state_of(row: StatisticsRow) -> str:
    """One of SERVER_STATES."""
    word = str(row.get("status")).partition(" ")[0]
    return word if word in SERVER_STATES else "UP"  # no check


def check_state(row: StatisticsRow) -> str:
    return str(row.get("check_status")).removeprefix("* ")


def _status(kind: str, sheet: RowsOfKind, index: int) -> States:
    word = str(sheet.columns["status"][index]).partition(" ")[0]
    if kind == "F":
        word = "DOWN" if word == "STOP" else "UP"
    elif kind == "S" and word not in SERVER_STATES:
        word = "UP"
    return ((state, int(state == word)) for state in STATES[kind])


def _check_status(column: str, kind: str, sheet: RowsOfKind, index: int) -> States:
    word = str(sheet.columns[column][index]).removeprefix("* ")
    return ((state, int(state == word)) for state in CHECK_STATES if word)


def _aggregated(which: int, kind: str, sheet: RowsOfKind, index: int) -> States:
    return ((state, count) for state, count in sheet.aggregates[index][which].items())


_STATES: Final[Mapping[str, Callable[[str, RowsOfKind, int], States]]] = {
    "status": _status,
    "check_status": partial(_check_status, "check_status"),
    "agent_status": partial(_check_status, "agent_status"),
    "agg_server_status": partial(_aggregated, 0),
    "agg_server_check_status": partial(_aggregated, 0),
    "agg_check_status": partial(_aggregated, 1),
}


async def write_metrics(view: View, gauge: Gauge, out: AnswerWriter, question: Question) -> None:
    """The answer to the question that the service asks."""
    await out.head(200, cache_control="no-cache", content_type=CONTENT_TYPE)
    if question["method"] != "HEAD":
        await Exposition(view, gauge, parse_query(question["query"]), out).write()
