"""Server lines that come at run time, by `add server` (management manual 9.3): the words of a line, read as those of a
file are, from their name on.

What default-server says does not count; `from` may name it, or another server. Some words of configuration files are
refused: HAProxy has them not for such servers either. Names and ids are compared with those of the servers that are
there by whoever adds one.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from pointsman.config.keyword import Args
from pointsman.config.parameters import Words, read_parameters
from pointsman.config.sections import checked_name
from pointsman.config.server_line import NOTHING_SAID, ServerLine, origin, read_address
from pointsman.config.server_words import SERVER_OTHERS, SERVER_WORDS
from pointsman.config.setting import Configuration, Section
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.words import Line, Word

SOURCE: Final = "runtime socket"  # where such lines come from
REFUSED: Final = frozenset(
    {
        "enabled",
        "init-addr",
        "log-bufsize",
        "log-proto",
        "max-reuse",
        "namespace",
        "no-agent-check",
        "no-check",
        "no-check-reuse-pool",
        "no-check-send-proxy",
        "no-check-ssl",
        "no-send-proxy-v2-ssl",
        "no-send-proxy-v2-ssl-cn",
        "no-ssl",
        "non-stick",
        "redir",
        "resolve-net",
        "resolve-opts",
        "resolve-prefer",
        "resolvers",
        "socks4",
        "ssl-reuse",
        "stick",
        "tcp-ut",
    }
)  # 3.2 says "option is not accepted for dynamic server" to each of them
POSITIONAL: Final = ("from",)  # stands behind the address


def words_of_added() -> list[str]:
    """What `add server help` lists: the words that may stand behind an address."""
    return sorted({*SERVER_WORDS, *POSITIONAL} - REFUSED)


def line_of(words: Sequence[str]) -> Line:
    """A line that was typed, or that a change brings."""
    text = " ".join(words)
    placed: list[Word] = []
    column = 1
    for word in words:
        placed.append(Word(word, Position(SOURCE, 1, column, len(word), text)))
        column += len(word) + 1
    return Line(tuple(placed))


def read_added(
    words: Sequence[str], section: Section, configuration: Configuration, diagnostics: Diagnostics
) -> ServerLine:
    """`words`: "server", its name, its address, and the rest of its line. Raises ConfigError."""
    args = Args(line_of(words), 1, section, configuration, diagnostics)
    if len(words) < 3:
        raise ConfigError("'server' expects <name> and <addr>[:<port>] as arguments.", args.here)
    name = args.word("<name>")
    checked_name(name, "server name")
    address = read_address(args, args.word("<addr>"), "'server'")
    start = origin(args) or NOTHING_SAID
    _check_words(args.words[args.index :])
    parameters = read_parameters(Words(args, "'server'"), SERVER_WORDS, SERVER_OTHERS, start)
    args.end()
    return ServerLine(name=name.text, address=address, parameters=parameters, at=args.at)


def _check_words(words: Iterable[Word]) -> None:
    """ConfigError at a word that only lines of files may have; a value that is spelled like one is passed over."""
    values = 0
    for word in words:
        if values > 0:
            values -= 1
            continue
        if word.text in REFUSED:
            raise ConfigError(f"'{word.text}' option is not accepted for dynamic server", word.at)
        known = SERVER_WORDS.get(word.text)
        values = known.values if known is not None else SERVER_OTHERS.coming.get(word.text, 0)
