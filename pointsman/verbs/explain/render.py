"""An explanation as a page of text: the answer first, in a few lines, then why.

summary       what happens to the request, and by which lines
unknown       values that nobody can know here, what else could be, and what settles it
stages        a tree: proxies, their lists, rules with what they saw and changed     (rules_page.py)
server        the choice, and who was left out
limits        timeouts and limits in force
messages      the request as the server gets it, the response as the client gets it, the log line
"""

from collections.abc import Iterator

from pointsman.core.diagnostics import Position
from pointsman.verbs.explain.model import Branch, Choice, Explanation, Stage, Step, Unknown
from pointsman.verbs.explain.places import Places, places_of
from pointsman.verbs.explain.rules_page import Marks, stage_node
from pointsman.verbs.explain.tree import Node, leaf, rendered
from pointsman.verbs.terminal import Piece, Row, Terminal, columns, head, piece, row, rows, safe, shorten

BODY = 5  # lines of a body
ENDS = {  # outcomes of which a rule or an option is the cause
    "answer": "answered by the proxy",
    "deny": "denied",
    "tarpit": "tarpitted",
    "drop": "dropped without an answer",
    "service": "answered by a service",
}


def page(explanation: Explanation, terminal: Terminal, everything: bool = False) -> Iterator[str]:
    """The lines. `everything`: also why rules did not apply, and all of long lists."""
    place = places_of(explanation)
    yield from summary(explanation, terminal, place)
    if explanation.unknown:
        yield ""
        yield from rows(_unknown(explanation, place), terminal)
    marks = Marks(terminal, place, everything)
    asked, answered = _halves(explanation.stages)
    yield from _titled(rendered(_proxies(asked, explanation, marks), terminal))
    if explanation.server is not None:
        yield from _titled(rendered([_server(explanation.server, marks)], terminal))
    yield from _titled(rendered(_proxies(answered, explanation, marks), terminal))
    yield from _titled(rendered(_limits(explanation, place), terminal))
    yield from _messages(explanation, terminal)
    notes = [row(Piece("note: ", "dim"), one, indent=6) for one in [*_own_notes(explanation), *explanation.notes]]
    yield from _titled(rows(notes, terminal))


def _own_notes(explanation: Explanation) -> Iterator[str]:
    words = explanation.bind.text.split()
    http = explanation.request or explanation.response  # in TCP mode TLS may well be the server's
    if http and explanation.asked.url.startswith("https:") and words[:1] == ["bind"] and "ssl" not in words:
        yield "the bind line has no TLS (ssl): who speaks https does not get through"


def _titled(lines: Iterator[str]) -> Iterator[str]:
    """With an empty line above, where there are any."""
    for number, one in enumerate(lines):
        if not number:
            yield ""
        yield one


# The answer


def summary(explanation: Explanation, terminal: Terminal, place: Places) -> Iterator[str]:
    """What was asked and what becomes of it, and the lines of the configuration that say so."""
    pieces = [*_way(explanation), *_status(explanation)]
    room = 80 - sum(columns(one.text) for one in pieces) - 1
    yield from rows([row(piece(question(explanation, room), "strong"), *pieces, indent=4)], terminal)
    entries = [*_reasons(explanation, place)]
    yield from rows(_table(entries), terminal, indent="  ")


def question(explanation: Explanation, room: int = 80) -> str:
    """The request in a few words."""
    asked = explanation.asked
    if asked.payload is not None:
        what = f"{len(asked.payload)} bytes" if asked.payload else "connection"
        return f"{what} from {safe(asked.source) or '127.0.0.1'}"
    url = safe(asked.url)
    return f"{safe(asked.method)} {shorten(url, max(24, room - len(asked.method) - 1))}"


def _way(explanation: Explanation, arrow: str = " -> ") -> list[Piece]:
    """Backend and server."""
    found: list[Piece] = []
    if explanation.backend:
        found += [Piece(arrow), Piece("backend "), piece(explanation.backend, "name")]
    choice = explanation.server
    if choice is not None and choice.name and explanation.outcome == "server":
        found += [Piece(" -> "), Piece("server "), piece(choice.name, "name")]
        if len(choice.candidates) > 1:
            found.append(piece(f" (or {_others(choice)})", "dim"))
    return found


def _others(choice: Choice) -> str:
    others = [one for one in choice.candidates if one != choice.name]
    return others[0] if len(others) == 1 else f"another of {len(choice.candidates)}"


def _is_bytes(explanation: Explanation) -> bool:
    """A server is asked by what is no request of HTTP: what it answers is bytes, too."""
    return explanation.asked.payload is not None and explanation.outcome == "server"


def _status(explanation: Explanation, arrow: str = " -> ") -> list[Piece]:
    status = explanation.status
    if _is_bytes(explanation):
        status = 0
    colour = "bad" if status >= 400 or explanation.outcome in ("drop", "no server", "no backend") else "good"
    words = {"no server": "no server", "no backend": "no backend", **ENDS}.get(explanation.outcome, "")
    found = [Piece(f"{arrow}{words}", "bad" if colour == "bad" else "")] if words else []
    if status:
        found.append(Piece(": " if words else arrow))
        found.append(Piece(str(status), colour))
    return found


_Entry = tuple[str, str, str, str]  # what, its name, why, where


def _reasons(explanation: Explanation, place: Places) -> Iterator[_Entry]:
    bind = " ".join(explanation.bind.text.split())
    yield "frontend", explanation.frontend, bind, place(explanation.bind) or place(explanation.at)
    if explanation.backend:
        route = _route(explanation)
        text = " ".join(route.text.split()) if route is not None else explanation.backend_why
        yield "backend", explanation.backend, text, place(_entered(explanation))
    elif explanation.outcome == "no backend":
        yield "backend", "none", *_no_backend(explanation, place)
    choice = explanation.server
    if choice is not None and explanation.outcome in ("server", "no server"):
        yield "server", choice.name or "none", f"{choice.algorithm}: {choice.why}", place(choice.at)
    if explanation.ended_by.line:
        text = " ".join(explanation.ended_by.text.split())
        yield "ended by", text, "", place(explanation.ended_by)


def _no_backend(explanation: Explanation, place: Places) -> tuple[str, str]:
    """Why there is none, and where: a name may be computed, and stand for nothing."""
    for stage in explanation.stages:
        for step in stage.steps:
            if step.ran and step.what == "use_backend":
                return "what use_backend makes is the name of none, and there is no default_backend", place(step.at)
    return "no use_backend line applies, and there is no default_backend", ""


def _route(explanation: Explanation) -> Step | None:
    """The line that leads to the backend."""
    for stage in explanation.stages:
        for step in stage.steps:
            if step.ran and step.names == explanation.backend and step.what in ("use_backend", "default_backend"):
                return step
    return None


def _table(entries: list[_Entry]) -> list[Row]:
    first = max((columns(what) for what, *_ in entries), default=0)
    second = min(max((columns(safe(name)) for _, name, why, _ in entries if why), default=0), 24)
    found = []
    for what, name, why, where in entries:
        label = Piece(_filled(what, first) + "  ", "dim")
        if why:
            named = Piece(_filled(shorten(safe(name), second), second) + "  ", "name")
            found.append(row(label, named, why, place=where, indent=first + second + 4))
        else:
            found.append(row(label, name, place=where, indent=first + 2))
    return found


def _filled(text: str, room: int) -> str:
    return text + " " * (room - columns(text))


# What cannot be known


def _unknown(explanation: Explanation, place: Places) -> Iterator[Row]:
    """Each value once, with what it was taken for, what else could be, and how to say what it is."""
    yield row(Piece("not known here, so the answer may be another one:", "warn"))
    for unknown in explanation.unknown:
        taken = "nothing" if unknown.assumed is None else unknown.assumed
        said = f": {unknown.why}; taken for {taken}"
        yield row("  ", piece(unknown.text, "name"), said, place=place(unknown.at), indent=4)
        for branch in explanation.branches:
            if branch.unknown.text == unknown.text:
                yield _branch(branch, place)
        yield row("    to say what it is: ", piece(settling(unknown, explanation), "strong"), indent=6)


def _branch(branch: Branch, place: Places) -> Row:
    value = branch.unknown.assumed
    label = "    without one: " if value is None else f"    with {value}: "
    other = branch.explanation
    return row(label, *outcome(other), place=place(other.ended_by) or place(_entered(other)), indent=6)


def _entered(explanation: Explanation) -> Position:
    route = _route(explanation)
    return explanation.backend_at if route is None else route.at


def outcome(explanation: Explanation) -> list[Piece]:
    """What becomes of it, in one line: "backend api -> server api2 -> 200"."""
    pieces = [*_way(explanation), *_status(explanation)]
    return (
        [Piece(pieces[0].text.removeprefix(" -> "), pieces[0].colour), *pieces[1:]] if pieces else [Piece("no answer")]
    )


def settling(unknown: Unknown, explanation: Explanation) -> str:
    """The option that says what the value is."""
    others = [one.unknown.assumed for one in explanation.branches if one.unknown.text == unknown.text]
    value = next((one for one in others if one is not None), "VALUE")
    return f"--set '{unknown.text}={value}'"


# The tree


def _halves(stages: tuple[Stage, ...]) -> tuple[list[Stage], list[Stage]]:
    """Those of the request, and those of the response."""
    for number, stage in enumerate(stages):
        if stage.name.startswith(("http-response", "tcp-response", "http-after-response")) or "response" in stage.name:
            return list(stages[:number]), list(stages[number:])
    return list(stages), []


def _proxies(stages: list[Stage], explanation: Explanation, marks: "Marks") -> list[Node]:
    """One tree for each proxy, as the request comes to it."""
    roots: list[Node] = []
    name = ""
    for stage in stages:
        if stage.proxy != name or not roots:
            name = stage.proxy
            roots.append(Node(row(piece(name.replace("'", ""), "strong"), place=_place(name, explanation, marks))))
        roots[-1].below.append(stage_node(stage, marks))
    return roots


def _place(proxy: str, explanation: Explanation, marks: "Marks") -> str:
    """Where the proxy is declared."""
    name = proxy.partition("'")[2].rpartition("'")[0]
    if name == explanation.frontend and not proxy.startswith("backend"):
        return marks.place(explanation.at)
    return marks.place(explanation.backend_at) if name == explanation.backend else ""


def _server(choice: Choice, marks: "Marks") -> Node:
    node = Node(row(piece("server", "strong")))
    if choice.name:
        pieces = [marks.yes, piece(choice.name, "name"), piece(f"  {choice.address}" if choice.address else "")]
        chosen = leaf(*pieces, place=marks.place(choice.at))
        chosen.details.append(row(f"{choice.algorithm}: {choice.why}"))
        if len(choice.candidates) > 1:
            chosen.details.append(row("one of: " + ", ".join(choice.candidates)))
        node.below.append(chosen)
    else:
        node.below.append(leaf(marks.end, piece("none", "bad"), f": {choice.why}", place=marks.place(choice.at)))
    for one in marks.some(choice.left_out):
        if isinstance(one, int):
            node.below.append(marks.more(one, "servers were left out"))
        else:
            pieces = [marks.no, Piece(safe(one.name), "dim"), Piece(f"  left out: {safe(one.why)}", "dim")]
            node.below.append(leaf(*pieces, place=marks.place(one.at)))
    return node


def _limits(explanation: Explanation, place: Places) -> list[Node]:
    if not explanation.limits:
        return []
    room = min(max(columns(safe(one.name)) for one in explanation.limits), 40)
    root = Node(row(Piece("limits in force", "strong")))
    for one in explanation.limits:
        name = _filled(shorten(safe(one.name), room), room)
        root.below.append(leaf(Piece(name), "  ", piece(one.value, "name"), place=place(one.at), whole=False))
    return [root]


# Messages


def _messages(explanation: Explanation, terminal: Terminal) -> Iterator[str]:
    choice, payload = explanation.server, explanation.asked.payload
    if _is_bytes(explanation):
        shown = (payload or b"")[:200].decode("utf-8", "backslashreplace")
        if payload:
            yield from _message(f"the bytes that the server would get ({len(payload)})", (shown,), terminal)
    elif explanation.request:
        to = f"the request as {choice.name} would get it" if choice is not None and choice.name else "the request"
        yield from _message(to, explanation.request, terminal)
    if explanation.response and not _is_bytes(explanation):
        title = "the response as the client would get it"
        if explanation.body_from == "server":
            title += f", if the server answers {explanation.asked.answer.status}"
        own = explanation.body if explanation.body_from != "server" else b""
        yield from _message(title, (*explanation.response, *_beginning(own)), terminal)
    if explanation.log_line:
        yield from _message("the log line", (explanation.log_line,), terminal)


def _beginning(body: bytes) -> tuple[str, ...]:
    """Of a body: a few lines of text, below an empty one."""
    if not body:
        return ()
    lines = body[:1024].decode("utf-8", "backslashreplace").splitlines()
    shown = lines[:BODY] if len(body) <= 1024 and len(lines) <= BODY else [*lines[:BODY], f"... ({len(body):,} bytes)"]
    return ("", *shown)


def _message(title: str, lines: tuple[str, ...], terminal: Terminal) -> Iterator[str]:
    """Each line whole, in as many lines as it needs; one that is very long is cut."""
    yield ""
    yield from rows([row(piece(title, "strong"))], terminal)
    entries = [row(_bounded(line), indent=2) for line in lines]
    yield from rows(entries, terminal, indent="│ " if terminal.unicode else "| ")


def _bounded(text: str, most: int = 600) -> str:
    """Enough of a text to know it by."""
    made = safe(text)
    if columns(made) <= most:
        return made
    return f"{head(made, most)}... ({len(text)} characters)"
