"""Every key of the format, once: what may stand where, what it says, and the shape of its value as JSON schema.

The reader asks these tables what is known, schema.py makes a file for editors of them, and a test compares the page.
"""

from dataclasses import dataclass
from typing import Final

Json = dict[str, "JsonValue"]
JsonValue = str | float | bool | list["JsonValue"] | Json

TEXT: Final[Json] = {"type": ["string", "number", "boolean"]}
TEXTS: Final[Json] = {"oneOf": [TEXT, {"type": "array", "items": TEXT}]}
NOTHING_OR_TEXTS: Final[Json] = {"oneOf": [TEXT, {"type": "null"}, {"type": "array", "items": TEXT}]}
FLAG: Final[Json] = {"type": "boolean"}
COUNT: Final[Json] = {"type": "integer", "minimum": 1}
BYTES: Final[Json] = {
    "oneOf": [
        TEXT,
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {"file": TEXT, "hex": TEXT, "base64": TEXT},
        },
    ]
}
HEADERS: Final[Json] = {"type": "object", "additionalProperties": NOTHING_OR_TEXTS}
WANTED: Final[Json] = {"$ref": "#/$defs/wanted"}
ROW: Final[Json] = {"type": "object", "additionalProperties": TEXT}
NAMED: Final[Json] = {"type": "object", "additionalProperties": WANTED}
STATUS: Final[Json] = {"type": "integer", "minimum": 100, "maximum": 999}
EXPECT: Final[Json] = {"$ref": "#/$defs/expect"}


@dataclass(frozen=True, slots=True)
class Key:
    says: str
    schema: Json


ASKED: Final[dict[str, Key]] = {  # what is asked and given: of a case, of a group, of defaults
    "headers": Key("headers of the request; a list repeats one, nothing takes a default away", HEADERS),
    "body": Key("the request's body: text, or {file: ...}, {hex: ...}, {base64: ...}", BYTES),
    "http": Key("the version of HTTP: 1.0, 1.1 or 2", {"enum": [1.0, 1.1, 2, "1.0", "1.1", "2"]}),
    "src": Key("the client's address, with or without a port", TEXT),
    "dst": Key("the address and port it connects to", TEXT),
    "frontend": Key("the frontend, instead of an address", TEXT),
    "sni": Key("the server name of TLS; without it, the host of an https URL", TEXT),
    "client-cert": Key("a PEM file with the client's certificate", TEXT),
    "payload": Key("what a client sends to a frontend in mode tcp: as of body", BYTES),
    "down": Key("servers that are down: backend/server", TEXTS),
    "set": Key("values that cannot be known offline: expression: value", ROW),
    "answer": Key("what the server answers: a status, or {status, headers, body}", {"$ref": "#/$defs/answer"}),
    "repeat": Key("how many times the request is made, one after the other", COUNT),
    "last": Key("what is to become of the last of repeated requests: as expect", EXPECT),
    "strict": Key("every header that rules change is to be expected", FLAG),
    "skip": Key("why the case is not played", TEXT),
    "expect": Key("what is to become of it: a backend, a status, backend/server, or a mapping", EXPECT),
}

CASE: Final[dict[str, Key]] = {
    "name": Key("what it is called, instead of its request", TEXT),
    "request": Key("the request: [METHOD] URL [HTTP/VERSION]", TEXT),
    "parameters": Key(
        "values for <name> in the case: a list of mappings, or a mapping of lists for all combinations",
        {"oneOf": [{"type": "array", "items": ROW}, {"type": "object", "additionalProperties": TEXTS}]},
    ),
}

GROUP: Final[dict[str, Key]] = {
    "name": Key("what the group is called", TEXT),
    "cases": Key("its cases, and groups in it", {"$ref": "#/$defs/cases"}),
    "parameters": CASE["parameters"],
}

FILE: Final[dict[str, Key]] = {
    "configuration": Key("haproxy.cfg, or a list of files, from the folder of this one; -f goes before", TEXTS),
    "environment": Key("environment variables for the configuration", ROW),
    "defaults": Key("what holds for all cases that do not say otherwise", {"$ref": "#/$defs/defaults"}),
    "cases": Key("the cases", {"$ref": "#/$defs/cases"}),
}

ANSWER: Final[dict[str, Key]] = {
    "status": Key("of the server's answer; 200", STATUS),
    "headers": Key("of the server's answer", HEADERS),
    "body": Key("of the server's answer", BYTES),
}

EXPECTED: Final[dict[str, Key]] = {
    "frontend": Key("the frontend that takes it", WANTED),
    "backend": Key("the backend", WANTED),
    "server": Key("the server; a list: one of them", WANTED),
    "outcome": Key("server, answer, deny, tarpit, drop, service, no server or no backend", WANTED),
    "status": Key("of what the client gets", WANTED),
    "body": Key("of what the client gets, where it is not the server's", WANTED),
    "ended-by": Key("the rule that ended it: its line, or words of it", WANTED),
    "request-line": Key("the first line that the server gets", WANTED),
    "to-server": Key("headers as the server gets them", NAMED),
    "to-client": Key("headers as the client gets them", NAMED),
    "variables": Key("variables, at the end: txn.name", NAMED),
    "captures": Key("what rules and capture lines have captured, in their order", WANTED),
    "letters": Key("the termination state, as in the log", WANTED),
    "log": Key("what log tags say: b, s, ST", NAMED),
    "log-line": Key("a regular expression for the log line", WANTED),
    "sequence": Key("the servers of repeated requests, in their order", {"type": "array", "items": TEXT}),
    "shares": Key("what part of repeated requests servers get: 25%, 20-30%, 7, 5-9", ROW),
}

NAMED_KEYS: Final = frozenset({"to-server", "to-client", "variables", "log"})
HEADER_KEYS: Final = frozenset({"to-server", "to-client", "headers"})  # their names mean the same in any case
# Log tags that only a running program knows (manual 8.2.6): dates, timers, processes, counters, our own address.
RUNNING: Final = frozenset(
    {
        "t",
        "T",
        "Tl",
        "Ts",
        "ms",
        "tr",
        "trg",
        "trl",
        "Ta",
        "Tc",
        "Td",
        "Th",
        "Ti",
        "Tq",
        "Tr",
        "TR",
        "Tt",
        "Tu",
        "Tw",
        "H",
        "pid",
        "lc",
        "rt",
        "ac",
        "fc",
        "bc",
        "sc",
        "bq",
        "sq",
        "bi",
        "bp",
    }
)
OUTCOMES: Final = ("server", "answer", "deny", "tarpit", "drop", "service", "no server", "no backend")

# Other words for a key, which people know from elsewhere; the nearest spelling would not find them.
MEANT: Final = {
    "source": "src",
    "source-ip": "src",
    "client": "src",
    "ip": "src",
    "destination": "dst",
    "host": "headers",
    "url": "request",
    "method": "request",
    "path": "request",
    "title": "name",
    "group": "name",
    "description": "name",
    "tests": "cases",
    "routes": "cases",
    "config": "configuration",
    "env": "environment",
    "given": "set",
    "values": "set",
    "matrix": "parameters",
    "params": "parameters",
    "response": "answer",
    "times": "repeat",
    "certificate": "client-cert",
    "client-certificate": "client-cert",
    "version": "http",
    "data": "payload",
    "request-headers": "to-server",
    "server-headers": "to-server",
    "response-headers": "to-client",
    "client-headers": "to-client",
    "code": "status",
    "servers": "server",
    "vars": "variables",
    "termination": "letters",
    "termination-state": "letters",
    "rule": "ended-by",
    "distribution": "shares",
    "order": "sequence",
}
