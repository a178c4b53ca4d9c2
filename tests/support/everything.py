"""All that may be asked of an exchange, taken from the registries: a format for each tag and for each fetch.

So a tag or a fetch that is added tomorrow is tested the same day.
"""

from __future__ import annotations

from typing import Final

import pointsman.keywords  # noqa: F401
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.sample.format import Format, parse_format
from pointsman.sample.registry import FETCHES
from pointsman.sample.tag import TAGS
from pointsman.sample.types import Where

# What tells of the moment, of chance or of this process, and so of no exchange.
MOMENTARY = frozenset(
    (
        "%T",
        "%Tl",
        "%Ts",
        "%t",
        "%tr",
        "%trg",
        "%trl",
        "%ms",
        "%lc",
        "%pid",
        "accept_date",
        "date",
        "date_us",
        "pid",
        "rand",
        "request_date",
        "uuid",
    )
)
OF_SECTIONS = frozenset(("backend", "frontend", "server", "user list"))  # these tell of another section

# An argument of each kind; by name where the kind does not say enough.
ARGUMENTS = {"integer": "0", "string": "1", "IPv4 address": "192.0.2.1", "IPv6 address": "2001:db8::1"}
NAMED = {
    "acl": "TRUE",
    "var": "txn.x",
    "bool": "true",
    "str": "s",
    "bin": "00ff",
    "env": "HOME",
    "meth": "GET",
    "fc_pp_tlv": "0xe0",
    "url_param": "x",
    "urlp": "x",
    "urlp_val": "x",
}


# What the kernel measures: another value each time.
MEASURED: Final = frozenset(
    (
        *("bc_rtt", "bc_rttvar", "fc_rtt", "fc_rttvar", "fc_unacked", "fc_sacked"),
        *("fc_lost", "fc_retrans", "fc_fackets", "fc_reordering"),
    )
)


def fetch_text(name: str) -> str | None:
    """The fetch with its arguments; None: a log line cannot ask for it, or it tells of another section."""
    found = FETCHES.get(name)
    assert found is not None
    kinds = found.signature.kinds
    if not found.where & Where.LOG or OF_SECTIONS & set(kinds):
        return None
    if name in NAMED:
        return f"{name}({NAMED[name]})"
    if not found.signature.required:
        return f"{name}(x-one)" if "hdr" in name and kinds[:1] == ("string",) and "hdr_names" not in name else name
    return f"{name}({','.join(ARGUMENTS[kind] for kind in kinds[: found.signature.required])})"


def everything() -> dict[str, Format]:
    """By name; tags have their percent sign."""
    texts = {f"%{name}": f"%{name}" for name in TAGS}
    for name in FETCHES:
        text = fetch_text(name)
        if text is not None:
            texts[name] = f"%[{text}]"
    return {
        name: parse_format(Word(text, NOWHERE), Where.LOG, merge_spaces=True)
        for name, text in texts.items()
        if name not in MOMENTARY
    }
