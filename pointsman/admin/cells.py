"""The columns of the statistics page, and how their cells look."""

import html
from dataclasses import dataclass
from typing import Final

from pointsman.admin.rows import StatisticsRow


@dataclass(frozen=True, slots=True)
class PageColumn:
    """`name`: of the statistics (columns.py). `rare`: shown when somebody asks for all columns."""

    title: str
    name: str
    tip: str
    rare: bool = False

    @property
    def classes(self) -> str:
        return self.name + (" rare" if self.rare else "")


ADDRESS: Final = ("addr", "cookie", "algo")  # with show-legends only
PAGE_COLUMNS: Final = (
    PageColumn("Status", "status", "State, and since when"),
    PageColumn("Last check", "check_status", "What the last health check came to"),
    PageColumn("Weight", "weight", "Weight in force; of a backend the sum of what is in use"),
    PageColumn("Address", "addr", "Address and port"),
    PageColumn("Queue", "qcur", "Requests that wait now"),
    PageColumn("Queue max", "qmax", "Most requests that have waited at once", True),
    PageColumn("Queue limit", "qlimit", "maxqueue", True),
    PageColumn("Sessions", "scur", "Sessions now"),
    PageColumn("Max", "smax", "Most sessions at once", True),
    PageColumn("Limit", "slim", "maxconn, of a backend fullconn", True),
    PageColumn("Total", "stot", "Sessions since the start"),
    PageColumn("Rate", "rate", "New sessions during the last second"),
    PageColumn("Rate max", "rate_max", "Most new sessions in one second", True),
    PageColumn("Rate limit", "rate_lim", "rate-limit sessions", True),
    PageColumn("Requests", "req_tot", "HTTP requests since the start"),
    PageColumn("Requests/s", "req_rate", "HTTP requests during the last second", True),
    PageColumn("2xx", "hrsp_2xx", "Responses from 200 to 299", True),
    PageColumn("3xx", "hrsp_3xx", "Responses from 300 to 399", True),
    PageColumn("4xx", "hrsp_4xx", "Responses from 400 to 499"),
    PageColumn("5xx", "hrsp_5xx", "Responses from 500 to 599"),
    PageColumn("Request errors", "ereq", "Requests that never became whole or were invalid", True),
    PageColumn("Connect errors", "econ", "Requests for which no server connection could be had"),
    PageColumn("Response errors", "eresp", "Responses that were invalid or broken off"),
    PageColumn("In", "bin", "Bytes received from clients"),
    PageColumn("Out", "bout", "Bytes sent to clients"),
    PageColumn("Denied requests", "dreq", "Requests that rules denied", True),
    PageColumn("Denied responses", "dresp", "Responses that rules denied", True),
    PageColumn("Retries", "wretr", "Repeated attempts to connect", True),
    PageColumn("Redispatches", "wredis", "Requests that went to another server than the one chosen first", True),
    PageColumn("Chosen", "lbtot", "How often it was chosen", True),
    PageColumn("Last session", "lastsess", "Time since the last session", True),
    PageColumn("Active", "act", "Active servers in use", True),
    PageColumn("Backup", "bck", "Backup servers that are up", True),
    PageColumn("Failed checks", "chkfail", "Checks that failed while the server was up", True),
    PageColumn("Downs", "chkdown", "Changes from UP to DOWN", True),
    PageColumn("Downtime", "downtime", "Time spent DOWN", True),
    PageColumn("Slow start", "throttle", "Per cent of its weight during slowstart", True),
    PageColumn("Queue ms", "qtime", "Average time in the queue, of the last 1024 requests", True),
    PageColumn("Connect ms", "ctime", "Average time to connect", True),
    PageColumn("Response ms", "rtime", "Average time until the response", True),
    PageColumn("Total ms", "ttime", "Average time in all", True),
    PageColumn("Cookie", "cookie", "Cookie value of a server, cookie name of a backend", True),
    PageColumn("Algorithm", "algo", "Balance algorithm", True),
    PageColumn("Mode", "mode", "http or tcp", True),
    PageColumn("Proxy id", "iid", "Number of the proxy", True),
    PageColumn("Id", "sid", "Number of the server or listener in its proxy", True),
)
MODULES: Final = (  # with show-modules
    PageColumn("HTTP/1 requests", "h1req", "Requests of HTTP/1", True),
    PageColumn("New connections", "connect", "Attempts to open a server connection", True),
    PageColumn("Reused connections", "reuse", "Requests that used an idle server connection", True),
    PageColumn("Used now", "used_conn_cur", "Server connections in use", True),
    PageColumn("Idle now", "srv_icur", "Idle server connections", True),
)

_AGES: Final = frozenset(("downtime", "lastsess"))  # columns in seconds
_SIZES: Final = frozenset(("bin", "bout"))
_IDS: Final = frozenset(("iid", "sid"))
_LARGE: Final = 100_000  # counts from here on are shown with a prefix, and as they are in the tooltip
_WORDS: Final = frozenset(("status", "check_status", "addr", "cookie", "algo", "mode"))
_BAD: Final = frozenset(("hrsp_5xx", "econ", "eresp", "ereq"))  # which stand out where they are not 0


def escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def age(seconds: int) -> str:
    """At most two units: 5s, 3m12s, 2h5m, 4d1h."""
    if seconds < 0:
        return ""
    units = (("d", seconds // 86400), ("h", seconds // 3600 % 24), ("m", seconds // 60 % 60), ("s", seconds % 60))
    first = next((index for index, (_, count) in enumerate(units) if count), 3)
    return "".join(f"{count}{unit}" for unit, count in units[first : first + 2] if count or first == 3)


def size(count: int) -> str:
    """With decimal prefixes from ten thousand on."""
    if count < 10_000:
        return str(count)
    value = count / 1000
    for prefix in "kMG":
        if value < 1000:
            return f"{value:.1f} {prefix}"
        value /= 1000
    return f"{value:.1f} T"


def look_of(status: str) -> str:
    """The class of a state, for the style sheet."""
    word, _, progress = status.partition(" ")
    if word in ("UP", "DOWN") and "/" in progress and not progress.startswith("("):
        return "changing"
    return {
        "UP": "up",
        "OPEN": "up",
        "DOWN": "down",
        "FULL": "changing",
        "WAITING": "changing",
        "STOP": "maint",
        "PAUSED": "maint",
        "MAINT": "maint",
        "DRAIN": "drain",
        "NOLB": "drain",
    }.get(word, "unchecked")


def _status(row: StatisticsRow, status: str) -> str:
    since = row.get("lastchg")
    text = age(since) if isinstance(since, int) and status != "no check" else ""
    return (
        f'<td data-name="Status" class="status"><span class="pill {look_of(status)}">{escape(status)}</span> '
        f"<small>{text}</small></td>"
    )


def _check(row: StatisticsRow, status: str) -> str:
    """Its status, code and time; what it said if it failed."""
    code, took, said = row.get("check_code"), row.get("check_duration"), str(row.get("last_chk"))
    text = f"{status}/{code}" if code not in ("", 0) else status
    text += f" in {took}ms" if took != "" else ""
    described = str(row.get("check_desc"))
    tip = f"{described}: {said}" if said else described
    brief = said.partition(" returned by OS (")[2].removesuffix(")") or said  # the system's words alone
    failed = f" <small>{escape(brief)}</small>" if said and look_of(str(row.get("status"))) != "up" else ""
    return f'<td data-name="Last check" class="word check" title="{escape(tip)}">{escape(text)}{failed}</td>'


def cell(row: StatisticsRow, column: PageColumn) -> str:
    name = column.name
    value = row.get(name)
    if name == "status" and value != "":
        return _status(row, str(value))
    if name == "check_status" and value != "":
        return _check(row, str(value))
    classes = ["rare"] if column.rare else []
    tip = ""
    text = str(value)
    if isinstance(value, int):
        if name in _AGES:
            text = age(value)
        elif name in _SIZES:
            text, tip = size(value), str(value)
        elif name in ("rate_lim", "slim") and value == 0:
            text = ""
        elif value >= _LARGE and name not in _IDS:
            text, tip = size(value), str(value)
        elif value == 0:
            classes.append("zero")
        if name in _BAD and value:
            classes.append("bad")
        if name == "throttle":
            text = f"{value}%"
    if name in _WORDS:
        classes.append("word")
    kind = f' class="{" ".join(classes)}"' if classes else ""
    if not text or "zero" in classes:  # a card does not show it, so it needs no name
        return f"<td{kind}>{text}</td>"
    return (
        f'<td data-name="{escape(column.title)}"{kind}'
        + (f' title="{escape(tip)}"' if tip else "")
        + f">{escape(text)}</td>"
    )
