"""Rules on a test stand: lines of a configuration in, verdicts and edited heads out."""

from support.configs import Loaded, good, section

from pointsman.core.address import net_address
from pointsman.core.diagnostics import Severity
from pointsman.proto.message import Head, Request, Response, field
from pointsman.rules.captures import captures_of
from pointsman.rules.plan import run_steps, steps
from pointsman.rules.reply import Reply
from pointsman.rules.rule import Rule
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, ServerFacts, Session


def _fill(head: Head, lines: tuple[str, ...]) -> None:
    for line in lines:
        name, _, value = line.partition(":")
        head.fields.append(field(name.lower().encode(), value.strip().encode("latin-1")))


def exchange(line: str = "GET /path?q=1 HTTP/1.1", *lines: str, answer: tuple[str, ...] = ()) -> Context:
    """A request with these fields; `answer` is the status and reason of its response, then that one's fields."""
    ctx = Context(ProxyFacts("front", 2, True), Session(ListenerFacts("", 1)))
    ctx.source = ctx.session.source = net_address("192.0.2.7", 40000)
    ctx.destination = ctx.session.destination = net_address("192.0.2.1", 80)
    request = Request()
    method, uri, version = line.split(" ")
    request.method, request.uri, request.minor = method.encode(), uri.encode(), int(version[-1])
    _fill(request, lines)
    request.host = request.get(b"host")
    request.line = ctx.record.request_line = line.encode()
    ctx.request = request
    if answer:
        response = Response()
        status, _, reason = answer[0].partition(" ")
        response.status, response.reason = int(status), reason.encode()
        _fill(response, answer[1:])
        ctx.response = response
        ctx.record.status = response.status
        ctx.backend = ProxyFacts("back", 3, True)
        ctx.server = ServerFacts("s1", 1)
    return ctx


def compiled(*lines: str, kind: str = "frontend", before: str = "") -> list[Rule]:
    """The rules that these lines make."""
    return good(kind, "mode http", *lines, before=before).proxy.all(Rule)


def run(ctx: Context, *lines: str, before: str = "") -> int:
    """Run the rules of these lines, which are all of one rule set; the verdict."""
    loaded = good("frontend", "mode http", *lines, before=before)
    found = loaded.proxy.all(Rule)
    for rule in found:
        rule.action.resolve(loaded.configuration, loaded.diagnostics)
    captures = captures_of(loaded.proxy, 63, loaded.diagnostics)
    if captures is not None:
        captures.of_request(ctx)
        captures.of_response(ctx)
    return run_steps(steps(found), ctx)


def fields(head: Head | None) -> list[tuple[str, str]]:
    """Names and values."""
    assert head is not None
    return [(one.name.decode(), one.value.decode("latin-1")) for one in head.fields]


def values(head: Head | None, name: str) -> list[str]:
    """The values of the fields of one name."""
    return [value for known, value in fields(head) if known == name]


def reply_of(ctx: Context) -> Reply:
    """What a rule decided to answer."""
    assert isinstance(ctx.answer, Reply)
    return ctx.answer


def answered(ctx: Context) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, fields and body of what a rule decided to answer."""
    head, body = reply_of(ctx).render(ctx)
    return head.status, fields(head), body


def error(line: str, kind: str = "frontend", before: str = "") -> tuple[str, int]:
    """The one error that a line gives, and its column (1 is the line's first character)."""
    loaded = section(kind, "mode http", line, before=before)
    (finding,) = [one for one in loaded.diagnostics.findings if one.severity == Severity.ALERT]
    return finding.message, finding.position.column - 1


def warnings(*lines: str, before: str = "") -> list[str]:
    """What is said of lines that are accepted."""
    loaded: Loaded = good("frontend", "mode http", *lines, before=before)
    return loaded.warnings
