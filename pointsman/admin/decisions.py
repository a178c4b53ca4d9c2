"""What `show decisions` says: a lane's records as plain data, and the answers of all lanes put together.

A lane answers with lines of JSON: itself first, then its decisions, the oldest first. Whoever was asked merges them by
time and shows them (`shown`): one line each, or in full, or as JSON (`pointsman why` asks for that).

What clients have sent as credentials is never shown: of Authorization the scheme, of cookies their names, of a URI with
a user the name.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from pointsman.admin.view import View, source_text
from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.proto.hpack import Block
from pointsman.proto.message import Field
from pointsman.sample.context import BY_COOKIE, BY_RDP_COOKIE, BY_STICK, BY_USE_SERVER, NOBODY
from pointsman.stream.proxies import BackendProxy, Frontend
from pointsman.stream.ring import Kept, Ring

Shown = Mapping[str, object]

_CREDENTIALS: Final = (b"authorization", b"proxy-authorization")
_PASSWORD: Final = re.compile(rb"^([^ ]+ [a-z][a-z0-9+.-]*://[^ /?#:@]*):[^ /?#]*@", re.IGNORECASE)
_NAMED: Final = {
    BY_USE_SERVER: "use-server",
    BY_COOKIE: "cookie",
    BY_RDP_COOKIE: "persist rdp-cookie",
    BY_STICK: "stick",
}


# In a lane.


def lane_lines(view: View, ring: Ring, found: Sequence[Kept], with_heads: bool) -> str:
    """The lane and these decisions of it."""
    offset = view.program.date_offset
    lane = view.process.arena.lane + 1
    about = {"lane": lane, "since": ring.since + offset, "size": ring.size, "noted": ring.count}
    algorithms = {proxy.back.backend: proxy.back.algorithm for proxy in view.proxies if proxy.back is not None}
    lines: list[Shown] = [about, *(_decision(algorithms, ring, one, lane, with_heads) for one in found)]
    return "".join(json.dumps(line) + "\n" for line in lines)


def identity(lane: int, one: Kept) -> str:
    """By which it can be asked for where it has no unique id: its lane and its number there."""
    return f"#{lane}.{one.number}"


def _decision(algorithms: Mapping[BackendProxy, str], ring: Ring, one: Kept, lane: int, with_heads: bool) -> Shown:
    frontend, backend = one.frontend, one.backend
    assert frontend is not None
    early = 0 <= one.head < ring.since  # it was decided before decisions were kept
    shown: dict[str, object] = {
        "decision": identity(lane, one),
        "unique_id": _text(one.unique_id),
        "ended": one.ended + one.offset,
        "client": source_text(one.source, one.listener.number if one.listener is not None else 0),
        "frontend": _text(frontend.name),
        "bind": _bind(one),
        "mode": "http" if frontend.http else "tcp",
        "request": _line(one),
        "host": _text(_host(one)),
        "backend": _text(backend.name) if backend is not None else "",
        "early": early,
        "route": _route(one, early),
        "server": _text(one.server.name) if one.server is not None else "",
        "chosen": _chosen(algorithms, one),
        "ended_by": _place(one.ended_by),
        "status": max(one.status, 0),
        "letters": bytes((one.cause, one.step, one.cookie_request, one.cookie_response)).decode("latin-1"),
        "timers": _timers(one, frontend.http),
        "queue": {"server": one.server_queue, "backend": one.backend_queue},
        "retries": one.retries,
        "redispatched": one.redispatched,
        "reused": one.reused,
        "bytes": {"received": one.uploaded, "sent": one.sent},
        "service": "" if one.stand_in == b"<NOSRV>" else _text(one.stand_in),
    }
    if with_heads:
        shown["head"] = _head(one)
    return shown


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _bind(one: Kept) -> str:
    """The name of its socket, or its number in the frontend."""
    if one.listener is None:
        return ""
    return _text(one.listener.name) or str(one.listener.number)


def _place(at: Position | None) -> Shown | None:
    if at is None or at == NOWHERE:
        return None
    return {"file": at.file, "line": at.line, "text": at.text.strip()}


def _timers(one: Kept, http: bool) -> Shown:
    """Those of a log line, in ms; -1: not reached (manual 8.4)."""
    tarpit = one.step == 0x54
    waited = one.begun if tarpit or not http and one.head <= one.begun else one.head
    timers = {
        "TR": _span(one.begun, one.head),
        "Tw": _span(waited, one.queued),
        "Tc": _span(one.queued, one.connected),
        "Tr": _span(one.connected, one.answered),
        "Ta": _span(one.begun, one.ended),
        "Tt": _span(one.accepted, one.ended),
    }
    if not http:
        del timers["TR"], timers["Tr"], timers["Ta"]
    return timers


def _span(start: int, end: int) -> int:
    return -1 if start < 0 or end < 0 else end - start


def _route(one: Kept, early: bool) -> Shown | None:
    """What has chosen the backend. `by` "": that was before decisions were kept, or while the connection was not HTTP
    yet. `passed`: a rule that held, whose computed name was that of no other backend."""
    frontend, backend = one.frontend, one.backend
    if backend is None or not isinstance(frontend, Frontend):
        return None
    route = next((route for route in frontend.use_backend if route.at is one.route), None)
    by, place, passed = "", NOWHERE, NOWHERE
    if route is not None and (route.target is backend or route.name is not None and not _is_default(frontend, backend)):
        by, place = "use_backend", route.at
    elif _is_default(frontend, backend) and (route is not None or not early or not frontend.use_backend):
        by = "listen" if backend is frontend.twin else "default_backend"
        place = frontend.default_at
        passed = NOWHERE if route is None else route.at
    return {"by": by, "at": _place(place), "passed": _place(passed)}


def _is_default(frontend: Frontend, backend: object) -> bool:
    return backend is (frontend.default_backend or frontend.twin)


def _chosen(algorithms: Mapping[BackendProxy, str], one: Kept) -> Shown | None:
    """What has chosen the server. `at`: lines of use-server that name it."""
    backend = one.backend
    if one.server is None or not isinstance(backend, BackendProxy):
        return None
    algorithm = algorithms.get(backend, "")
    by = f"balance {algorithm}"
    lines: list[Shown | None] = []
    if one.redispatched:
        by = "redispatch"
    elif one.named_by != NOBODY:
        by = _NAMED[one.named_by]
    if by == "use-server":
        lines = [_place(rule.at) for rule in backend.use_server if rule.target in (one.server, None)]
    last = backend.prefer_last_server and by.startswith("balance ")
    return {"by": by, "at": lines, "algorithm": algorithm, "last_server": last}


# Heads, without what is nobody's business.


def _fields(one: Kept) -> tuple[Sequence[Field], bool]:
    """Fields as they were received; False: as rules left them."""
    if isinstance(one.block, Block):
        return one.block.fields, True
    request = one.request
    if request is None:
        return (), True
    return (request.lines, True) if request.lines else (request.fields, not request.fields)


def _line(one: Kept) -> str:
    """The request line. A password in its URI is a credential, too."""
    return _text(_PASSWORD.sub(rb"\1:***@", one.request_line, count=1))


def _host(one: Kept) -> bytes:
    for name in (b"host", b":authority"):
        for each in _fields(one)[0]:
            if each.name == name:
                return each.value
    return b""


def _head(one: Kept) -> Shown | None:
    """None: it is not kept any more, or there was none."""
    request = one.request
    if request is None:
        return None
    fields, received = _fields(one)
    return {
        "line": _line(one),
        "version": f"{request.major}.{request.minor}" if request.major < 2 else "2",
        "fields": [[_text(each.name), _masked(each)] for each in fields],
        "received": received,
    }


def _masked(one: Field) -> str:
    value = one.value
    if one.name in _CREDENTIALS:
        scheme, _, rest = value.partition(b" ")
        return f"{_text(scheme)} <{len(rest)} bytes>" if rest else f"<{len(scheme)} bytes>"
    if one.name == b"cookie":
        return "; ".join(_cookie(part) for part in value.split(b";"))
    return _text(value)


def _cookie(part: bytes) -> str:
    name, equals, value = part.strip().partition(b"=")
    return f"{_text(name)}=<{len(value)} bytes>" if equals else f"<{len(name)} bytes>"


def wanted_by(view: View, ring: Ring, name: str) -> list[Kept]:
    """By its unique id, or by its number: "#17", "#2.17" of the second lane."""
    asked = name.encode("utf-8", "surrogateescape")
    lane, point, digits = name.removeprefix("#").rpartition(".")
    numbered = name.startswith("#") and digits.isascii() and digits.isdigit() and len(digits) <= 18
    if numbered and (not point or lane == str(view.process.arena.lane + 1)):
        number = int(digits)
        return [one for one in ring.latest() if one.number == number or one.unique_id == asked]
    return [one for one in ring.latest() if one.unique_id == asked]


# Where it was asked.


def gathered(texts: Sequence[str]) -> tuple[list[Shown], list[Shown]]:
    """Lanes, and the decisions of all of them by time."""
    lanes: list[Shown] = []
    found: list[dict[str, object]] = []
    for text in texts:
        about, *decisions = [json.loads(line) for line in text.splitlines()]
        lanes.append(about)
        found += decisions
    return lanes, sorted(found, key=_ended)


def _ended(one: Shown) -> int:
    ended = one["ended"]
    assert isinstance(ended, int)
    return ended


def as_json(lanes: Sequence[Shown], silent: int, found: Sequence[Shown]) -> str:
    return json.dumps({"lanes": lanes, "silent": silent, "decisions": found}, indent=2, sort_keys=True) + "\n"


def date_text(milliseconds: object) -> str:
    assert isinstance(milliseconds, int)
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def about_lanes(lanes: Sequence[Shown], silent: int) -> Iterator[str]:
    """What a list begins with: how far back it reaches."""
    for lane in sorted(lanes, key=lambda one: str(one["lane"]).zfill(3)):
        yield f"# lane {lane['lane']}: {lane['noted']} noted since {date_text(lane['since'])}, {lane['size']} kept"
    if silent:
        yield f"# {silent} of {silent + len(lanes)} lanes did not answer in time"


def line_of(one: Shown) -> str:
    """The short form."""
    timers, queue = _within(one, "timers"), _within(one, "queue")
    chosen, route, ended_by = _within(one, "chosen"), _within(one, "route"), _within(one, "ended_by")
    words = {
        "date": date_text(one["ended"]),
        "src": one["client"],
        "fe": one["frontend"],
        "be": one["backend"] or "<NONE>",
        "route": _at(_within(route, "at")) or route.get("by") or "-",
        "srv": one["server"] or one["service"] or "<NOSRV>",
        "by": str(chosen.get("by") or "-").replace(" ", ":"),
        "rule": _at(ended_by) or "-",
        "st": one["status"] or -1,
        "ts": one["letters"],
        **{name: value for name, value in timers.items()},
        "sq": queue["server"],
        "bq": queue["backend"],
        "rc": one["retries"],
        "redisp": int(bool(one["redispatched"])),
        "reused": int(bool(one["reused"])),
        "bin": _within(one, "bytes")["received"],
        "bout": _within(one, "bytes")["sent"],
        "id": one["unique_id"] or "-",
    }
    line = f"{one['decision']}: " + " ".join(f"{name}={value}" for name, value in words.items())
    if one["host"]:
        line += f" host={one['host']}"
    line += f' req="{one["request"]}"' * bool(one["request"])
    return line if line.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)


def _within(one: Shown, name: str) -> Shown:
    found = one.get(name)
    return found if isinstance(found, Mapping) else {}


def _at(place: Shown) -> str:
    return f"{place['file']}:{place['line']}" if place else ""
