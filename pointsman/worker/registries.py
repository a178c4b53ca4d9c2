"""-dK<class>[,<class>]*: what is registered, in the form that HAProxy prints (management manual 3)."""
from collections.abc import Callable, Iterator
from typing import Final

from pointsman.config.action import ACTIONS, RULE_SETS
from pointsman.config.keyword import KEYWORDS
from pointsman.config.setting import SECTIONS
from pointsman.sample.arguments import Signature
from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.types import Where

CLASSES: Final = {
    "cfg": "configuration keywords",
    "rul": "actions of rules",
    "cnv": "sample converter keywords",
    "smp": "sample fetch functions",
}

# The columns of HAProxy's table of fetches and what they are here.
COLUMNS: Final[tuple[tuple[Where, str], ...]] = (
    (Where.TCP_REQ_CON, "frontend tcp-request connection rule"),
    (Where.TCP_REQ_SES, "frontend tcp-request session rule"),
    (Where.TCP_REQ_CNT, "frontend tcp-request content rule"), (Where.HTTP_REQ, "frontend http-request header rule"),
    (Where.HTTP_REQ, "frontend http-request body rule"), (Where.HTTP_REQ, "frontend use-backend rule"),
    (Where.TCP_REQ_CNT, "backend tcp-request content rule"), (Where.HTTP_REQ, "backend http-request header rule"),
    (Where.HTTP_REQ, "backend http-request body rule"),
    (Where.HTTP_REQ, "backend use-server, balance or stick-match rule"), (Where.HTTP_REQ, "server source selection"),
    (Where.TCP_RES_CNT, "backend tcp-response content rule"), (Where.HTTP_RES, "backend http-response header rule"),
    (Where.HTTP_RES, "backend http-response body rule"), (Where.HTTP_RES, "backend stick-store rule"),
    (Where.TCP_RES_CNT, "frontend tcp-response content rule"), (Where.HTTP_RES, "frontend http-response header rule"),
    (Where.HTTP_RES, "frontend http-response body rule"), (Where.LOG, "logs"), (Where.CHECK, "backend tcp-check rule"),
    (Where.CONFIG, "configuration parser"), (Where.CLI, "CLI parser"))


def classes_help() -> str:
    lines = ["# List of supported keyword classes:", "all: list all keywords"]
    return "\n".join(lines + [f"{name}: {text}" for name, text in CLASSES.items()])


def dump(classes: str) -> str:
    """The lists of these classes, "all" for all of them. Raises KeyError with the name of one that is unknown."""
    names = [name for word in classes.split(",") for name in (CLASSES if word == "all" else (word,))]
    return "\n".join(line for name in names for line in _DUMPS[name]())


def _keywords() -> Iterator[str]:
    yield "# List of registered configuration keywords:"
    for section, kind in SECTIONS.items():
        yield section
        names = {entry.name for key in KEYWORDS if (entry := KEYWORDS.get(key)) is not None and entry.where & kind}
        yield from ("\t" + name for name in sorted(names))


def _actions() -> Iterator[str]:
    yield "# List of registered actions:"
    for rule_set, title in RULE_SETS.items():
        for name in ACTIONS:
            entry = ACTIONS.get(name)
            if entry is not None and entry.rule_sets & rule_set:
                yield f"{title} {name}"


def _converters() -> Iterator[str]:
    yield "# List of registered sample converter functions:"
    for name in CONVERTERS:
        entry = CONVERTERS.get(name)
        if entry is not None:
            yield (f"{name}{signature_text(entry.signature)}: {entry.accepts.name.lower()} => "
                   f"{entry.returns.name.lower()}")


def _fetches() -> Iterator[str]:
    yield "# List of registered sample fetch functions, by columns:"
    for number, (_, title) in enumerate(COLUMNS, 1):
        yield f"# {number:2} {title}"
    for name in FETCHES:
        entry = FETCHES.get(name)
        if entry is not None:
            marks = " ".join("Y" if entry.where & where else "." for where, _ in COLUMNS)
            yield f"[ {marks} ] {name}{signature_text(entry.signature)}: {entry.type.name.lower()}"


def signature_text(signature: Signature) -> str:
    """"(string,integer[,string])", or "" where there are no arguments."""
    if not signature.kinds:
        return ""
    required = ",".join(signature.kinds[:signature.required])
    optional = ",".join(signature.kinds[signature.required:])
    if not optional:
        return f"({required})"
    return f"({required}[,{optional}])" if required else f"([{optional}])"


_DUMPS: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "cfg": _keywords, "rul": _actions, "cnv": _converters, "smp": _fetches}
