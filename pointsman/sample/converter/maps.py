"""map and its family: a value looked up in a file of keys and values (manual 7.3.1).

    map_<method>[_<output>](<name>[,<default>])

The family is made from its table: methods str, beg, sub, dir, dom, end, reg, int, ip and outputs str, int, ip, key;
`map` is map_str, and map_regm puts what the groups of the expression matched in place of \\1 to \\9 (\\0: all of it).
Files are read at start-up, once each; their entries change by the runtime socket (`set map`) and by actions (set-map).
"""

import re
from collections.abc import Callable
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.sample.arguments import Arguments, encode
from pointsman.sample.lists import find_list, said_at
from pointsman.sample.lookup import LOOKUPS, Lookup, parse_value
from pointsman.sample.parts import Regexes
from pointsman.sample.pattern import GROUPS, METHODS, Method
from pointsman.sample.registry import Convert, converter_with
from pointsman.sample.types import Reads, Type, Value
from pointsman.tables.patterns import PatternError, PatternList

INPUTS: Final = {
    "str": Type.STR,
    "beg": Type.STR,
    "sub": Type.STR,
    "dir": Type.STR,
    "dom": Type.STR,
    "end": Type.STR,
    "reg": Type.STR,
    "int": Type.SINT,
    "ip": Type.ADDR,
}
# name: what comes out, how the default is written, how values are kept (ANY: the key is what comes out)
OUTPUTS: Final = {
    "str": (Type.STR, "[,string]", Type.STR),
    "int": (Type.SINT, "[,integer]", Type.SINT),
    "ip": (Type.ADDR, "[,string]", Type.ADDR),
    "key": (Type.STR, "", Type.ANY),
}
_GROUP: Final = re.compile(rb"\\([0-9])")


def find_map(name: str, at: Position) -> PatternList:
    """The map of that name."""
    found = find_list(name, True, at)
    found.for_map = True
    return found


def _lookup(args: Arguments, method: Method, output: Type) -> Lookup:
    try:
        found = find_map(args.word(0), args.at)
    except ConfigError as error:
        raise args.wrong(str(error), "a file that exists") from None
    found.places.append(f"by map at {said_at(args.at)}")
    try:
        use = found.use((method.name, output), lambda: Lookup(method, output))
    except PatternError as error:
        if error.entry is None:
            raise
        (file, line), reason = found.place(error.entry), str(error).removesuffix(".")
        raise args.wrong(f"{reason} at line {line} of file '{file}'.") from None
    assert isinstance(use, Lookup)
    return use


def _make(method: str, name: str) -> Callable[[Arguments], Convert]:
    kept = OUTPUTS[name][2]

    def factory(args: Arguments) -> Convert:
        lookup = _lookup(args, METHODS[method], kept)
        default = _default(args, kept)

        def convert(value: Value) -> Value | None:
            entry = lookup.matcher.find(value)
            return default if entry is None else lookup.values[entry.identity]

        def convert_to_key(value: Value) -> Value | None:
            entry = lookup.matcher.find(value)
            return None if entry is None else encode(entry.key)

        return _asks(lookup, convert_to_key if kept == Type.ANY else convert)

    factory.__doc__ = f"map_{method}_{name}(<name>[,<default>]): look up by '{method}', give the {name}."
    return factory


def _default(args: Arguments, kept: Type) -> Value | None:
    if kept == Type.SINT:
        return args.number(1) if args.given(1) else None
    if kept == Type.ANY or not args.given(1):
        return None
    value = parse_value(args.word(1), kept)
    if value is None:
        raise args.wrong(f"cannot parse default value '{args.word(1)}'", "an address")
    return value


def map_groups(args: Arguments) -> Convert:
    """map_regm(<name>[,<default>]): as map_reg; \\1 in the value is what the first group matched, and so on."""
    lookup = _lookup(args, GROUPS, Type.STR)
    default = _default(args, Type.STR)

    def convert(value: Value) -> Value | None:
        assert isinstance(value, bytes)
        matcher = lookup.matcher
        assert isinstance(matcher, Regexes)
        at = matcher.locate(value)
        if at < 0:
            return default
        regex, text = matcher.patterns[at], lookup.values[matcher.entries[at].identity]
        assert isinstance(text, bytes)
        groups = regex.groups(value) if b"\\" in text else None
        return text if groups is None else _GROUP.sub(lambda mark: _group(groups, int(mark.group(1))), text)

    return _asks(lookup, convert)


def _asks(lookup: Lookup, made: Convert) -> Convert:
    LOOKUPS[made] = lookup
    return made


def _group(groups: tuple[bytes, ...], number: int) -> bytes:
    """A group that there is not is empty."""
    return groups[number] if number < len(groups) else b""


def _register() -> None:
    for method, accepts in INPUTS.items():
        for output, (returns, default, _) in OUTPUTS.items():
            names = f"map_{method}_{output}"
            if output == "str":
                names = f"map map_{method}" if method == "str" else f"map_{method}"
            converter_with(names, f"(string{default})", accepts, returns, Reads.MOVING)(_make(method, output))
    converter_with("map_regm", "(string[,string])", Type.STR, Type.STR, Reads.MOVING)(map_groups)


_register()
