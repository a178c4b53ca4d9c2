"""`pointsman why`: why a request that the running program has served went where it went.

    the stats socket --show decisions ... json--> what was decided of it (admin/decisions.py)
    -f: the same request through the rules of the file as they are now (explain/engine.py), beside it

The program keeps decisions where it was told to; how that is done is said to whoever asks in vain.
"""

import argparse
import json
import os
import socket
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from pointsman.config.global_section import StatsSocket
from pointsman.config.keyword import is_number
from pointsman.core.address import AddressSpec
from pointsman.verbs.explain.as_json import explanation_json
from pointsman.verbs.explain.engine import AskedError, Engine
from pointsman.verbs.explain.model import Asked, Explanation
from pointsman.verbs.explain.places import places_of
from pointsman.verbs.explain.rules_page import Marks, stage_node
from pointsman.verbs.explain.tree import Node, rendered
from pointsman.verbs.logs.letters import ending_of, persistence_of
from pointsman.verbs.terminal import WIDTH, Terminal, piece, row, safe, write

PATIENCE: Final = 5.0  # s that the program may take
USUAL_FILE: Final = "/etc/haproxy/haproxy.cfg"

Told = Mapping[str, object]

_OFF: Final = "Decisions are not kept."  # how the answer of a program begins that does not keep them


class WhyError(Exception):
    """What is printed instead of an answer."""


def main(words: Sequence[str]) -> int:
    """Its exit status: 1 where there is no answer."""
    options = _options(words)
    try:
        engine = _engine(options)
        decisions = _decisions(_ask(_sockets(options, engine), f"show decisions {_which(options.id)} json"))
        usable = engine if engine is not None and not engine.failed else None
        if options.json:
            both = [{"decision": one, "now": _as_plain(_now(usable, one))} for one in decisions]
            write([json.dumps(both, indent=2, sort_keys=True)])
        else:
            write(_pages(decisions, usable, engine is not usable, options.all))
    except WhyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _pages(decisions: Sequence[Told], engine: Engine | None, faults: bool, everything: bool) -> Iterator[str]:
    """One behind the other. `faults`: of the file."""
    terminal = Terminal.of(sys.stdout)
    for number, one in enumerate(decisions):
        if number:
            yield ""
        yield from answer(one)
        yield ""
        yield from details(one)
        yield from now(engine, one, terminal, everything)
    if faults:
        yield ""
        yield "Nothing was compared with the file, which has faults: pointsman -c tells them."


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pointsman why",
        description="Why a request that the running program has served went where it went.",
        epilog="The program keeps decisions after 'set decisions on' on its stats socket, or with "
        "'pointsman-decisions <number>' in its global section.",
    )
    parser.add_argument("id", metavar="UNIQUE-ID|last", help="its unique id, its number (#42, #1.42), or 'last'")
    parser.add_argument("-f", dest="files", action="append", default=[], metavar="FILE", help="the configuration")
    parser.add_argument("--socket", default="", metavar="PATH", help="the stats socket, or <host>:<port>")
    parser.add_argument("--all", action="store_true", help="also why rules did not apply, and long lists whole")
    parser.add_argument("--json", action="store_true", help="all that is known, as JSON")
    options = parser.parse_args(words)
    if not options.files and not options.socket:
        if not os.path.exists(USUAL_FILE):
            parser.error(f"say which program: -f FILE or --socket PATH (there is no {USUAL_FILE})")
        options.files = [USUAL_FILE]
    return options


def _which(name: str) -> str:
    """As the stats socket reads it."""
    if not name or "\n" in name or "\r" in name:  # each line would be a command of its own
        raise WhyError("No such decision: an id is one line.")
    if name == "last":
        return "last"
    return "".join(f"\\{char}" if char in " \t;\\" else char for char in name)


# The program.


def _engine(options: argparse.Namespace) -> Engine | None:
    if not options.files:
        return None
    for name in options.files:
        if not os.access(name, os.R_OK):
            raise WhyError(f"{name} cannot be read.")
    return Engine(options.files)


def _sockets(options: argparse.Namespace, engine: Engine | None) -> list[tuple[str, AddressSpec | str]]:
    """Names, and where they are: the one that was given, or those of the file; those first that may show decisions."""
    if options.socket:
        return [(options.socket, options.socket)]
    assert engine is not None
    settings = engine.configuration.main.all(StatsSocket)
    settings = sorted(settings, key=lambda one: one.parameters.level == "user")
    found: list[tuple[str, AddressSpec | str]] = [
        (_name(spec), spec) for setting in settings for spec in setting.addresses
    ]
    if not found and engine.failed:
        raise WhyError(f"{options.files[0]} has faults, which pointsman -c tells, and so no stats socket is known.")
    if not found:
        raise WhyError(
            f"{options.files[0]} has no 'stats socket': there is no way to ask the program.\n"
            "In its global section:  stats socket /run/haproxy/admin.sock level admin"
        )
    return found


def _name(spec: AddressSpec) -> str:
    """As socat has it."""
    if spec.kind == "unix":
        return spec.host if "/" in spec.host else f"./{spec.host}"
    if spec.kind == "abns":
        return f"ABSTRACT-CONNECT:{spec.host}"
    host = _reachable(spec.host)
    return f"TCP:[{host}]:{spec.port}" if ":" in host else f"TCP:{host}:{spec.port}"


def _reachable(host: str) -> str:
    """Where one connects to who listens there."""
    return {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _ask(sockets: Sequence[tuple[str, AddressSpec | str]], line: str) -> str:
    """The answer of the first one that takes a connection."""
    faults: list[str] = []
    for name, place in sockets:
        try:
            with _connection(place) as sock:
                sock.sendall(line.encode("utf-8", "surrogateescape") + b"\n")
                answer = b"".join(iter(lambda: sock.recv(65_536), b""))
        except PermissionError:
            faults.append(f"The stats socket {name} is not for this user: see 'mode', 'user' and 'group' of its line.")
        except (FileNotFoundError, ConnectionRefusedError):
            faults.append(f"Nobody answers at the stats socket {name}: is the program running?")
        except TimeoutError:
            faults.append(f"The program does not answer at {name} within {PATIENCE:.0f} seconds.")
        except OSError as error:
            faults.append(f"The stats socket {name} cannot be asked: {error.strerror or error}.")
        else:
            return _good(name, answer.decode("utf-8", "surrogateescape"))
    raise WhyError("\n".join(faults))


def _connection(place: AddressSpec | str) -> socket.socket:
    if isinstance(place, str):
        host, _, port = place.rpartition(":")
        if "/" not in place and is_number(port):
            return _timed(socket.create_connection((host.strip("[]") or "127.0.0.1", int(port)), PATIENCE))
        kind, path = "unix", place
    elif place.kind == "inet":
        return _timed(socket.create_connection((_reachable(place.host), place.port), PATIENCE))
    else:
        kind, path = place.kind, place.host
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(PATIENCE)
        sock.connect(f"\0{path}" if kind == "abns" else path)
    except OSError:
        sock.close()
        raise
    return sock


def _timed(sock: socket.socket) -> socket.socket:
    sock.settimeout(PATIENCE)
    return sock


def _good(name: str, answer: str) -> str:
    """The answer, or a complaint as its reader can make use of it."""
    text = answer.strip()
    if text.startswith("{"):
        return text
    if text.startswith(_OFF):
        raise WhyError(
            "The program keeps no decisions. From now on it does so, without a restart, after:\n"
            f'  echo "set decisions on" | socat - {name}\n'
            "and from its start with, in its global section:\n"
            "  pointsman-decisions 1000"
        )
    if text.startswith("Permission denied"):
        raise WhyError(f"The stats socket {name} does not show decisions: its line has to say 'level operator'.")
    if text.startswith("Unknown command"):
        raise WhyError(f"Who answers at {name} does not know 'show decisions': it is HAProxy, or an older Pointsman.")
    raise WhyError(text or f"The program has closed the stats socket {name} without an answer.")


def _decisions(text: str) -> list[Told]:
    found = json.loads(text)["decisions"]
    if not found:
        raise WhyError("Nothing was decided yet since decisions are kept.")
    decisions: list[Told] = found
    return decisions


# What it has decided.


def _part(one: Told, name: str) -> Told:
    found = one.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(one: Told, name: str) -> int:
    found = one.get(name)
    return found if isinstance(found, int) else -1


def _line(place: Told) -> str:
    """A line of the configuration, and where it stands."""
    return f"{place['text']}  ({place['file']}:{place['line']})" if place else ""


def answer(one: Told) -> Iterator[str]:
    """What became of it; the rule that has ended it, or the server, and why; the backend, and why."""
    yield from _wrapped(f"{_what(one)}: {_became(one)}", "")
    yield from _wrapped(_why_backend(one), "")
    ended = _part(one, "ended_by")
    if ended:
        yield from _wrapped(f"Rule: {_line(ended)}", "")
    if one["server"] or not ended:
        yield from _wrapped(_why_server(one), "")


def _what(one: Told) -> str:
    request = str(one["request"]).rpartition(" ")[0] or str(one["request"])
    if one["mode"] == "tcp":
        return f"A connection from {one['client']}"
    if not request:
        return f"What {one['client']} sent, which was no request"
    return f"{request} for {one['host']}" if one["host"] else request


def _became(one: Told) -> str:
    status = f"{one['status']} " if one["status"] else ""
    where = "/".join(str(one[name]) for name in ("backend", "server") if one[name])
    timers = _part(one, "timers")
    total = _number(timers, "Tt" if one["mode"] == "tcp" else "Ta")
    reached = _number(timers, "Tc") >= 0
    if one["ended_by"]:
        how = f"{status}by a rule"
    elif one["service"]:
        how = f"{status}from {one['service']}"
    elif one["server"] and reached:
        how = f"{status}from {where}" if status else f"went to {where}"
    else:
        how = f"{status}by the proxy"
    return f"{how}, after {total} ms" if total >= 0 else how


def _why_backend(one: Told) -> str:
    route = _part(one, "route")
    name = one["backend"]
    if not name:
        return "Backend: none, a rule came first." if one["ended_by"] else "Backend: none was chosen."
    by, place = route.get("by"), _part(route, "at")
    if by == "listen":
        return f"Backend {name}: that of its listen section, as no rule chose another one."
    if by in ("use_backend", "default_backend"):
        passed = _part(route, "passed")
        after = f", behind {_line(passed)}, which named no other" if passed else ""
        return f"Backend {name}: {_line(place)}{after}"
    if one["early"]:
        return f"Backend {name}: chosen before decisions were kept."
    return f"Backend {name}: chosen before the connection spoke HTTP."


def _why_server(one: Told) -> str:
    chosen = _part(one, "chosen")
    if not chosen:
        return "Server: none was chosen."
    by = str(chosen["by"])
    name = one["server"]
    lines = chosen["at"]
    named = [_line(each) for each in lines if each] if isinstance(lines, list) else []
    if by == "use-server":
        return f"Server {name}: {' or '.join(named)}"
    if by == "cookie":
        return f"Server {name}: the persistence cookie named it."
    if by == "stick":
        return f"Server {name}: a stick table had it for this client ('stick match', 'stick on')."
    if by == "persist rdp-cookie":
        return f"Server {name}: the RDP cookie named it."
    if by == "redispatch":
        return f"Server {name}: redispatched, as another one could not be reached."
    last = ", or it had served the request before ('option prefer-last-server')" if chosen["last_server"] else ""
    return f"Server {name}: the algorithm took it, {by}{last}."


def details(one: Told) -> Iterator[str]:
    """What else is known, a line each."""
    rows = {
        "When": f"{_date(_number(one, 'ended'))}, decision {one['decision']}",
        "Unique id": str(one["unique_id"]),
        "Client": f"{one['client']}, frontend {one['frontend']}, bind line {one['bind']}",
        "Ended": _ended(str(one["letters"])),
        "Time": _time(one),
        "Queue": _queue(_part(one, "queue")),
        "Retries": _retries(one),
        "Connection": "one that had served before" if one["reused"] else "",
        "Bytes": "{received} from the client, {sent} to it".format(**_part(one, "bytes")),
    }
    for name, text in rows.items():
        if text:
            yield from _wrapped(text, f"  {name:<11} ", 14)
    head = _part(one, "head")
    if head:
        how = "as it came" if head["received"] else "as rules left it"
        yield f"  {'Request':<11} {how}:"
        fields = head["fields"]
        assert isinstance(fields, list)
        for line in (head["line"], *(f"{name}: {value}" for name, value in fields)):
            yield from _wrapped(str(line), "      ", 8)
    elif one["mode"] == "http" and one["request"]:
        yield f"  {'Request':<11} its head is not kept any more"


def _date(milliseconds: int) -> str:
    date = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{date:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03} UTC"


def _ended(letters: str) -> str:
    """The termination state in words."""
    text = f"{letters}  {ending_of(letters[:2]).meaning}"
    return text if letters[2:] in ("--", "") else f"{text} {persistence_of(letters[2:])}"


def _time(one: Told) -> str:
    names = {"TR": "request", "Tw": "queue", "Tc": "connect", "Tr": "response", "Ta": "all", "Tt": "all"}
    timers = _part(one, "timers")
    if "Ta" in timers:
        del names["Tt"]
    return ", ".join(f"{names[name]} {_number(timers, name)}" for name in names if _number(timers, name) >= 0) + " ms"


def _queue(queue: Told) -> str:
    places = [
        f"{queue[name]} were before it at the {name}" for name in ("server", "backend") if _number(queue, name) > 0
    ]
    return ", ".join(places)


def _retries(one: Told) -> str:
    if not one["retries"] and not one["redispatched"]:
        return ""
    return f"{one['retries']}{', then redispatched to another server' if one['redispatched'] else ''}"


# The same now.


def _now(engine: Engine | None, one: Told) -> Explanation | str | None:
    """What the file says of the same request; or why that cannot be told. None: nobody wants to know."""
    head = _part(one, "head")
    if engine is None or one["mode"] != "http" or not one["request"]:
        return None
    if not head:
        return "its head is not kept any more, so it cannot be asked about again"
    method, _, target = str(head["line"]).partition(" ")
    url = target.rpartition(" ")[0] if " " in target else target
    fields = head["fields"]
    assert isinstance(fields, list)
    headers = [(str(name), str(value)) for name, value in fields if not str(name).startswith(":")]
    if one["host"] and not any(name == "host" for name, _ in headers):
        headers.insert(0, ("host", str(one["host"])))
    client = str(one["client"])
    asked = Asked(
        method=method,
        url=url,
        headers=tuple(headers),
        version=str(head["version"]),
        source="" if client.startswith("unix:") else client,
        frontend=str(one["frontend"]),
    )
    try:
        return engine.explain(asked)
    except AskedError as error:
        return str(error)


def now(engine: Engine | None, one: Told, terminal: Terminal, everything: bool) -> Iterator[str]:
    """Rule by rule, by the file."""
    found = _now(engine, one)
    if found is None:
        return
    yield ""
    if isinstance(found, str):
        yield from _wrapped(f"By the file as it is now: {found}.", "")
        return
    yield from _wrapped(f"By the file as it is now: {_differs(one, found)}", "")
    marks = Marks(terminal, places_of(found), everything)
    roots: list[Node] = []
    name = ""
    for stage in found.stages:
        if stage.proxy != name or not roots:
            name = stage.proxy
            roots.append(Node(row(piece(name.replace("'", ""), "strong"))))
        roots[-1].below.append(stage_node(stage, marks))
    yield from rendered(roots, terminal)
    hidden = sorted({name for name, value in found.asked.headers if value.endswith("bytes>")})
    if hidden:
        names = ", ".join(hidden)
        yield ""
        yield from _wrapped(f"Values of {names} are not told: rules that look at them may say otherwise here.", "")


def _differs(one: Told, found: Explanation) -> str:
    """The same, or what is different now."""
    ended = _part(one, "ended_by")
    before = f"rule {ended['file']}:{ended['line']}" if ended else f"backend {one['backend'] or '(none)'}"
    by_rule = found.ended_by.line > 0
    after = f"rule {found.ended_by}" if by_rule else f"backend {found.backend or '(none)'}"
    if (before, bool(ended)) == (after, by_rule):
        return "the same."
    if not ended and not one["server"] and (one["backend"], one["status"]) == (found.backend, found.status):
        return "the same."  # an option has answered, as monitor-uri does, which decisions do not tell
    return (
        f"{after}, where it was {before}. The file has changed since, or a rule asks what is not here: a table, a map "
        "that was changed at run time, the time of day, a body."
    )


def _as_plain(found: Explanation | str | None) -> object:
    return {"error": found} if isinstance(found, str) else None if found is None else explanation_json(found)


# Lines.


def _wrapped(text: str, first: str, indent: int = 2) -> list[str]:
    """At most 80 columns, where there are blanks; nothing in them that a terminal would obey."""
    text = safe(text)
    if len(first) + len(text) <= WIDTH:
        return [first + text]
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=True,
        break_on_hyphens=False,
    )
