"""Commands about stick tables (management manual 9.3): show table, set table, clear table.

An entry is named by its key, or by the number in front of its line ("ptr"), as long as it lives.
"""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pointsman.admin.command import Call, CommandError, command
from pointsman.sample.arguments import encode
from pointsman.sample.casts import find_cast
from pointsman.sample.types import Type
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_tables import TABLES
from pointsman.tables.stick_types import BY_NAME, Field, KeyType, Kind, element

_FILTERS: Final = 4  # in one command
_WAYS: Final = (
    '<table> "data.<type>" <operator> <value>, <table> key <key>, or <table> ptr <ptr>: one of these is expected'
)
_SETTING: Final = "Expects <table> key <key> [data.<type> <value>]*, or <table> ptr <ptr> [data.<type> <value>]*"
_OPERATORS: Final[dict[str, Callable[[int, int], bool]]] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "le": lambda one, other: one <= other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "gt": lambda one, other: one > other,
}
_DATA: Final = re.compile(r"data\.([a-z0-9_]+)(?:\[([0-9]+)\])?")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_POINTER: Final = re.compile(r"0[xX][0-9a-fA-F]+")
_LEADING: Final = re.compile(r"[ \t]*([+-]?[0-9]+)")
_ESCAPED: Final = {byte: f"\\{chr(byte)}" for byte in b" =\\"} | {
    byte: f"\\x{byte:02X}" for byte in range(256) if not 0x20 <= byte < 0x7F
}
_TYPES: Final = {KeyType.IPV4: Type.IPV4, KeyType.IPV6: Type.IPV6}


@dataclass(frozen=True, slots=True)
class _Filter:
    """data.<type> <operator> <value>"""

    field: Field
    offset: int
    compare: Callable[[int, int], bool]
    value: int

    def admits(self, table: StickTable, ref: int, now: int) -> bool:
        return self.compare(table.value(ref, self.field, self.offset, now), self.value)


# Words.


def _table(name: str) -> StickTable:
    found = TABLES.by_name.get(name)
    if found is None:
        raise CommandError("No such table")
    return found


def _field(table: StickTable, word: str) -> tuple[Field, int]:
    """The element that `data.<type>` or `data.<type>[<index>]` names."""
    match = _DATA.fullmatch(word)
    if match is None or match[1] not in BY_NAME:
        raise CommandError("Unknown data type")
    if match[1] not in table.fields:
        raise CommandError("Data type not stored in this table")
    found = element(table.fields, match[1], int(match[2] or 0))
    if found is None:
        raise CommandError("The index is out of the range of this array")
    return found


def _filters(table: StickTable, words: list[str]) -> list[_Filter]:
    found: list[_Filter] = []
    for place in range(0, len(words), 3):
        if len(found) == _FILTERS:
            raise CommandError(f"There are {_FILTERS} filters at most: '{words[place]}' is one too many")
        where = f"Filter entry #{len(found) + 1}: "
        data, operator, value = (words[place:] + ["", ""])[:3]
        try:
            field, offset = _field(table, data)
        except CommandError as error:
            raise CommandError(where + str(error)) from None
        compare = _OPERATORS.get(operator)
        if compare is None:
            raise CommandError(where + 'Requires an operator among "eq", "ne", "le", "ge", "lt", "gt"')
        if not _NUMBER.fullmatch(value):
            raise CommandError(where + "Requires a valid integer value to compare against")
        found.append(_Filter(field, offset, compare, int(value)))
    return found


def _key(table: StickTable, word: str, doing: str) -> bytes:
    """A key as it was typed, as bytes. Numbers are taken as far as they go, and without their upper bits; strings are
    cut, as keys of traffic are."""
    kind = table.options.type
    if not word:
        raise CommandError("Key value expected")
    if kind == KeyType.INTEGER:
        match = _LEADING.match(word)
        return ((int(match[1]) if match else 0) & 0xFFFFFFFF).to_bytes(4, "big")
    if kind == KeyType.STRING:
        return encode(word)[: table.options.key_size]
    wanted = _TYPES.get(kind)
    if wanted is None:
        raise CommandError(f"{doing} keys of tables of type other than ip, ipv6, string and integer is not supported")
    cast = find_cast(Type.STR, wanted)
    assert cast is not None
    value = cast(encode(word))
    if not isinstance(value, bytes):
        raise CommandError("Invalid key")
    return value


def _by_pointer(table: StickTable, word: str) -> int:
    if not _POINTER.fullmatch(word):
        raise CommandError("Pointer expected (0xffff notation)")
    ref = int(word, 16)
    if table.trackers(ref) < 0:
        raise CommandError("No entry can be found matching ptr.")
    return ref


# Showing.


def _shown_key(table: StickTable, key: bytes) -> str:
    kind = table.options.type
    if kind in (KeyType.IPV4, KeyType.IPV6):
        return socket.inet_ntop(socket.AF_INET if kind == KeyType.IPV4 else socket.AF_INET6, key)
    if kind == KeyType.INTEGER:
        return str(int.from_bytes(key, "big"))
    if kind == KeyType.BINARY:
        return key.hex().upper()
    return "".join([_ESCAPED.get(byte) or chr(byte) for byte in key])


def _heading(table: StickTable) -> str:
    options = table.options
    return f"# table: {table.name}, type: {options.type_name}, size:{options.size}, used:{table.used}\n"


def _line(table: StickTable, ref: int, now: int) -> str:
    """ "": it has gone."""
    trackers = table.trackers(ref)
    if trackers < 0:
        return ""
    words = [
        f"{ref:#x}: key={_shown_key(table, table.key(ref))} use={trackers} exp={table.left(ref, now)} shard=0",
    ]
    for name, field in table.fields.items():
        stored = field.stored
        period = f"({stored.period})" if stored.period else ""
        for index in range(stored.count):
            value = table.value(ref, field, field.offset + index * field.width, now)
            shown = table.server_key(value) if stored.type.kind == Kind.NAME else str(value)
            words.append(f"{_element_name(name, index) if stored.type.array else name}{period}={shown}")
    return " ".join(words) + "\n"


def _element_name(name: str, index: int) -> str:
    """gpc_rate, 1: gpc1_rate"""
    array, mark, rest = name.partition("_")
    return f"{array}{index}{mark}{rest}"


def _dump(call: Call, table: StickTable, filters: list[_Filter]) -> Iterator[str]:
    yield _heading(table)
    cursor = 0
    while True:
        cursor, refs = table.entries(cursor)
        now = call.view.now
        yield "".join([_line(table, ref, now) for ref in refs if all([one.admits(table, ref, now) for one in filters])])
        if not cursor:
            return


@command("show table", "show table [<table> [<filter>]*]", "list the stick tables, or one's entries")
def show_table(call: Call) -> str | Iterator[str]:
    """show table [<name> [data.<type> <operator> <value>]* | key <key> | ptr <ptr>]"""
    words = call.words
    if not words:
        return "".join(_heading(table) for table in reversed(TABLES.by_name.values()))
    table = _table(words[0])
    if len(words) == 1:
        return _dump(call, table, [])
    if words[1].startswith("data."):
        return _dump(call, table, _filters(table, words[1:]))
    if words[1] == "key":
        ref = table.find(_key(table, call.word(2), "Showing"), call.view.now)
    elif words[1] == "ptr":
        ref = _by_pointer(table, call.word(2))
    else:
        raise CommandError(f"'{words[1]}': {_WAYS}")
    return _heading(table) + _line(table, ref, call.view.now) if ref else ""


# Changing.


@command("set table", "set table <table> key <key> [data.* <value>]*", "make or change an entry of a stick table")
def set_table(call: Call) -> str:
    """set table <table> {key <key> | ptr <ptr>} [data.<type> <value>]*: what is not named stays, or is 0."""
    words = call.words
    if not words:
        raise CommandError(_SETTING)
    table = _table(words[0])
    now = call.view.now
    if len(words) == 1:
        return ""
    if words[1] == "key":
        key = _key(table, call.word(2), "Inserting")
        values = _values(table, words[3:])
        ref = table.enter(key, now)
        if not ref:
            raise CommandError("There is no room for another entry")
    elif words[1] == "ptr":
        ref = _by_pointer(table, call.word(2))
        values = _values(table, words[3:])
        table.touch(ref, now)
    else:
        raise CommandError(_SETTING)
    for field, offset, value in values:
        table.set(ref, field, offset, value, now)
    return ""


def _values(table: StickTable, words: list[str]) -> list[tuple[Field, int, int]]:
    found: list[tuple[Field, int, int]] = []
    for place in range(0, len(words), 2):
        if not words[place].startswith("data."):
            raise CommandError('"data.<type>" followed by a value expected')
        field, offset = _field(table, words[place])
        value = words[place + 1] if place + 1 < len(words) else ""
        if not _NUMBER.fullmatch(value) or field.stored.type.kind == Kind.NAME:
            raise CommandError("Requires a valid integer value to store")
        found.append((field, offset, int(value)))
    return found


@command("clear table", "clear table <table> [<filter>]*", "take entries out of a stick table")
def clear_table(call: Call) -> str | Iterator[str]:
    """clear table <table> [data.<type> <operator> <value> | key <key> | ptr <ptr>]: entries that are tracked stay, and
    so does what is left of them."""
    words = call.words
    if not words:
        raise CommandError(_WAYS)
    table = _table(words[0])
    if len(words) == 1:
        return _clear(call, table, [])
    if words[1].startswith("data."):
        return _clear(call, table, _filters(table, words[1:]))
    if words[1] == "key":
        ref = table.find(_key(table, call.word(2), "Removing"), call.view.now)
    elif words[1] == "ptr":
        ref = _by_pointer(table, call.word(2))
    else:
        raise CommandError(f"'{words[1]}': {_WAYS}")
    if ref and not table.remove(ref):
        raise CommandError("Entry currently in use, cannot remove")
    return ""


def _clear(call: Call, table: StickTable, filters: list[_Filter]) -> Iterator[str]:
    cursor = 0
    while True:
        cursor, refs = table.entries(cursor)
        now = call.view.now
        for ref in refs:
            if all([one.admits(table, ref, now) for one in filters]):
                table.remove(ref)
        if not cursor:
            return
        yield ""
