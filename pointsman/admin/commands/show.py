"""show info, show stat, show schema json, clear counters (management manual 9.3)."""

from typing import Final

from pointsman.admin import info
from pointsman.admin.command import ADMIN, OPERATOR, Call, CommandError, command
from pointsman.admin.commands.resolvers import clear_resolvers, resolvers_statistics
from pointsman.admin.lookup import wanted_server
from pointsman.admin.render import NATURES, ORIGINS, TAG_SCOPES, as_json, compact, csv, typed
from pointsman.admin.rows import ALL, Selection, rows
from pointsman.core.counters import Counters
from pointsman.server.backend import LiveServer

DOMAINS: Final = ("proxy", "resolvers")


@command("show info", "show info [desc|json|typed|float]*", "report the state of this process")
def show_info(call: Call) -> str:
    """show info [typed|json] [desc] [float]"""
    facts = info.Facts(call.view, call.gauge)
    descriptions, floats = "desc" in call.words, "float" in call.words
    if "json" in call.words:
        return info.as_json(facts)
    if "typed" in call.words:
        return info.typed(facts, descriptions, floats)
    return info.plain(facts, descriptions, floats)


@command("show stat", "show stat [desc|json|no-maint|typed|up]*", "report the counters of proxies and servers")
def show_stat(call: Call) -> str:
    """show stat [domain <resolvers|proxy>] [{<iid>|<proxy>} <type> <sid>] [typed|json] [desc] [up|no-maint]"""
    words = list(call.words)
    if words[:1] == ["domain"]:
        if call.word(1) not in DOMAINS:
            raise CommandError("Invalid statistics domain.")
        if call.word(1) == "resolvers":
            return resolvers_statistics(words)
        del words[:2]
    number = types = sid = ALL
    if len(words) >= 3 and _is_number(words[1]) and _is_number(words[2]):
        number, types, sid = _proxy(call, words[0]), int(words[1]), int(words[2])
        del words[:3]
    found = rows(
        call.view,
        Selection(
            types=types,
            sid=sid,
            number=number,
            hide_down="up" in words,
            hide_maintenance="no-maint" in words,
            private=call.terminal.level >= OPERATOR,
        ),
    )
    if "json" in words:
        return as_json(found)
    if "typed" in words:
        return typed(found, "desc" in words)
    return csv(found)


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()


def _proxy(call: Call, word: str) -> int:
    """-1, a number, or a name."""
    if word == "-1":
        return ALL
    proxy = call.view.proxy(word)
    if proxy is None:
        raise CommandError("No such proxy.")
    return proxy.number


@command("show schema json", "show schema json", "describe the JSON of show info and show stat")
def show_schema(call: Call) -> str:
    """A JSON schema (draft 4)."""
    return show_schema_text()


_LARGEST: Final = (1 << 53) - 1  # what a number of JavaScript holds exactly
_RANGES: Final = {
    "s32": (-(1 << 31), (1 << 31) - 1),
    "s64": (-_LARGEST, _LARGEST),
    "u32": (0, (1 << 32) - 1),
    "u64": (0, _LARGEST),
}
_TEXT: Final = {"type": "string"}


def _whole(lowest: int) -> dict[str, object]:
    return {"type": "integer", "minimum": lowest}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


def _typed(kind: object, value: object) -> dict[str, object]:
    return {"properties": {"type": kind, "value": value}}


def _value_kinds() -> dict[str, object]:
    """A value names its type; each type has its own range."""
    kinds: dict[str, object] = {
        f"{name}Value": {
            **_typed({"type": "string", "enum": [name]}, {"type": "integer", "minimum": low, "maximum": high}),
            "required": ["type", "value"],
        }
        for name, (low, high) in _RANGES.items()
    }
    kinds["strValue"] = {**_typed({"type": "string", "enum": ["str"]}, _TEXT), "required": ["type", "value"]}
    kinds["unknownValue"] = {
        **_typed(_whole(0), {"type": "string", "enum": ["unknown"]}),
        "required": ["type", "value"],
    }
    return kinds


def show_schema_text() -> str:
    """The schema, also for the statistics page: the peer's, to the letter, for programs check answers against it."""
    shared = {name: _reference(name) for name in ("field", "processNum", "tags")}
    row = {
        "objType": {"enum": ["Frontend", "Backend", "Listener", "Server", "Unknown"]},
        "proxyId": _whole(0),
        "id": _whole(0),
        **shared,
        "typedValue": _reference("typedValue"),
    }
    info = {**shared, "value": _reference("typedValue")}
    kinds = _value_kinds()
    tags = {
        "type": "object",
        "origin": {**_TEXT, "enum": [*ORIGINS.values(), "Unknown"]},
        "nature": {**_TEXT, "enum": [NATURES[letter] for letter in "GLmMRCDATNOa"] + ["Unknown"]},
        "scope": {**_TEXT, "enum": [TAG_SCOPES[letter] for letter in "CPSs"] + ["Unknown"]},
        "required": ["origin", "nature", "scope"],
    }
    return compact(
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "oneOf": [
                {
                    "title": "Info",
                    "type": "array",
                    "items": {
                        "title": "InfoItem",
                        "type": "object",
                        "properties": info,
                        "required": ["field", "processNum", "tags", "value"],
                    },
                },
                {
                    "title": "Stat",
                    "type": "array",
                    "items": {
                        "title": "InfoItem",
                        "type": "object",
                        "properties": row,
                        "required": ["objType", "proxyId", "id", "field", "processNum", "tags", "value"],
                    },
                },
                {"title": "Error", "type": "object", "properties": {"errorStr": _TEXT}, "required": ["errorStr"]},
            ],
            "definitions": {
                "field": {"type": "object", "pos": _whole(0), "name": _TEXT, "required": ["pos", "name"]},
                "processNum": _whole(1),
                "tags": tags,
                "typedValue": {
                    "type": "object",
                    "oneOf": [_reference(f"typedValue/definitions/{name}") for name in kinds if name != "unknownValue"],
                    "definitions": kinds,
                },
            },
        }
    )


# Counters.


def _each(call: Call) -> list[tuple[Counters, int]]:
    """All counters, each with what its gauge shows now."""
    found: list[tuple[Counters, int]] = []
    for proxy in call.view.proxies:
        if proxy.front is not None:
            found.append((proxy.front.frontend.counters, proxy.front.frontend.connections))
            found += [(one.bind_state.counters, one.bind_state.connections) for one in proxy.front.listeners]
        if proxy.back is not None:
            backend = proxy.back.backend
            found.append((backend.counters, backend.connections))
            found += [(server.counters, server.connections) for server in backend.servers]
    return found


def _queues(call: Call) -> None:
    for proxy in call.view.proxies:
        if proxy.back is not None:
            backend = proxy.back.backend
            for queue in (backend.queue, *(server.queue for server in backend.servers)):
                queue.highest = len(queue)


@command(
    "clear counters",
    "clear counters [all|server <bk>/<srv> [force]]",
    "begin anew with maxima, or with all",
    level=OPERATOR,
)
def clear_counters(call: Call) -> str:
    """clear counters [all | server <backend>/<server> [force]]"""
    if call.word(0) in ("all", "server"):
        call.require(ADMIN)
    if call.word(0) == "server":
        return _clear_server(call)
    everything = call.word(0) == "all"
    for counters, gauge in _each(call):
        if everything:
            counters.clear()
        else:
            counters.clear_maxima()
        counters.highest = gauge
    _queues(call)
    process = call.view.process
    for rate in (process.connection_rate, process.session_rate, *process.tls.counters.rates):
        rate.highest = 0
    if everything:
        for proxy in call.view.proxies:
            if proxy.front is not None:
                proxy.front.frontend.h2.clear()
            if proxy.back is not None:
                proxy.back.backend.h2.clear()
        _clear_checks(call)
        clear_resolvers()
    return ""


def _clear_checks(call: Call) -> None:
    for proxy in call.view.proxies:
        if proxy.back is not None:
            proxy.back.backend.downs = proxy.back.backend.down_time = 0
            for server in proxy.back.backend.servers:
                _clear_checks_of(server)


def _clear_checks_of(server: LiveServer) -> None:
    server.downs = server.check_fails = server.down_time = 0


def _clear_server(call: Call) -> str:
    """Its state is left as it is. `force` is for statistics that other programs read from shared memory: none are."""
    server = wanted_server(call, 1)[1]
    if call.word(2) not in ("", "force"):
        raise CommandError(f"'clear counters server <bk>/<srv>' knows only 'force', not '{call.word(2)}'.")
    server.counters.clear()
    server.counters.highest = server.connections
    server.queue.highest = len(server.queue)
    _clear_checks_of(server)
    return ""
