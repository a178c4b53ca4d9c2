"""Actions write no more than they declare, and what they do depends on nothing else than what they declare.

Each is run, with the rules below, on exchanges that differ in one thing (support/contract.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from rule_stand import compiled
from support.configs import good, section
from support.contract import (
    CONTEXT,
    TRACKS,
    TRACKS_ARRAYS,
    VARIANTS,
    Phase,
    Variant,
    World,
    belongs,
    covered,
    exchange,
    look,
    still,
)

from pointsman.assemble.modes import HTTP
from pointsman.config.action import (
    ACTIONS,
    CONTINUE,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    RULE_SETS,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    Action,
    RuleArgs,
    action,
)
from pointsman.config.verdict import WAIT
from pointsman.core.arena import Arena
from pointsman.net.questions import QUESTIONS, Incarnations, QuestionLinks
from pointsman.net.reactor import Reactor
from pointsman.proto.message import field
from pointsman.rules.keywords import RedirectLine
from pointsman.rules.plan import Cursor, run_steps, steps
from pointsman.rules.reply import Challenge, Reply, Served
from pointsman.rules.rule import Rule
from pointsman.rules.service import HttpService, UseService
from pointsman.sample.context import Context
from pointsman.sample.types import Reads, Writes

_REPLY: Final = 'status 403 content-type text/plain lf-string "%[path] %[var(txn.one)]" hdr x-why %[req.hdr(x-a)]'
_OWN_REPLY: Final = 'status 403 content-type text/plain lf-string "%[status]" hdr x-why %[res.hdr(x-a)]'
# The rules by which each action is tried; with a rule set in front where it is for that alone.
LINES: Final[dict[str, tuple[str, ...]]] = {
    "add-acl": ("add-acl(virt@keys) %[var(txn.one)]",),
    "del-acl": ("del-acl(virt@keys) one",),
    "set-map": ("set-map(virt@text-to-number) one %[var(txn.one)]7", "set-map(virt@text-to-number) new 5"),
    "del-map": ("del-map(virt@text-to-number) one",),
    "add-header": ("add-header x-new %[src]", "add-header connection close"),
    "set-header": ("set-header x-a fixed", "set-header host b", "set-header connection close"),
    "del-header": ("del-header x-a", "del-header x- -m beg", "del-header connection", "del-header host"),
    "replace-header": ("replace-header x-a (.*) <\\1>", "replace-header x-n .* 5", "replace-header host (.) \\1b"),
    "replace-value": ("replace-value x-a (o|t).* <\\1>", "replace-value host .* b"),
    "allow": ("allow",),
    "accept": ("tcp-request connection accept", "tcp-request content accept", "tcp-response content accept"),
    "close": ("tcp-response content close",),
    "expect-netscaler-cip": ("tcp-request connection expect-netscaler-cip layer4",),
    "expect-proxy": ("tcp-request connection expect-proxy layer4",),
    "switch-mode": ("tcp-request content switch-mode http proto h1",),
    "deny": ("deny", "deny status 429", "http-request deny " + _REPLY, "http-response deny " + _OWN_REPLY),
    "tarpit": ("tarpit", "tarpit " + _REPLY),
    "return": ("return status 200", "http-request return " + _REPLY, "http-response return " + _OWN_REPLY),
    "reject": ("reject", "tcp-request connection reject", "tcp-response content reject"),
    "silent-drop": ("silent-drop", "silent-drop rst-ttl 3"),
    "auth": ("auth realm r", "auth"),
    "redirect": (
        "redirect location http://x%[src]/",
        "redirect location / code 301 keep-query",
        "http-request redirect prefix http://y drop-query append-slash set-cookie c=1",
        "http-request redirect scheme https set-cookie-fmt c=%[var(txn.one)]",
        "redirect location %[var(txn.none)] ignore-empty",
    ),
    "capture": (
        "http-request capture req.hdr(x-a) id 0",
        "http-response capture res.hdr(x-a) id 0",
        "http-after-response capture str(a) id 0",
        "tcp-request content capture src id 0",
    ),
    "set-src": ("set-src ipv4(192.0.2.44)", "tcp-request connection set-src ipv4(192.0.2.45)", "set-src req.hdr(x-ip)"),
    "set-src-port": ("set-src-port int(77)",),
    "set-dst": ("set-dst ipv4(192.0.2.44)", "set-dst var(txn.none)"),
    "set-dst-port": ("set-dst-port int(77)",),
    "pause": ("pause 5", "http-request pause req.hdr_val(x-n)", "http-response pause status", "pause int(0)"),
    "wait-for-body": ("wait-for-body time 1s", "wait-for-body time 0 at-least 5"),
    "wait-for-handshake": ("wait-for-handshake",),
    "set-fc-mark": ("set-fc-mark 0x10", "set-fc-mark src,ipmask(8)"),
    "set-mark": ("set-mark 3",),
    "set-fc-tos": ("set-fc-tos 0x10",),
    "set-tos": ("set-tos int(8)",),
    "set-bc-mark": ("set-bc-mark 5", "set-bc-mark req.hdr_val(x-n)"),
    "set-bc-tos": ("set-bc-tos 0x20",),
    "set-log-level": ("set-log-level silent",),
    "set-method": ("set-method X%[method]", "set-method POST"),
    "set-path": ("set-path /new%[src]", "set-path /fixed"),
    "set-pathq": ("set-pathq /new?c",),
    "set-query": ("set-query c=1",),
    "set-uri": ("set-uri http://c:8/new", "set-uri /new"),
    "replace-path": ("replace-path /dir(.*) /other\\1",),
    "replace-pathq": ("replace-pathq (.*) /other\\1",),
    "replace-uri": ("replace-uri (.*) http://c\\1",),
    "set-status": ("set-status 418", "set-status 200 reason Fine"),
    "set-nice": ("set-nice 5",),
    "strict-mode": ("strict-mode off", "strict-mode on"),
    "add-headers-bin": ("add-headers-bin bin(01780179)",),
    "set-headers-bin": (
        "http-request set-headers-bin bin(04686f737401620378613101330000)",
        "http-response set-headers-bin bin(03782d610179)",
        "http-after-response set-headers-bin bin(03782d610179)",
    ),
    "del-headers-bin": ("del-headers-bin bin(03782d61)",),
    "do-resolve": ("do-resolve(txn.one,dns) req.hdr(host)", "do-resolve(txn.one,dns,ipv4) str(www.example.com)"),
    "early-hint": ("early-hint link a",),
    "normalize-uri": ("normalize-uri percent-to-uppercase", "normalize-uri path-merge-slashes"),
    "set-timeout": ("set-timeout tarpit 5s", "http-request set-timeout tarpit req.hdr_val(x-n)"),
    "set-priority-class": ("set-priority-class int(5)", "set-priority-class req.hdr_val(x-n)"),
    "set-priority-offset": ("set-priority-offset int(-5)", "set-priority-offset req.hdr_val(x-n)"),
    "set-retries": ("set-retries 5", "set-retries req.hdr_val(x-n)"),
    "disable-l7-retry": ("disable-l7-retry",),
    "set-var": (
        "set-var(txn.one) src",
        "http-request set-var(sess.new) path",
        "set-var(proc.contract) int(6)",
        "set-var(txn.one,ifset) str(new)",
    ),
    "set-var-fmt": ("set-var-fmt(txn.one) %[src]-%ci",),
    "unset-var": ("unset-var(txn.one)", "unset-var(sess.one)", "unset-var(proc.contract)"),
    "track-sc": ("track-sc src table t",),
    **{f"track-sc{number}": (f"track-sc{number} src table t",) for number in range(3)},
    "sc-inc-gpc": (f"sc-inc-gpc(1,{TRACKS_ARRAYS})",),
    "sc-inc-gpc0": (f"sc-inc-gpc0({TRACKS})",),
    "sc-inc-gpc1": (f"sc-inc-gpc1({TRACKS})",),
    "sc-add-gpc": (f"sc-add-gpc(1,{TRACKS_ARRAYS}) 5", f"sc-add-gpc(1,{TRACKS_ARRAYS}) src_port"),
    "sc-set-gpt": (f"sc-set-gpt(1,{TRACKS_ARRAYS}) 5", f"sc-set-gpt(1,{TRACKS_ARRAYS}) src_port"),
    "sc-set-gpt0": (f"sc-set-gpt0({TRACKS}) 5", f"sc-set-gpt0({TRACKS}) src_port"),
    "use-service": ("use-service prometheus-exporter",),
}
# What is declared though nothing here shows it: writes, reads, and why.
WIDER: Final[dict[str, tuple[list[str], list[str], str]]] = {
    "set-src": (["CONNECTION"], ["CONNECTION"], "who declares CONNECTION reads the client's address; the port stays"),
    "set-dst": ([], ["CONNECTION"], "the port stays"),
    "wait-for-body": ([], ["REQUEST_LINE"], "a response to HEAD has no body"),
    **dict.fromkeys(
        ("set-fc-mark", "set-mark", "set-fc-tos", "set-tos"), (["MOVING"], [], "the kernel keeps it, no context does")
    ),
    "del-map": ([], ["MOVING"], "whether there is such an entry"),
    "do-resolve": (["MOVING"], ["MOVING"], "the address comes once control has answered"),
}
_PHASES: Final = {
    HTTP_REQUEST: (Phase.REQUEST,),
    HTTP_RESPONSE: (Phase.RESPONSE,),
    HTTP_AFTER: (Phase.RESPONSE, Phase.OWN),
    TCP_CONNECTION: (Phase.REQUEST,),
    TCP_CONTENT: (Phase.REQUEST,),
    TCP_RESPONSE: (Phase.RESPONSE,),
}


@pytest.fixture(autouse=True)
def control() -> Iterator[None]:
    """It can be asked, and never answers."""
    reactor, links = Reactor(), QuestionLinks(1, Incarnations(Arena(1, 1 << 12, 2)))
    QUESTIONS.attach(reactor, links, 0)
    yield
    links.close()
    reactor.epoll.close()


class FixedService(HttpService):
    """A service looks at the request's line."""

    def answer(self, context: Context) -> Served:
        assert context.request is not None
        return Served(b"<FIXED>", False, 500 if context.request.method == b"GET" else 0)


def rules_of(name: str) -> Iterator[tuple[int, str]]:
    """Rule sets, and rules of the action in them."""
    entry = ACTIONS.get(name)
    assert entry is not None
    for line in LINES[name]:
        for rule_set in _PHASES:
            before = RULE_SETS[rule_set] + " "
            alone = line.startswith(("http-", "tcp-"))
            if entry.rule_sets & rule_set and (line.startswith(before) if alone else rule_set & HTTP):
                yield rule_set, line if alone else before + line


def ready(line: str, world: World) -> Action:
    """The action of a rule, as a stream runs it."""
    before = "global\n tune.stick-counters 5\n expose-experimental-directives\n"
    slots = ("declare capture request len 40", "declare capture response len 40")
    loaded = good("listen", "mode http", *slots, line, before=before)
    world.fill()
    found = loaded.proxy.all(Rule)[0].action
    found.resolve(loaded.configuration, loaded.diagnostics)
    if isinstance(found, UseService):
        found.made = FixedService()
    world.fill()
    return found


def said(context: Context) -> object:
    """What is answered, as a plain value."""
    need = context.need
    if need is not None:
        return need.kind, need.time, need.size, need.behind
    answer = context.answer
    if isinstance(answer, Served):
        return answer.page
    if isinstance(answer, Reply):
        head, body = answer.render(context)
        return head.status, [(one.name, one.value) for one in head.fields], body
    if isinstance(answer, Challenge):
        return answer.status, answer.name, answer.value
    return answer


@dataclass
class Done:
    """What an action did: what it changed and what there is now, by path."""

    verdict: int
    answer: object
    changed: frozenset[str]
    after: dict[str, object]


def run(made: Action, context: Context) -> Done:
    context.may_wait = True
    before = look(context)
    verdict = made.run(context)
    answer = said(context)
    after = look(context)
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    return Done(verdict, answer, frozenset(path for path in changed if not _is_own(path)), after)


def _is_own(path: str) -> bool:
    return path in CONTEXT and CONTEXT[path].own


def differ(one: Done, other: Done) -> bool:
    """What was done is not the same. Of a list of fields, those of other names stay what they are."""
    if (one.verdict, one.answer) != (other.verdict, other.answer):
        return True
    paths = (one.changed | other.changed) - {"request.fields", "response.fields"}
    return any(one.after.get(path) != other.after.get(path) for path in paths)


@dataclass
class Effects:
    """Of a rule: what its action declares, what it wrote, what changed what it did."""

    reads: int
    writes: int
    written: set[Reads]
    influences: list[Variant]

    def not_written_by_declaration(self, writes: int) -> list[Reads]:
        return [bit for bit in self.written if not writes & bit]

    def not_read_by_declaration(self, reads: int) -> list[str]:
        return [f"{one.name} ({one.belongs.name})" for one in self.influences if not covered(reads) & one.belongs]


def effects(made: Action, rule_set: int, world: World) -> Effects:
    """Try it."""
    found = Effects(made.reads, made.writes, set(), [])
    for phase in _PHASES[rule_set]:
        world.fresh()
        usual = run(made, exchange(phase))
        found.written |= {belongs(path) for path in usual.changed}
        for variant in VARIANTS:
            done = run(made, variant.exchange(world, phase))
            found.written |= {belongs(path) for path in done.changed}
            if differ(usual, done):
                found.influences.append(variant)
    return found


def tried(name: str) -> dict[str, Effects]:
    """All rules of an action."""
    found = {}
    for rule_set, line in rules_of(name):
        with still() as world:
            found[line] = effects(ready(line, world), rule_set, world)
    return found


def test_each_action_has_its_lines() -> None:
    """A new action needs one above; one that stands in several lists is tried in each."""
    assert set(LINES) == set(ACTIONS)
    for name in ACTIONS:
        entry = ACTIONS.get(name)
        assert entry is not None
        sets = {rule_set for rule_set, _ in rules_of(name)}
        assert sets >= {one for one in _PHASES if entry.rule_sets & one & HTTP}, name
        assert sets, name


@pytest.mark.parametrize("name", LINES)
def test_an_action_does_what_it_declares(name: str) -> None:
    """It writes no more, it depends on nothing else; and a declaration with one bit less would be found, so that the
    lines are telling, and nothing is declared in vain."""
    entry = ACTIONS.get(name)
    assert entry is not None
    rules = tried(name)
    for line, found in rules.items():
        assert found.not_written_by_declaration(found.writes) == [], line
        assert found.not_read_by_declaration(found.reads) == [], line
    lines = rules.values()
    writes = [
        bit.name
        for bit in Writes
        if entry.writes & bit and not any(one.not_written_by_declaration(one.writes & ~bit) for one in lines)
    ]
    reads = [
        bit.name
        for bit in Reads
        if entry.reads & bit and not any(one.not_read_by_declaration(one.reads & ~bit) for one in lines)
    ]
    assert (writes, reads) == (WIDER[name][:2] if name in WIDER else ([], []))


class Mutant(Action):
    """It does something, whatever is declared of it."""

    def __init__(self, does: Callable[[Context], object]) -> None:
        super().__init__()
        self.does = does

    def run(self, context: Context) -> int:
        self.does(context)
        return CONTINUE


def _append(context: Context) -> None:
    assert context.request is not None
    context.request.fields = [*context.request.fields, field(b"x-new", b"1")]


def _forget_body(context: Context) -> None:
    context.body = b""


def _count(context: Context) -> None:
    context.session.variables[b"sess.one"] = len(context.body)


def _move(context: Context) -> None:
    context.destination = context.source


def _answer(context: Context) -> None:
    context.answer = context.record.uploaded


# What they do, what they declare to read and to write, and which bits are found missing.
MUTANTS: Final[dict[str, tuple[Callable[[Context], object], Reads, Writes, list[Reads], list[Reads]]]] = {
    "it appends a field": (_append, Reads.NOTHING, Writes.REQUEST_LINE, [], [Reads.HEADER_BLOCK]),
    "it drops the body": (_forget_body, Reads.NOTHING, Writes.MOVING, [], [Reads.BODY]),
    "it counts": (_count, Reads.HEADER_BLOCK, Writes.MOVING, [Reads.BODY], []),
    "it moves": (_move, Reads.NOTHING, Writes.MOVING, [Reads.SOURCE, Reads.CONNECTION], [Reads.CONNECTION]),
    "it answers": (_answer, Reads.CONNECTION, Writes.NOTHING, [Reads.MOVING], []),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_declaration_is_found(name: str) -> None:
    does, reads, writes, missing, unwritten = MUTANTS[name]
    with still() as world:
        found = effects(Mutant(does), HTTP_REQUEST, world)
    assert {one.belongs for one in found.influences if not covered(int(reads)) & one.belongs} == set(missing)
    assert bool(found.not_read_by_declaration(int(reads))) == bool(missing)
    assert found.not_written_by_declaration(int(writes)) == unwritten


def test_who_declares_nothing_may_do_anything() -> None:
    """An action without words in its decorator, and one that nobody registered."""
    assert (Mutant(_append).reads, Mutant(_append).writes) == (Reads.ALL, Writes.ALL)
    action("contract-test", HTTP_REQUEST, "4.4")(lambda args: Mutant(_append))
    try:
        (rule,) = compiled("http-request contract-test")
        assert (rule.action.reads, rule.action.writes) == (Reads.ALL, Writes.ALL)
        with pytest.raises(AssertionError):
            test_each_action_has_its_lines()
    finally:
        del ACTIONS._entries["contract-test"]


def test_a_parser_may_declare_less_and_never_more() -> None:
    def parse(args: RuleArgs) -> Action:
        args.only(writes=Writes.NOTHING)
        args.only(reads=Reads.HEADER_BLOCK)
        return Mutant(_append)

    action("contract-test", HTTP_REQUEST, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)(parse)
    try:
        (error,) = section("frontend", "mode http", "http-request contract-test").errors
        assert "AssertionError: http-request contract-test reads more than it declares" in error
    finally:
        del ACTIONS._entries["contract-test"]


def test_what_formats_read_is_added() -> None:
    """To what the decorator says; a `redirect` line is an action as others are."""
    (rule,) = compiled("http-request set-header x %[req.hdr(a)]%[src]")
    assert (rule.action.reads, rule.action.writes) == (Reads.HEADER_BLOCK | Reads.SOURCE, Writes.HEADER_BLOCK)
    (rule,) = compiled("http-request deny content-type a/b lf-string %[path] hdr x %[var(txn.a)]")
    assert (rule.action.reads, rule.action.writes) == (Reads.REQUEST_LINE | Reads.MOVING, Writes.NOTHING)
    line = good("frontend", "mode http", "redirect prefix /a").proxy.all(RedirectLine)[0]
    assert (line.rule.action.reads, line.rule.action.writes) == (Reads.REQUEST_LINE, Writes.NOTHING)


def test_a_request_without_a_body_is_remembered_in_spite_of_wait_for_body() -> None:
    """Whether it waits was decided by the request's fields alone."""
    rules = steps(compiled("http-request wait-for-body time 1s"))
    context = exchange(Phase.REQUEST)
    assert run_steps(rules, context, Cursor()) == WAIT
    assert context.asked & Reads.MOVING
    context = exchange(Phase.REQUEST)
    assert context.request is not None
    context.request.length = -1
    assert run_steps(rules, context, Cursor()) == CONTINUE
    assert context.asked == Reads.HEADER_BLOCK
