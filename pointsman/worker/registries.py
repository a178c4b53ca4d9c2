"""-dK<class>[,<class>]*: what is registered, in the form that HAProxy prints (management manual 3).

Programs read these lists (completions, highlighting), so a word has the line that HAProxy 3.5 prints for it. Words that
HAProxy does not list because its parser knows them by other means (balance, acl) stand here as well.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from pointsman.admin.command import COMMANDS
from pointsman.config.action import (
    ACTIONS,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    RULE_SETS,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
)
from pointsman.config.bind import BIND_OTHERS, BIND_WORDS
from pointsman.config.crt_list import CRT_LIST_WORDS
from pointsman.config.keyword import KEYWORDS
from pointsman.config.options import HTTP_ONLY
from pointsman.config.parameters import Others, Parameter
from pointsman.config.server_words import SERVER_OTHERS, SERVER_WORDS
from pointsman.config.setting import SECTIONS, In
from pointsman.config.vocabulary import words as vocabulary
from pointsman.core.registry import Registry
from pointsman.rules.service import SERVICES
from pointsman.sample.acl import SHORT
from pointsman.sample.arguments import Signature
from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.types import Where

P = TypeVar("P")

CLASSES: Final = {
    "acl": "ACL keywords",
    "cfg": "configuration keywords",
    "cli": "CLI keywords",
    "cnv": "sample converter keywords",
    "flt": "filter names",
    "smp": "sample fetch functions",
    "svc": "service names",
}

# The columns of HAProxy's table of fetches and what they are here.
COLUMNS: Final[tuple[tuple[Where, str], ...]] = (
    (Where.TCP_REQ_CON, "frontend tcp-request connection rule"),
    (Where.TCP_REQ_SES, "frontend tcp-request session rule"),
    (Where.TCP_REQ_CNT, "frontend tcp-request content rule"),
    (Where.HTTP_REQ, "frontend http-request header rule"),
    (Where.HTTP_REQ, "frontend http-request body rule"),
    (Where.HTTP_REQ, "frontend use-backend rule"),
    (Where.TCP_REQ_CNT, "backend tcp-request content rule"),
    (Where.HTTP_REQ, "backend http-request header rule"),
    (Where.HTTP_REQ, "backend http-request body rule"),
    (Where.HTTP_REQ, "backend use-server, balance or stick-match rule"),
    (Where.HTTP_REQ, "server source selection"),
    (Where.TCP_RES_CNT, "backend tcp-response content rule"),
    (Where.HTTP_RES, "backend http-response header rule"),
    (Where.HTTP_RES, "backend http-response body rule"),
    (Where.HTTP_RES, "backend stick-store rule"),
    (Where.TCP_RES_CNT, "frontend tcp-response content rule"),
    (Where.HTTP_RES, "frontend http-response header rule"),
    (Where.HTTP_RES, "frontend http-response body rule"),
    (Where.LOG, "logs"),
    (Where.CHECK, "backend tcp-check rule"),
    (Where.CONFIG, "configuration parser"),
    (Where.CLI, "CLI parser"),
)

_OF_BACKENDS: Final = "......YYYYYYYYYYYYYY.."  # of fetches about the stream's backend
# Of fetches that may be used at more places here, which HAProxy does not tell apart as this program does: its columns.
_THEIRS: Final = {
    **dict.fromkeys(("be_connect_timeout", "be_id", "be_max_retries", "be_name", "be_queue_timeout"), _OF_BACKENDS),
    **dict.fromkeys(("be_server_timeout", "be_tarpit_timeout", "be_tunnel_timeout"), _OF_BACKENDS),
    **dict.fromkeys(("cur_connect_timeout", "cur_max_retries", "cur_queue_timeout"), _OF_BACKENDS),
    **dict.fromkeys(("cur_server_timeout", "cur_tunnel_timeout"), _OF_BACKENDS),
    "bytes_out": ".........YYYYYYYYYY...",
    "req.timer.hdr": "..YYYYYYYYY...........",
    "req.timer.idle": "..YYYYYYYYY...........",
    "req.timer.tq": "..YYYYYYYYY...........",
    "res.bytes_in": ".........YYYYYYYYYY...",
    "res.bytes_out": ".........YYYYYYYYYY...",
    "res.timer.data": ".........YYYYYYYYYY...",
    "res.timer.hdr": "...........YYYYYYY.Y..",
    "srv_id": "..........YYYYYYYYYY..",
    "srv_name": "..........YYYYYYYYYY..",
}
# Commands that HAProxy's master knows on a socket of its own (-S), which is not built here.
_OF_MASTER: Final = frozenset(
    (
        "echo",
        "experimental-mode",
        "expert-mode",
        "help",
        "operator",
        "prompt",
        "quit",
        "show cli level",
        "show cli sockets",
        "show env",
        "show startup-logs",
        "show version",
        "user",
    )
)
_RULE_SETS: Final = (TCP_CONNECTION, TCP_SESSION, TCP_CONTENT, TCP_RESPONSE, HTTP_REQUEST, HTTP_RESPONSE, HTTP_AFTER)


def dump(classes: str) -> str:
    """The lists of these classes, "all" for all of them, "help" for the list of classes. Unknown ones have no list."""
    names = [name for word in classes.split(",") for name in (CLASSES if word == "all" else (word,))]
    return "\n".join(line for name in names if name in _DUMPS for line in _DUMPS[name]())


def unknown_classes(classes: str) -> list[str]:
    """The classes that have no list."""
    return [word for word in classes.split(",") if word not in _DUMPS and word != "all"]


def _help() -> Iterator[str]:
    yield "# List of supported keyword classes:"
    yield "all: list all keywords"
    yield from (f"{name}: {text}" for name, text in CLASSES.items())


def _acls() -> Iterator[str]:
    """Short criteria, as far as the fetch behind them is built."""
    yield "# List of registered ACL keywords:"
    for name, (real, method) in sorted(SHORT.items()):
        if real in FETCHES:
            yield f"{name} = {real} -m {method}"


def _keywords() -> Iterator[str]:
    yield "# List of registered configuration keywords:"
    yield "global"
    yield from _firsts(In.GLOBAL)
    yield "listen"
    yield from _firsts(In.ANY_PROXY)
    yield from _parameters("bind <addr>", BIND_WORDS, BIND_OTHERS)
    yield from _parameters("server <name> <addr>", SERVER_WORDS, SERVER_OTHERS)
    yield from _options()
    yield from _actions()
    for name in ("userlist", "http-errors"):
        yield name
        yield from _firsts(SECTIONS[name])
    yield "peers"
    yield from _firsts(In.PEERS)
    yield "crt-list"
    for name in CRT_LIST_WORDS:
        word = CRT_LIST_WORDS.get(name)
        assert word is not None
        yield f"\t{name}" + (f" +{word.values}" if word.values else "")
    yield "crt-store"
    yield from _firsts(In.CRT_STORE)


def _firsts(where: In) -> Iterator[str]:
    """The first words of the keywords of these sections."""
    names = {
        entry.name
        for key in KEYWORDS
        if (entry := KEYWORDS.get(key)) is not None
        and entry.where & where
        and key.startswith("global ") == bool(where & In.GLOBAL)
    }
    yield from ("\t" + name for name in sorted({name.split()[0] for name in names} - {"option"}))


def _parameters(line: str, words: Registry[Parameter[P]], others: Others) -> Iterator[str]:
    """Words behind an address, with the number of values that each takes; "ssl" before those that need it."""
    counts = {**others.hints, **{name: found.values for name in words if (found := words.get(name)) is not None}}
    shown = {f"ssl {name}" if name in others.tls else name: values for name, values in counts.items()}
    for name in sorted(shown):
        yield f"\t{line} {name}" + (f" +{shown[name]}" if shown[name] else "")


def _options() -> Iterator[str]:
    """Options, with the sides that they are for, and whether they are for HTTP alone."""
    for key in KEYWORDS:
        entry = KEYWORDS.get(key)
        if entry is not None and key.startswith("option "):
            sides = "FE " * bool(entry.where & In.FRONTEND) + "BE " * bool(entry.where & In.BACKEND)
            yield f"\t{key} [ {sides}{'HTTP ' * (key[7:] in HTTP_ONLY)}]"


def _actions() -> Iterator[str]:
    """Actions of rules; a star stands where something in parentheses follows the name."""
    for rule_set in _RULE_SETS:
        for name in ACTIONS:
            entry = ACTIONS.get(name)
            if entry is not None and entry.rule_sets & rule_set:
                yield f"\t{RULE_SETS[rule_set]} {name}{'*' * entry.named}"


def _commands() -> Iterator[str]:
    """Commands of the runtime socket."""
    yield "# List of registered CLI keywords:"
    lines: dict[str, str] = {}
    for name in COMMANDS:
        entry = COMMANDS.get(name)
        if entry is not None:
            # "set rate-limit connections global" is an argument of "set rate-limit" in HAProxy's list.
            word = next((known for known in vocabulary("command") if name.startswith(known + " ")), name)
            master = "[MASTER] " if word in _OF_MASTER else ""
            lines[word] = f"{word} {master}[WORKER] {'[EXPERIM] ' * entry.experimental}"
    for word in sorted(lines):
        yield lines[word]


def _converters() -> Iterator[str]:
    """What comes out stands in front of what goes in."""
    yield "# List of registered sample converter functions:"
    for name in CONVERTERS:
        entry = CONVERTERS.get(name)
        if entry is not None:
            yield (
                f"{name}{signature_text(entry.signature)}: {entry.returns.name.lower()} => {entry.accepts.name.lower()}"
            )


def _filters() -> Iterator[str]:
    yield "# List of registered filter names:"


def _fetches() -> Iterator[str]:
    yield "# List of registered sample fetch functions:"
    count = len(COLUMNS)
    for number, (_, title) in enumerate(COLUMNS):
        yield f"#{' ' * (count + 1 - number)}{'/ ' * number}_.{'-' * (count - number)} {title}"
    yield "# " + "/ " * count + " "
    yield "# " + "| " * count
    for name in FETCHES:
        entry = FETCHES.get(name)
        if entry is not None:
            marks = " ".join(_THEIRS.get(name) or ("Y" if entry.where & where else "." for where, _ in COLUMNS))
            yield f"[ {marks} ] {name}{signature_text(entry.signature)}: {entry.type.name.lower()}"


def _services() -> Iterator[str]:
    yield "# List of registered service names:"
    yield from SERVICES


def signature_text(signature: Signature) -> str:
    """ "(string,integer[,string])", or "" where there are no arguments."""
    if not signature.kinds:
        return ""
    required = ",".join(signature.kinds[: signature.required])
    optional = ",".join(signature.kinds[signature.required :])
    if not optional:
        return f"({required})"
    return f"({required}[,{optional}])" if required else f"([{optional}])"


_DUMPS: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "acl": _acls,
    "cfg": _keywords,
    "cli": _commands,
    "cnv": _converters,
    "flt": _filters,
    "smp": _fetches,
    "svc": _services,
    "help": _help,
}
