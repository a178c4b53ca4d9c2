"""Commands about maps and ACLs (management manual 9.3).

A list is named by its file, or by "#" and its number. Each change is one record that all lanes have made before the
command is answered (see admin/links.py).
"""

from collections.abc import Awaitable
from typing import Final

from pointsman.admin.command import ADMIN, Call, CommandError, command
from pointsman.admin.publish import publish
from pointsman.sample.arguments import encode
from pointsman.sample.casts import find_cast
from pointsman.sample.lists import split_pair
from pointsman.sample.lookup import Lookup
from pointsman.sample.types import Type, Value
from pointsman.tables.patterns import LISTS, PatternEntry, PatternError, PatternList

_MAP: Final = "map"
_NAMES: Final = {_MAP: "map", "acl": "ACL"}
_FUTURE: Final = "Version number in the future, please use 'prepare {kind}' before."
_WRAP: Final = 1 << 32


def _unknown(kind: str) -> CommandError:
    word = "file" if kind == _MAP else "name"
    return CommandError(f"Unknown {_NAMES[kind]} identifier. Please use #<id> or <{word}>.")


def _wanted(kind: str, text: str) -> PatternList:
    """The list that a word names, if it is of that kind."""
    found = LISTS.find(text)
    if found is None or not (found.for_map if kind == _MAP else found.for_acl):
        raise _unknown(kind)
    return found


def _version(kind: str, words: list[str]) -> tuple[int, list[str]]:
    """The number of an "@<ver>" in front, or -1, and the other words."""
    if not words or not words[0].startswith("@"):
        return -1, words
    digits = words[0][1:]
    if not digits.isascii() or not digits.isdigit():
        raise CommandError(f"Missing or invalid version number: expects '@<ver>', got '{words[0]}'.")
    return int(digits) % _WRAP, words[1:]


def _not_shared(kind: str, found: PatternList, verb: str) -> None:
    if kind != _MAP and found.for_map:
        raise CommandError(
            f"This ACL is shared with a map containing samples. You must use the command '{verb} map' to {verb} values."
        )


# Showing.


def _show(call: Call, kind: str) -> str:
    version, words = _version(kind, call.words)
    if words:
        found = _wanted(kind, words[0])
        return "".join(
            f"{entry.identity:#x} {entry.key}{'' if entry.value is None else ' ' + entry.value}\n"
            for entry in found.entries(version)
        )
    if version >= 0:
        raise _unknown(kind)
    lines = ["# id (file) description"]
    for one in LISTS.references:
        if not (one.for_map if kind == _MAP else one.for_acl):
            continue
        said = one.description or f"pattern loaded from file '{one.name}' used {', '.join(one.places)}"
        said += "" if said.endswith(".") else "."
        lines.append(
            f"{one.number} ({one.name}) {said} curr_ver={one.current} next_ver={one.next} entry_cnt={one.count()}"
        )
    return "\n".join(lines) + "\n"


@command("show map", "show map [@ver] [map]", "report avail maps or dump a map's contents", level=ADMIN)
def show_map(call: Call) -> str:
    """show map [[@<ver>] <map>]"""
    return _show(call, _MAP)


@command("show acl", "show acl [@ver] [acl]", "report avail acls or dump an acl's contents", level=ADMIN)
def show_acl(call: Call) -> str:
    """show acl [[@<ver>] <acl>]"""
    return _show(call, "acl")


def _get(call: Call, kind: str) -> str:
    if len(call.words) < 2 or not call.words[1]:
        raise CommandError(f"Missing {_NAMES[kind]} identifier and/or key.")
    found = _wanted(kind, call.words[0])
    return "".join(
        _looked_up(use, call.words[1], kind) + "\n" for use in found.uses.values() if isinstance(use, Lookup)
    )


def _looked_up(use: Lookup, text: str, kind: str) -> str:
    line = f"type={use.method.name}, case={'insensitive' if use.nocase else 'sensitive'}"
    entry = _find(use, text)
    word = "found" if kind == _MAP else "match"
    if entry is None:
        return f"{line}, {word}=no"
    index = "tree" if use.method.tree and not use.nocase else "list"
    if kind != _MAP:
        return f'{line}, match=yes, idx={index}, pattern="{entry.key}"'
    line += f', found=yes, idx={index}, key="{entry.key}"'
    if use.output == Type.ANY:
        return f"{line}, value=none"
    types = {Type.SINT: "sint", Type.ADDR: "ipv6" if ":" in (entry.value or "") else "ipv4"}
    return f'{line}, value="{entry.value}", type="{types.get(use.output, "str")}"'


def _find(use: Lookup, text: str) -> PatternEntry | None:
    """As a sample of that text would be looked up."""
    cast = find_cast(Type.STR, use.method.accepts)
    value: Value | None = encode(text)
    if cast is not None:
        assert value is not None
        value = cast(value)
    return None if value is None else use.find(value)


@command("get map", "get map <map> <key>", "report the keys and values matching a sample for a map", level=ADMIN)
def get_map(call: Call) -> str:
    """get map <map> <value>"""
    return _get(call, _MAP)


@command("get acl", "get acl <acl> <key>", "report the patterns matching a sample for an ACL", level=ADMIN)
def get_acl(call: Call) -> str:
    """get acl <acl> <value>"""
    return _get(call, "acl")


# Changing.


def _add(call: Call, kind: str) -> Awaitable[str]:
    version, words = _version(kind, call.words)
    pairs: list[tuple[str, str | None]] = []
    if kind == _MAP:
        if not (len(words) == 1 and call.payload) and len(words) < 3:
            raise CommandError(
                "'add map' expects three parameters (map identifier, key and value) or one parameter "
                "(map identifier) and a payload"
            )
    elif len(words) < 2 and not (words and call.payload):
        raise CommandError("'add acl' expects two parameters: ACL identifier and pattern.")
    found = _wanted(kind, words[0])
    _not_shared(kind, found, "add")
    if call.payload:
        for line in call.payload.splitlines():
            if line.strip(" \t"):
                pairs.append(split_pair(line) if kind == _MAP else (line.strip(" \t"), None))
    else:
        pairs.append((words[1], words[2] if kind == _MAP else None))
    for key, value in pairs:
        if kind == _MAP and not value:
            raise CommandError(f"Missing value for key '{key}'.")
    return publish(
        call, ["map", found.number, "add", _existing(kind, found, version), [[key, value] for key, value in pairs]]
    )


def _existing(kind: str, found: PatternList, version: int) -> int:
    try:
        return found.version(version)
    except PatternError:
        raise CommandError(_FUTURE.format(kind=kind)) from None


@command(
    "add map",
    "add map [@<ver>] <map> <key> <val>",
    "add a map entry (payload supported instead of key/val)",
    level=ADMIN,
)
def add_map(call: Call) -> Awaitable[str]:
    """add map [@<ver>] <map> <key> <value>, or [@<ver>] <map> and a payload of such lines"""
    return _add(call, _MAP)


@command("add acl", "add acl [@<ver>] <acl> <pattern>", "add an acl entry", level=ADMIN)
def add_acl(call: Call) -> Awaitable[str]:
    """add acl [@<ver>] <acl> <pattern>, or a payload of a pattern a line"""
    return _add(call, "acl")


@command("set map", "set map <map> [<key>|#<ref>] <value>", "modify a map entry", level=ADMIN)
def set_map(call: Call) -> Awaitable[str]:
    """set map <map> [<key>|#<ref>] <value>"""
    if len(call.words) < 3:
        raise CommandError("'set map' expects three parameters: map identifier, key and value.")
    found = _wanted(_MAP, call.words[0])
    return publish(call, ["map", found.number, "set", call.words[1], call.words[2]])


def _del(call: Call, kind: str) -> Awaitable[str]:
    if len(call.words) < 2:
        raise CommandError(f"This command expects two parameters: {_NAMES[kind]} identifier and key.")
    found = _wanted(kind, call.words[0])
    return publish(call, ["map", found.number, "del", call.words[1]])


@command("del map", "del map <map> [<key>|#<ref>]", "delete map entry", level=ADMIN)
def del_map(call: Call) -> Awaitable[str]:
    """del map <map> [<key>|#<ref>]"""
    return _del(call, _MAP)


@command("del acl", "del acl <acl> [<key>|#<ref>]", "delete acl entries matching <key>", level=ADMIN)
def del_acl(call: Call) -> Awaitable[str]:
    """del acl <acl> [<key>|#<ref>]"""
    return _del(call, "acl")


def _clear(call: Call, kind: str) -> Awaitable[str]:
    version, words = _version(kind, call.words)
    if not words:
        raise CommandError(f"Missing {_NAMES[kind]} identifier.")
    return publish(call, ["map", _wanted(kind, words[0]).number, "clear", version])


@command("clear map", "clear map [@<ver>] <map>", "clear the contents of this map", level=ADMIN)
def clear_map(call: Call) -> Awaitable[str]:
    """clear map [@<ver>] <map>"""
    return _clear(call, _MAP)


@command("clear acl", "clear acl [@<ver>] <acl>", "clear the contents of this acl", level=ADMIN)
def clear_acl(call: Call) -> Awaitable[str]:
    """clear acl [@<ver>] <acl>"""
    return _clear(call, "acl")


async def _prepare(call: Call, kind: str) -> str:
    found = _wanted(kind, call.word(0))
    _not_shared(kind, found, "prepare")
    version = (found.next + 1) % _WRAP
    await publish(call, ["map", found.number, "prepare"])
    return f"New version created: {version}\n"


@command("prepare map", "prepare map <map>", "prepare a new version for atomic map replacement", level=ADMIN)
def prepare_map(call: Call) -> Awaitable[str]:
    """prepare map <map>"""
    return _prepare(call, _MAP)


@command("prepare acl", "prepare acl <acl>", "prepare a new version for atomic ACL replacement", level=ADMIN)
def prepare_acl(call: Call) -> Awaitable[str]:
    """prepare acl <acl>"""
    return _prepare(call, "acl")


def _commit(call: Call, kind: str) -> Awaitable[str]:
    version, words = _version(kind, call.words)
    if version < 0:
        raise CommandError("Missing version number.")
    found = _wanted(kind, words[0] if words else "")
    _not_shared(kind, found, "commit")
    return publish(call, ["map", found.number, "commit", version])


@command("commit map", "commit map @<ver> <map>", "commit the map at this version", level=ADMIN)
def commit_map(call: Call) -> Awaitable[str]:
    """commit map @<ver> <map>"""
    return _commit(call, _MAP)


@command("commit acl", "commit acl @<ver> <acl>", "commit the ACL at this version", level=ADMIN)
def commit_acl(call: Call) -> Awaitable[str]:
    """commit acl @<ver> <acl>"""
    return _commit(call, "acl")
