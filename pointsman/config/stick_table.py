"""`stick-table`: the table of a proxy (manual 11.1). `table` lines of peers sections are read by read_table, too."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final

from pointsman.config.keyword import Args, is_number, keyword, parse_size, parse_time
from pointsman.config.setting import In, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import nearest
from pointsman.core.wishes import WISHES
from pointsman.core.words import Word
from pointsman.sample.arguments import inside
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_types import BY_NAME, MOST_ELEMENTS, DataType, KeyType, Stored

TYPES: Final = {
    "ip": KeyType.IPV4,
    "ipv4": KeyType.IPV4,
    "ipv6": KeyType.IPV6,
    "integer": KeyType.INTEGER,
    "string": KeyType.STRING,
    "binary": KeyType.BINARY,
}
KEY_SIZES: Final = {
    KeyType.IPV4: 4,
    KeyType.IPV6: 16,
    KeyType.INTEGER: 4,
    KeyType.STRING: 31,  # 32 with the zero behind it, which HAProxy counts where no length is said
    KeyType.BINARY: 32,
}
LONGEST_KEY: Final = 65535
MOST_ENTRIES: Final = (1 << 32) - 1
MOST_FACTOR: Final = 1024
ARRAYS: Final = {  # arrays, and what they stand for: a table has these or those
    "gpc": (("gpc0", "gpc1"), "gpc[0/1]"),
    "gpc_rate": (("gpc0_rate", "gpc1_rate"), "gpc[0/1]_rate"),
    "gpt": (("gpt0",), "gpt0"),
}
STORED: Final = re.compile(r"([^,(]*)(\(([^)]*)(\)?))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class StickTableLine(Setting):
    """The table of a proxy. It has the proxy's name."""

    options: StickTableOptions
    from_defaults: ClassVar[bool] = False


@keyword("stick-table", In.PROXY, "11.1")
def stick_table(args: Args) -> StickTableLine:
    """stick-table type <type> size <size> [expire <expire>] [nopurge] [recv-only] [write-to <wtable>]
    [srvkey <srvkey>] [store <data_type>]* [brates-factor <factor>] [peers <peersect>]: keys and what is kept of each.
    """
    section = args.section
    for other in args.configuration.proxies:
        line = other.one(StickTableLine)
        if line is not None and other.name == section.name:
            kind = (other.kind.name or "").lower()
            raise ConfigError(
                f"stick-table name '{section.name}' conflicts with table declared in {kind} '{other.name}' at "
                f"{line.at.file}:{line.at.line}.",
                args.at,
                "one table for each name",
            )
    return StickTableLine(options=read_table(args, section.name, True), at=args.at)


@dataclass(slots=True)
class _Said:
    """What a line has said so far."""

    type: KeyType | None = None
    type_name: str = ""
    key_size: int = 0
    size: int = 0
    expire: int = 0
    nopurge: bool = False
    receive_only: bool = False
    write_to: str = ""
    server_key: str = "name"
    factor: int = 1
    peers: str = ""
    store: dict[str, Stored] = field(default_factory=dict)


def read_table(args: Args, name: str, peers: bool) -> StickTableOptions:
    """All words that are left. `peers`: the line may name a peers section. ConfigError at the first that is wrong."""
    said = _Said()
    while args.more():
        word = args.word("<argument>")
        read = READERS.get(word.text)
        if read is None or word.text == "peers" and not peers:
            known = [one for one in READERS if peers or one != "peers"]
            raise args.wrong(word, f"{args.keyword}: unknown argument '{word.text}'.", known)
        read(args, said)
    if not said.size:
        raise ConfigError(f"{args.keyword}: missing size.", args.here, "size <size>, the most entries there may be")
    if said.type is None:
        raise ConfigError(f"{args.keyword}: missing type.", args.here, "type ipv4|ipv6|integer|string|binary")
    return StickTableOptions(
        name=name,
        type=said.type,
        type_name=said.type_name,
        key_size=said.key_size,
        size=said.size,
        expire=said.expire,
        nopurge=said.nopurge,
        server_key=said.server_key,
        write_to=said.write_to,
        receive_only=said.receive_only,
        rates_factor=said.factor,
        peers=said.peers,
        store=tuple(said.store.values()),
        at=args.at,
    )


def _value(args: Args, name: str, expected: str) -> Word:
    if not args.more():
        raise ConfigError(f"{args.keyword}: missing argument after '{name}'.", args.here, expected)
    return args.word(expected)


def _type(args: Args, said: _Said) -> None:
    """type <type> [len <len>]"""
    expected = "one of " + ", ".join(TYPES)
    if not args.more():
        raise ConfigError(f"{args.keyword}: unknown type ''.", args.here, expected)
    word = args.word("<type>")
    if word.text not in TYPES:
        raise args.wrong(word, f"{args.keyword}: unknown type '{word.text}'.", tuple(TYPES))
    said.type = TYPES[word.text]
    said.type_name = word.text
    said.key_size = KEY_SIZES[said.type]
    if said.type in (KeyType.STRING, KeyType.BINARY) and args.accept("len"):
        at = args.here
        text = args.take("<len>") if args.more() else ""
        if not is_number(text) or not 1 <= int(text) <= LONGEST_KEY:
            raise ConfigError("'len' expects a positive integer argument.", at, f"a number from 1 to {LONGEST_KEY}")
        said.key_size = int(text)


def _size(args: Args, said: _Said) -> None:
    """size <size>"""
    word = _value(args, "size", "<size>, a number, perhaps followed by k, m or g")
    said.size = parse_size(word)
    if said.size > MOST_ENTRIES:
        raise ConfigError(
            f"{args.keyword}: '{word.text}' is out of range for 'size'.", word.at, f"at most {MOST_ENTRIES} entries"
        )


def _expire(args: Args, said: _Said) -> None:
    """expire <delay>"""
    said.expire = parse_time(_value(args, "expire", "<delay>, a time"), "ms", args.diagnostics)


def _nopurge(args: Args, said: _Said) -> None:
    said.nopurge = True


def _recv_only(args: Args, said: _Said) -> None:
    said.receive_only = True


def _write_to(args: Args, said: _Said) -> None:
    """write-to <wtable>"""
    if not args.more():
        raise ConfigError(f"{args.keyword}: write-to requires table name.", args.here, "<wtable>")
    said.write_to = args.take("<wtable>")


def _srvkey(args: Args, said: _Said) -> None:
    """srvkey name|addr"""
    if not args.more():
        raise ConfigError(f"{args.keyword}: unknown server key type ''.", args.here, "name or addr")
    word = args.word("<srvkey>")
    if word.text not in ("name", "addr"):
        raise args.wrong(word, f"{args.keyword}: unknown server key type '{word.text}'.", ("name", "addr"))
    said.server_key = word.text


def _brates_factor(args: Args, said: _Said) -> None:
    """brates-factor <factor>"""
    word = _value(args, "brates-factor", f"a number from 1 to {MOST_FACTOR}")
    if not is_number(word.text) or not 1 <= int(word.text) <= MOST_FACTOR:
        raise ConfigError(
            f"{args.keyword}: argument 'brates-factor' must be greater than 0 and lower or equal than {MOST_FACTOR}.",
            word.at,
            f"a number from 1 to {MOST_FACTOR}",
        )
    said.factor = int(word.text)


def _peers(args: Args, said: _Said) -> None:
    """peers <peersect>"""
    said.peers = _value(args, "peers", "<peersect>, the name of a peers section").text


def _store(args: Args, said: _Said) -> None:
    """store <data_type>[,<data_type>]*"""
    if not args.more():  # which HAProxy takes for none
        raise ConfigError(
            f"{args.keyword}: missing argument after 'store'.", args.here, "a data type, such as conn_cnt"
        )
    word = args.word("<data_type>")
    index = 0
    while index < len(word.text):
        found = STORED.match(word.text, index)
        assert found is not None
        _store_one(args, said, word, found)
        index = found.end()
        if index < len(word.text) and word.text[index] != ",":
            rest = word.text[index:]
            raise ConfigError(
                f"{args.keyword}: unexpected '{rest}' behind store option '{found[1]}'.",
                inside(word, index, len(rest)),
                "',' or the end",
            )
        index += 1  # a comma at the end says nothing, as in HAProxy


def _store_one(args: Args, said: _Said, word: Word, found: re.Match[str]) -> None:
    name = found[1]
    at = inside(word, found.start(), found.end() - found.start())
    known = BY_NAME.get(name)
    if known is None:
        near = nearest(name, BY_NAME)
        raise ConfigError(
            f"{args.keyword}: unknown store option '{name}'.",
            at,
            "a data type (manual 11.1)",
            f"did you mean '{near}'?" if near else "",
        )
    if found[2] and not found[4]:
        raise ConfigError(f"{args.keyword}: missing closing parenthesis after store option '{name}'.", at, _form(known))
    made = _stored(args, known, word, found)
    if name in said.store:
        args.diagnostics.warning(f"{args.keyword}: store option '{name}' already enabled, ignored.", at)
        return
    for array, (older, called) in ARRAYS.items():
        if name == array and any(one in said.store for one in older) or name in older and array in said.store:
            raise ConfigError(
                f"{args.keyword}: simultaneous usage of '{array}' and '{called}' in a same table is not permitted as "
                f"'{array}' overrides '{called}'.",
                at,
                f"'{array}' alone: what is said of {called} means its first elements",
            )
    said.store[name] = made
    if name in ("glitch_cnt", "glitch_rate"):
        WISHES.glitches = True


def _form(known: DataType) -> str:
    """How a data type is written."""
    arguments = (["<nb>"] if known.array else []) + (["<period>"] if known.period else [])
    return f"{known.name}({','.join(arguments)})" if arguments else known.name


def _stored(args: Args, known: DataType, word: Word, found: re.Match[str]) -> Stored:
    """A data type with its arguments."""
    name = known.name
    at = inside(word, found.start(), found.end() - found.start())
    texts = found[3].split(",") if found[2] else []
    wanted = known.array + known.period
    if not wanted:
        if found[2]:
            raise ConfigError(f"{args.keyword}: unexpected argument to store option '{name}'.", at, name)
        return Stored(known)
    if len(texts) < wanted:
        raise ConfigError(f"{args.keyword}: missing argument to store option '{name}'.", at, _form(known))
    if len(texts) > wanted:
        raise ConfigError(f"{args.keyword}: too many arguments to store option '{name}'.", at, _form(known))
    count, period = 1, 0
    if known.array:
        count = int(texts[0]) if is_number(texts[0]) else 0
        if not 1 <= count <= MOST_ELEMENTS:
            raise ConfigError(
                f"{args.keyword}: array size is out of allowed range (1-{MOST_ELEMENTS}) for store option '{name}'.",
                at,
                _form(known),
            )
    if known.period:
        try:
            period = parse_time(Word(texts[-1], at))
        except ConfigError as error:
            raise ConfigError(
                f"{args.keyword}: error when processing store option '{name}'.", at, _form(known), error.finding.message
            ) from None
        if not period:
            raise ConfigError(
                f"{args.keyword}: the period of store option '{name}' must not be 0.", at, "a time, such as 10s"
            )
    return Stored(known, count, period)


READERS: Final[dict[str, Callable[[Args, _Said], None]]] = {
    "brates-factor": _brates_factor,
    "expire": _expire,
    "nopurge": _nopurge,
    "peers": _peers,
    "recv-only": _recv_only,
    "size": _size,
    "srvkey": _srvkey,
    "store": _store,
    "type": _type,
    "write-to": _write_to,
}
