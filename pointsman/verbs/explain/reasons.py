"""Why a value cannot be known offline: fetches and converters, by their names."""

import re
from typing import Final

from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.types import Reads

TABLE: Final = "a stick table counts it, while the program runs"
BUSY: Final = "it depends on how busy the program is"
SERVERS: Final = "it depends on the states of servers; --down says that one is down"
HANDSHAKE: Final = "the client's TLS handshake decides it"
MEASURED: Final = "the kernel measures it on the connection"
SERVER_SIDE: Final = "the connection to the server decides it"

_STATES: Final = r"nbsrv|srv_is_up|server_status|srv_u?i?weight|srv_weight"

# Patterns of whole names, the first that fits. "": it is known here.
FETCHED: Final = [
    (r"rand", "it is drawn for each request"),
    (r"uuid", "it is made up for each request"),
    (r"sc[0-2]?_(?:tracked|key)", ""),
    (r"(?:sc[0-2]?|src)_(?!port|is_local).+|table_(?:avl|cnt)", TABLE),
    (_STATES, SERVERS),
    (r"(?:act|fe|be|srv|dst)_conn|(?:be|srv)_conn_free|connslots|queue|avg_queue|srv_queue", BUSY),
    (r"(?:fe|be|srv)_(?:sess|req)_rate|bc_nb_streams|bc_(?:be|srv)_queue", BUSY),
    (r"fc_(?:rtt|rttvar|lost|retrans|reordering|sacked|fackets|unacked|saved_syn)|bc_rtt(?:var)?", MEASURED),
    (r"fc_pp_.+", "a PROXY header would say it"),
    (r"ssl_bc(?:_.+)?|ssl_s_.+|bc_.+|bs\..+", SERVER_SIDE),
    (r"(?:fc|req|res|bc|txn)\.timer\..+", "it is a time that is measured"),
    (r"stopping|uptime|pid|thread|tgroup", "it is of the process that runs"),
    (r"ssl_fc_(?!has_sni|sni|has_crt|alpn|is_resumed|has_early|err).+|ssl_f_.+", HANDSHAKE),
]
CONVERTED: Final = [
    (r"table_.+|in_table", TABLE),
    (_STATES, SERVERS),
    (r"srv_queue", BUSY),
]
_FETCHED: Final = [(re.compile(pattern), why) for pattern, why in FETCHED]
_CONVERTED: Final = [(re.compile(pattern), why) for pattern, why in CONVERTED]


def why_unknown(fetch: str, converters: list[str]) -> str:
    """ "": the value of such an expression is known offline."""
    entry = FETCHES.get(fetch)
    if entry is not None and entry.reads & (Reads.MOVING | Reads.CONNECTION):
        found = _first(_FETCHED, fetch)
        if found:
            return found
    for name in converters:
        step = CONVERTERS.get(name)
        if step is not None and step.reads & Reads.MOVING:
            found = _first(_CONVERTED, name)
            if found:
                return found
    return ""


def _first(table: list[tuple[re.Pattern[str], str]], name: str) -> str:
    for pattern, why in table:
        if pattern.fullmatch(name):
            return why
    return ""


def is_state(fetch: str, converters: list[str]) -> bool:
    """It asks the states of servers."""
    return any(re.fullmatch(_STATES, name) for name in (fetch, *converters))
