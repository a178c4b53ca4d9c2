"""`server`, `default-server` and `server-template` lines (manual 4.2, 5.2).

A line starts from the section's default-server (that of its defaults section before), or from what `from` names, and
its own words change that; so a ServerLine says all that holds for its server. Names and ids are unique in a section.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from pointsman.config.addresses import check_stream, connecting_address
from pointsman.config.keyword import Args, keyword
from pointsman.config.parameters import Words, read_parameters
from pointsman.config.peer_line import Peer, read_peer
from pointsman.config.sections import checked_name
from pointsman.config.server_words import SERVER_OTHERS, SERVER_WORDS, ServerParameters
from pointsman.config.setting import In, Section, Setting
from pointsman.core.address import AddressSpec
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word

EXPECTED = "<name> and <addr>[:<port>]"
NOTHING_SAID = ServerParameters()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine(Setting):
    """One server as configured. An address of kind "inet" may be a host name: see initial_address.

    Its host "" (or "::") means the address that the client connected to, its port None the port of the client's
    connection, with port_offset plus the port.
    """

    name: str
    address: AddressSpec
    parameters: ServerParameters
    template: bool = False  # made by server-template
    many: ClassVar[bool] = True
    from_defaults: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultServer(Setting):
    """What later lines start from; name "" is the one that all start from."""

    name: str
    parameters: ServerParameters

    def key(self) -> object:
        return self.name


@keyword("default-server", In.DEFAULTS | In.BACK | In.PEERS, "4.2")
def default_server(args: Args) -> DefaultServer:
    """default-server [name <name>] [from <origin>] [parameters]: what later server lines start from."""
    name = ""
    if args.accept("name"):
        word = args.word("<name>")
        name = checked_name(word, "name of the default-server")
        if any(line.name == name for line in args.section.all(ServerLine)):
            raise ConfigError(f"a server named '{name}' was already defined", word.at)
    start = origin(args)
    if start is None:
        found = args.section.one(DefaultServer, name)
        start = found.parameters if found is not None else NOTHING_SAID
    words = Words(args, "'default-server'")
    parameters = read_parameters(words, SERVER_WORDS, SERVER_OTHERS, start)
    for field, said in (("id", parameters.id), ("guid", parameters.guid)):
        if said:  # HAProxy goes on without it
            args.diagnostics.warning(f"'{field}' option is not accepted in default-server sections", args.at)
    parameters = replace(parameters, id=0, guid="")
    return DefaultServer(name=name, parameters=parameters, at=args.at)


@keyword("server", In.BACK | In.PEERS, "4.2")
def server(args: Args) -> ServerLine | Peer | None:
    """server <name> <address>[:<port>] [from <origin>] [parameters]; in peers sections another instance, or this one
    without an address (manual 11.2)."""
    if args.section.kind == In.PEERS:
        return read_peer(args, _defaults(args))
    if len(args.words) - args.index < 2:
        raise ConfigError("'server' expects <name> and <addr>[:<port>] as arguments.", args.here, EXPECTED)
    name = args.word("<name>")
    checked_name(name, "server name")
    line = _read(args, name.text, args.word("<addr>"))
    _check_unique(args.section, line.name, line.parameters, name)
    return line


@keyword("server-template", In.BACK, "4.2")
def server_template(args: Args) -> list[ServerLine]:
    """server-template <prefix> <num|range> <fqdn>[:<port>] [parameters]: servers with numbered names."""
    if len(args.words) - args.index < 3:
        raise ConfigError(
            "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments.",
            args.here,
            "<prefix> <num | range> <fqdn>[:<port>]",
        )
    prefix = args.word("<prefix>")
    checked_name(prefix, "server name")
    count = args.word("<num | range>")
    numbers = _range(count)
    first = _read(args, f"{prefix.text}{numbers[0]}", args.word("<fqdn>"))
    lines: list[ServerLine] = []
    for number in numbers:
        own = first.parameters.id + number - numbers[0] if first.parameters.id else 0  # ids count on from the first
        name = Word(f"{prefix.text}{number}", prefix.at)
        line = replace(first, name=name.text, template=True, parameters=replace(first.parameters, id=own))
        _check_unique(args.section, line.name, line.parameters, name)
        lines.append(line)
    if first.parameters.guid and len(lines) > 1:
        raise ConfigError("'guid' cannot be the same for several servers", args.at)
    return lines


def _range(word: Word) -> range:
    low, dash, high = word.text.partition("-")
    wrong = ConfigError(f"Wrong server-template number or range arg '{word.text}'.", word.at, "<num> or <low>-<high>")
    for text in (low, high) if dash else (low,):
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            raise wrong
    numbers = range(int(low), int(high) + 1) if dash else range(1, int(low) + 1)
    if not numbers:
        raise wrong
    return numbers


def _read(args: Args, name: str, address: Word) -> ServerLine:
    """What follows the name."""
    said = f"'server {args.section.name}/{name}'"
    spec = read_address(args, address, said)
    start = origin(args)
    if start is None:
        start = _defaults(args)
    parameters = _parameters(args, said, start)
    return ServerLine(name=name, address=spec, parameters=parameters, at=args.at)


def read_address(args: Args, address: Word, said: str) -> AddressSpec:
    """Where a server is. `said` begins each error."""
    address, spec = connecting_address(address, args.configuration.environment, said)
    check_stream(address, spec, said)
    return spec


def _defaults(args: Args) -> ServerParameters:
    found = args.section.one(DefaultServer, "")
    return found.parameters if found is not None else NOTHING_SAID


def origin(args: Args) -> ServerParameters | None:
    """What `from` names (manual 5.2), or None where there is no `from`."""
    if not args.accept("from"):
        return None
    word = args.word("<origin>")
    kind, colon, path = word.text.partition(":")
    if word.text == "none":
        return NOTHING_SAID
    if not colon or kind not in ("be", "srv"):
        raise ConfigError(
            f"'from' : unknown origin '{word.text}'", word.at, "none, be:[<bename>] or srv:[<bename>/]<name>"
        )
    backend, _, name = path.rpartition("/") if kind == "srv" else (path, "", "")
    section: Section | None = args.section
    if backend:
        section = args.configuration.proxy(backend, In.BACK)
    if section is None:
        raise ConfigError(f"'from' : unknown backend '{backend}' in '{word.text}'", word.at)
    for line in section.all(ServerLine):
        if kind == "srv" and line.name == name:
            return replace(line.parameters, id=0, guid="")
    found = section.one(DefaultServer, name)
    if found is None and kind == "srv":
        raise ConfigError(f"'from' : unknown server or default-server '{name}' in '{word.text}'", word.at)
    return found.parameters if found is not None else NOTHING_SAID


def _parameters(args: Args, said: str, start: ServerParameters) -> ServerParameters:
    """What all words that are left make of `start`.

    The lines of a large file end alike: what words came to without a finding is remembered, and equal words come to
    the same. `start` is remembered too, so that its identity stays its own.
    """
    known = args.configuration.tails
    tail = (id(start), "\0".join([word.text for word in args.words[args.index :]]))
    if "$" in tail[1] or "acl(" in tail[1]:  # it depends on the environment too, or on the section's ACLs
        return read_parameters(Words(args, said), SERVER_WORDS, SERVER_OTHERS, start)
    found = known.get(tail, (None, None))[1]
    if isinstance(found, ServerParameters):
        args.index = len(args.words)
        return found
    findings = len(args.diagnostics.findings)
    parameters = read_parameters(Words(args, said), SERVER_WORDS, SERVER_OTHERS, start)
    if len(args.diagnostics.findings) == findings:
        known[tail] = (start, parameters)
    return parameters


def _check_unique(section: Section, name: str, parameters: ServerParameters, word: Word) -> None:
    """Names and ids of a section are looked up, not compared one by one: there may be thousands."""
    places = section.places
    lines = section.typed.get(ServerLine, [])
    for place in range(section.placed, len(lines)):
        line = lines[place]
        assert isinstance(line, ServerLine)
        places.setdefault(line.name, place)
        places.setdefault(line.parameters.id, place)
    section.placed = len(lines)
    same_name = places.get(name, len(lines))
    same_id = places.get(parameters.id, len(lines)) if parameters.id else len(lines)
    first = min(same_name, same_id)
    if first == len(lines):
        return
    other = lines[first]
    assert isinstance(other, ServerLine)
    if other.name == name:
        kind = (section.kind.name or "").lower()
        raise ConfigError(
            f"{kind} '{section.name}', another server named '{name}' was already "
            f"defined at line {other.at.line}, please use distinct names.",
            word.at,
        )
    raise ConfigError(
        f"'server {section.name}/{name}' : 'id' : custom id {parameters.id} already used at "
        f"{other.at} ('server {other.name}').",
        word.at,
    )


def server_ids(lines: Iterable[ServerLine]) -> list[int]:
    """The number of each server: the one that is said (manual 5.2, id), else the next free one. As in the peer program
    a server takes its turn in counting also where its number is said, so that without any they count from 1 on."""
    servers = list(lines)
    taken = {line.parameters.id for line in servers}
    numbers: list[int] = []
    following = 1
    for line in servers:
        number = line.parameters.id
        if not number:
            while following in taken:
                following += 1
            number = following
            taken.add(number)
        following += 1
        numbers.append(number)
    return numbers
