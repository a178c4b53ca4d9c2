"""The statistics page: page.html and style.css filled with the rows (manual 4.2, `stats enable` and its kin).

Everything that goes into it is escaped; nothing is fetched from elsewhere. On a narrow screen each row becomes a card.
"""
import html
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Final

import pointsman
from pointsman.admin.info import Facts, duration
from pointsman.admin.rows import Row

_TEMPLATE: Final = Template((Path(__file__).parent / "page.html").read_text("utf-8"))
_STYLE: Final = (Path(__file__).parent / "style.css").read_text("utf-8")

# Groups of columns of the table: heading, then (heading, column of the statistics).
GROUPS: Final = (
    ("Queue", (("Now", "qcur"), ("Max", "qmax"), ("Limit", "qlimit"))),
    ("Sessions per second", (("Now", "rate"), ("Max", "rate_max"), ("Limit", "rate_lim"))),
    ("Sessions", (("Now", "scur"), ("Max", "smax"), ("Limit", "slim"), ("Total", "stot"), ("Chosen", "lbtot"),
                  ("Last", "lastsess"))),
    ("Requests", (("Total", "req_tot"), ("Per second", "req_rate"))),
    ("Responses", (("2xx", "hrsp_2xx"), ("3xx", "hrsp_3xx"), ("4xx", "hrsp_4xx"), ("5xx", "hrsp_5xx"))),
    ("Bytes", (("In", "bin"), ("Out", "bout"))),
    ("Denied", (("Requests", "dreq"), ("Responses", "dresp"))),
    ("Errors", (("Requests", "ereq"), ("Connections", "econ"), ("Responses", "eresp"))),
    ("Repeated", (("Retries", "wretr"), ("Redispatches", "wredis"))),
    ("Servers", (("Status", "status"), ("Last check", "check_status"), ("Weight", "weight"), ("Active", "act"),
                 ("Backup", "bck"), ("Failed checks", "chkfail"), ("Downs", "chkdown"), ("Downtime", "downtime"),
                 ("Slow start", "throttle"))),
)
LEGENDS: Final = ("Details", (("Address", "addr"), ("Cookie", "cookie"), ("Algorithm", "algo"), ("Mode", "mode"),
                              ("Id", "iid"), ("Server id", "sid")))
MODULES: Final = ("Connections", (("HTTP/1 requests", "h1req"), ("New", "connect"), ("Reused", "reuse"),
                                  ("In use", "used_conn_cur"), ("Idle", "srv_icur"), ("Connect ms", "ctime"),
                                  ("Response ms", "rtime"), ("Total ms", "ttime")))
Group = tuple[str, tuple[tuple[str, str], ...]]

AGES: Final = frozenset(("downtime", "lastsess"))  # columns in seconds
SIZES: Final = frozenset(("bin", "bout"))


@dataclass(frozen=True, slots=True)
class Look:
    """What the page shows and how; `base` is its URI."""

    base: str
    refresh: int = 0  # s; 0: it does not refresh itself
    can_refresh: int = 0  # s: what it would be, had it not been switched off
    version: bool = False
    node: str = ""
    description: str = ""
    legends: bool = False
    modules: bool = False
    hide_down: bool = False
    message: str = ""
    search: str = ""
    descriptions: tuple[tuple[str, str], ...] = ()  # of proxies, by name


def escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def age(seconds: int) -> str:
    """At most two units: 5s, 3m12s, 2h5m, 4d1h."""
    if seconds < 0:
        return ""
    units = (("d", seconds // 86400), ("h", seconds // 3600 % 24), ("m", seconds // 60 % 60), ("s", seconds % 60))
    first = next((index for index, (_, count) in enumerate(units) if count), 3)
    return "".join(f"{count}{unit}" for unit, count in units[first:first + 2] if count or first == 3)


def size(count: int) -> str:
    """With decimal prefixes from ten thousand bytes on."""
    if count < 10_000:
        return str(count)
    value = count / 1000
    for prefix in "kMG":
        if value < 1000:
            return f"{value:.1f} {prefix}"
        value /= 1000
    return f"{value:.1f} T"


def colour(status: str) -> str:
    """The class of a state, for the style sheet."""
    word, _, progress = status.partition(" ")
    if word in ("UP", "DOWN") and "/" in progress and not progress.startswith("("):
        return "changing"
    return {"UP": "up", "OPEN": "up", "DOWN": "down", "FULL": "changing", "WAITING": "changing", "STOP": "maint",
            "MAINT": "maint", "DRAIN": "drain", "NOLB": "drain", "no": "unchecked"}.get(word, "unchecked")


def _cell(row: Row, title: str, name: str) -> str:
    value = row.get(name)
    classes = ""
    tip = ""
    if name == "status":
        classes = f"word {colour(str(value))}"
        since = row.get("lastchg")
        text = f"{value} {age(since)}" if isinstance(since, int) and value != "no check" else str(value)
    elif name == "check_status" and value != "":
        classes = "word"
        code, took = row.get("check_code"), row.get("check_duration")
        text = f"{value}/{code}" if code != "" else str(value)
        text += f" in {took}ms" if took != "" else ""
        tip = ": ".join(str(row.get(part)) for part in ("check_desc", "last_chk") if row.get(part) != "")
    elif isinstance(value, int) and name in AGES:
        text = age(value)
    elif isinstance(value, int) and name in SIZES:
        text, tip = size(value), str(value)
    elif name == "throttle" and value != "":
        text = f"{value}%"
    elif name in ("rate_lim", "slim") and value == 0:
        text = ""
    else:
        text = str(value)
    if not text:
        classes = "none"
    return (f'<td data-name="{escape(title)}"' + (f' class="{classes}"' if classes else "")
            + (f' title="{escape(tip)}"' if tip else "") + f">{escape(text)}</td>")


def _row(row: Row, groups: tuple[Group, ...]) -> str:
    cells = "".join(_cell(row, f"{heading}: {title}" if heading != "Servers" else title, name)
                    for heading, columns in groups for title, name in columns)
    kind = ' class="sum"' if row.kind in "FB" else ""
    name = {"F": "Frontend", "B": "Backend"}.get(row.kind, str(row.get("svname")))
    return f'<tr{kind}><th scope="row">{escape(name)}</th>{cells}</tr>\n'


def _table(rows: list[Row], groups: tuple[Group, ...], look: Look) -> str:
    name = str(rows[0].get("pxname"))
    said = dict(look.descriptions).get(name, "")
    small = f" <small>{escape(said)}</small>" if said else ""
    over = "".join(f'<th colspan="{len(columns)}">{escape(heading)}</th>' for heading, columns in groups)
    under = "".join(f"<th>{escape(title)}</th>" for _, columns in groups for title, _ in columns)
    return (f'<section id="{escape(name)}"><h2><a href="#{escape(name)}">{escape(name)}</a>{small}</h2>\n'
            f'<div class="table"><table><thead><tr><th></th>{over}</tr><tr><th></th>{under}</tr></thead>\n<tbody>\n'
            + "".join(_row(row, groups) for row in rows) + "</tbody></table></div></section>\n")


def _facts(facts: Facts) -> str:
    view = facts.view
    room = view.room
    known = (
        ("Process", facts.view.pid), ("Uptime", duration(facts.uptime)),
        ("Connections", f"{room.connections} of {room.limit}"),
        ("Connections per second", room.connection_rate.read(view.now)), ("Connections so far", room.total),
        ("Requests so far", view.program.requests), ("Idle", f"{facts.gauge.idle}%"),
        ("State", "stopping" if room.stopping else "running"))
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>\n" for name, value in known)


def _links(look: Look) -> str:
    refresh = "" if look.refresh else ";norefresh"
    down = ";up" if look.hide_down else ""
    scope = f";scope={look.search}" if look.search else ""
    links = [("Show all servers", f"{refresh}{scope}") if look.hide_down else
             ("Hide servers that are down", f";up{refresh}{scope}")]
    if look.can_refresh:
        links.append(("Do not refresh", f"{down};norefresh{scope}") if look.refresh else
                     ("Refresh itself", f"{down}{scope}"))
    links += [("Refresh now", f"{down}{refresh}{scope}"), ("CSV", ";csv;norefresh"), ("JSON", ";json;norefresh")]
    return " ".join(f'<a href="{escape(look.base + options)}">{escape(text)}</a>' for text, options in links)


def render(rows: Iterable[Row], facts: Facts, look: Look) -> str:
    """The whole page."""
    groups: tuple[Group, ...] = GROUPS
    if look.legends:
        groups = (*groups, LEGENDS)
    if look.modules:
        groups = (*groups, MODULES)
    tables = "".join(_table(list(some), groups, look)
                     for _, some in groupby(rows, lambda row: (row.number, row.get("pxname"))))
    title = "Statistics" + (f" of {look.node}" if look.node else "")
    about = ([look.description] if look.description else []) + (
        [f"Pointsman version {pointsman.__version__}"] if look.version else [])
    return _TEMPLATE.substitute(
        refresh=f'<meta http-equiv="refresh" content="{look.refresh}">\n' if look.refresh else "",
        title=escape(title), style=_STYLE, facts=_facts(facts), links=_links(look), proxies=tables,
        about="".join(f'<p class="about">{escape(text)}</p>\n' for text in about),
        message=f'<p class="message">{escape(look.message)}</p>\n' if look.message else "")
