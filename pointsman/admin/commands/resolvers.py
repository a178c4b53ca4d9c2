"""show resolvers, and the statistics of name servers (management manual 9, 9.3)."""

from collections.abc import Iterator
from typing import Final

from pointsman.admin.command import Call, CommandError, command
from pointsman.admin.render import NATURES, ORIGINS, TAG_SCOPES, compact
from pointsman.resolve.name_server import COUNTERS, NameServer
from pointsman.resolve.resolution import RESOLVERS, ResolversSection

NAMES: Final = ("id", "pid", *[column for _, column in COUNTERS])
TEXTS: Final = (
    *("Name of the name server", "Name of its resolvers section", "Queries sent", "Queries that could not be sent"),
    *("Responses with records", "Responses that changed an address in use", "Responses with CNAME records"),
    *("Responses whose CNAME records lead nowhere", "Responses without an error and without a record"),
    *("Responses that there is no such name", "Queries without a response in time", "Responses that refuse the query"),
    *("Responses with another error", "Responses against the protocol", "Responses larger than accepted"),
    *("Responses that are not complete", "Responses that nobody waited for"),
)
_WIDTH: Final = 13  # of a counter's name with its colon
assert len(TEXTS) == len(NAMES)


@command("show resolvers", "show resolvers [<id>]", "list the resolvers and their counters")
def show_resolvers(call: Call) -> str:
    """show resolvers [<section>]: what name servers were asked, and what they have answered."""
    name = call.word(0)
    if name and name not in RESOLVERS.by_name:
        raise CommandError("Can't find that resolvers section")
    lines: list[str] = []
    for section in RESOLVERS.by_name.values():
        if name in ("", section.name):
            lines.append(f"Resolvers section {section.name}")
            for server in section.servers:
                lines += _counters(server)
    return "".join(f"{line}\n" for line in lines)


def _counters(server: NameServer) -> Iterator[str]:
    yield f" nameserver {server.name}:"
    for (name, _), count in zip(COUNTERS, server.counted()):
        yield f"  {name + ':':<{_WIDTH}}{count}"


def resolvers_statistics(words: list[str]) -> str:
    """show stat domain resolvers [typed|json] [desc]: a row for each name server."""
    if "json" in words:
        return _json()
    if "typed" in words:
        return _typed("desc" in words)
    lines = ["# " + ",".join(NAMES) + ","]
    lines += ["".join(f"{value}," for value in _row(section, server)) for section, server in name_servers()]
    return "\n".join(lines) + "\n"


def name_servers() -> list[tuple[ResolversSection, NameServer]]:
    return [(section, server) for section in RESOLVERS.by_name.values() for server in section.servers]


def _row(section: ResolversSection, server: NameServer) -> list[str | int]:
    return [server.name, section.name, *server.counted()]


def _tags(value: str | int) -> str:
    """Origin, nature, scope; a gauge is what the peer program calls these counters."""
    return "CGP" if isinstance(value, str) else "MGP"


def _type(value: str | int) -> str:
    return "str" if isinstance(value, str) else "u64"


def _typed(descriptions: bool) -> str:
    lines = []
    for section, server in name_servers():
        for position, (name, value) in enumerate(zip(NAMES, _row(section, server))):
            text = f':"{TEXTS[position]}"' if descriptions else ""
            lines.append(f"N.{position}.{name}:{_tags(value)}:{_type(value)}:{value}{text}")
    return "".join(f"{line}\n" for line in lines)


def _json() -> str:
    found = []
    for section, server in name_servers():
        values = []
        for position, (name, value) in enumerate(zip(NAMES, _row(section, server))):
            tags = _tags(value)
            values.append(
                {
                    "field": {"pos": position, "name": name},
                    "tags": {"origin": ORIGINS[tags[0]], "nature": NATURES[tags[1]], "scope": TAG_SCOPES[tags[2]]},
                    "value": {"type": _type(value), "value": value},
                }
            )
        found.append(values)
    return compact(found)


def clear_resolvers() -> None:
    """clear counters all."""
    for _, server in name_servers():
        server.clear()
