"""One line of a section: find its keyword, call the parser, keep the setting; or say precisely why not.

The keyword is the longest match of one to three words. What no parser is registered for is, in this order: a word that
HAProxy dropped, a word of another place, a word that is not built yet, one of a family ("timeout ..."), or a mistake.

A keyword in a proxy that lacks the side it is for (balance in a frontend) is what HAProxy takes for a mistake that does
no harm: a warning, and the line is ignored. A few words are errors there, and so they are here.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

from pointsman.config import vocabulary
from pointsman.config.keyword import KEYWORDS, Args, Keyword
from pointsman.config.removed import removed
from pointsman.config.setting import SECTIONS, Configuration, In, Section, Setting
from pointsman.config.timeouts import OLD_SPELLINGS
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.refused import refusal
from pointsman.core.registry import nearest
from pointsman.core.words import Line, Word

LONGEST: Final = 3  # words of a keyword
NAMED_ONLY: Final = frozenset(
    {"acl", "http-request", "http-response", "http-after-response", "quic-initial", "tcp-request", "tcp-response"}
)  # manual 4.1: "(!)"
REFUSED: Final = frozenset(
    {
        "server",
        "server-template",
        "default-server",
        "retry-on",
        "use-fcgi-app",
        "declare capture",
        "crt",
        "be-unpublished",
        "filter-sequence",
        "tcp-request connection",
        "tcp-request session",
        "tcp-response content",
        "tcp-response inspect-delay",
    }
)  # not merely ignored
GLOBAL: Final = In.GLOBAL
NAMES: Final = {kind: name for name, kind in SECTIONS.items()}


class UnknownSection(ConfigError):
    """A word that is most like a section's: what follows belongs to that section, not to the present one."""


def parse_line(line: Line, section: Section, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """Put the line's settings into the section. Raises ConfigError."""
    prefix = line.words[0].text if line.words[0].text in ("no", "default") else ""
    if prefix:
        if len(line.words) == 1:
            raise ConfigError(f"'{prefix}' expects a keyword", line.at, "a keyword such as 'option httplog'")
        line = Line(line.words[1:], line.at)
    _check_defaults(line.words[0], section)
    entry, count = _find(line.words, section.kind)
    if entry is None:
        return _unregistered(line, section, diagnostics)
    if not int(entry.where) & int(section.kind):  # plain numbers: the operators of flags are slow
        return _misplaced(entry.name, entry.where, line, section, diagnostics)
    if prefix and not entry.negatable:
        subject = f"option '{entry.name[7:]}'" if entry.name.startswith("option ") else f"'{entry.name}'"
        raise ConfigError(f"negation/default is not supported for {subject}.", line.words[0].at)
    args = Args(line, count, section, configuration, diagnostics)
    args.negated = prefix == "no"
    args.reset = prefix == "default"
    try:
        parsed = entry.parse(args)
    except UnicodeEncodeError as error:
        raise ConfigError(f"'{entry.name}' cannot take bytes that are not UTF-8", line.at) from error
    args.end()
    for setting in [parsed] if isinstance(parsed, Setting) else parsed or []:
        section.put(setting)


def _check_defaults(word: Word, section: Section) -> None:
    if section.kind == In.DEFAULTS and not section.name and word.text in NAMED_ONLY:
        raise ConfigError(
            f"'{word.text}' not allowed in anonymous 'defaults' section.",
            word.at,
            hint="give the section a name: 'defaults <name>' (manual 4.1)",
        )


def _find(words: Sequence[Word], kind: In) -> tuple[Keyword | None, int]:
    """The longest registered keyword that the words begin with, and its number of words."""
    prefix = "global " if kind == GLOBAL else ""
    longest = _lengths(len(KEYWORDS)).get(prefix + words[0].text, 0)
    for count in range(min(longest, len(words)), 0, -1):
        text = prefix + _join(words, count)
        entry = KEYWORDS.get(text)
        if entry is not None:
            return entry, count
        if text.endswith(")"):
            entry = KEYWORDS.get(text.partition("(")[0])
            if entry is not None and entry.named:
                return entry, count
    return None, 0


@lru_cache(1)
def _lengths(_: int) -> dict[str, int]:
    """How many words the longest keyword has that begins with a word; "global " stands before those of that section.
    Made anew when there are more keywords."""
    longest: dict[str, int] = {}
    for name in KEYWORDS:
        prefix = "global " if name.startswith("global ") else ""
        first, *others = name.removeprefix(prefix).split(" ")
        longest[prefix + first] = max(longest.get(prefix + first, 0), 1 + len(others))
    return longest


def _join(words: Sequence[Word], count: int) -> str:
    return words[0].text if count == 1 else " ".join([word.text for word in words[:count]])


def _span(words: Sequence[Word], count: int) -> Position:
    """The place of the first words together."""
    first, last = words[0].at, words[count - 1].at
    return Position(first.file, first.line, first.column, last.column + last.length - first.column, first.text)


def _table(kind: In) -> str:
    """The kind of the vocabulary for a section's keywords."""
    return "proxy" if kind & In.ANY_PROXY else NAMES[kind]


def _unregistered(line: Line, section: Section, diagnostics: Diagnostics) -> None:
    words = line.words
    for count in range(min(LONGEST, len(words)), 0, -1):
        text, at = _join(words, count), _span(words, count)
        gone = removed(text)
        if gone is not None:
            since = f" since HAProxy {gone[0]}" if gone[0] else ""
            raise ConfigError(f"The '{text}' directive is not supported anymore{since}.", at, hint=gone[1])
        reason = refusal(_table(section.kind), text)
        if reason:
            raise ConfigError(f"'{text}' is not supported: {reason}", at)
        plain = text.partition("(")[0]  # "set-var(...)" and "set-var-fmt(...)" are "set-var" in the manual's lists
        entry = vocabulary.lookup(_table(section.kind), plain.removesuffix("-fmt") if plain != text else text)
        if entry is not None and NAMES[section.kind] in entry.where:
            why = ": QUIC is not" if text.startswith("quic-") else ""
            raise ConfigError(f"'{text}' is not built yet{why}", at, hint=f"manual {entry.manual} describes it")
        if entry is not None:
            return _misplaced(text, _flags(entry.where), line, section, diagnostics)
    raise (
        _elsewhere(words, section, 2)
        or _family(words, section)
        or _elsewhere(words, section, 1)
        or unknown_keyword(words[0], section)
    )


def _flags(names: Sequence[str]) -> In:
    flags = In(0)
    for name in names:
        flags |= SECTIONS[name]
    return flags


def _places(where: In) -> str:
    names = [f"'{name}'" for name, kind in SECTIONS.items() if where & kind]
    return "a section " + (", ".join(names[:-1]) + " or " if len(names) > 1 else "") + names[-1]


def _misplaced(name: str, where: In, line: Line, section: Section, diagnostics: Diagnostics) -> None:
    """A word of proxies in a proxy (or defaults) where it cannot stand, or a word of other sections."""
    at = _span(line.words, len(name.split()))
    kind, expected = NAMES[section.kind], f"'{name}' in {_places(where)}"
    if not (section.kind & In.ANY_PROXY and where & In.ANY_PROXY):
        raise ConfigError(f"unknown keyword '{name}' in '{kind}' section", at, expected)
    if section.kind in (In.DEFAULTS, In.LISTEN):
        raise ConfigError(f"'{name}' not allowed in '{kind}' section.", at, expected)
    side = "backend" if section.kind == In.FRONTEND else "frontend"
    because = f"because {kind} '{section.name}' has no {side} capability."
    if name in REFUSED:
        raise ConfigError(f"'{name}' not allowed {because}", at, expected)
    diagnostics.warning(f"'{name.removeprefix('option ')}' ignored {because}", at, expected)


def _elsewhere(words: Sequence[Word], section: Section, shortest: int) -> ConfigError | None:
    """The error for a keyword of that many words of the global section in another one, or the other way round."""
    for count in range(min(LONGEST, len(words)), shortest - 1, -1):
        text = _join(words, count)
        if section.kind == In.GLOBAL:
            entry = KEYWORDS.get(text)
            known = vocabulary.lookup("proxy", text) or vocabulary.lookup("userlist", text)
        else:
            entry = KEYWORDS.get("global " + text)
            known = vocabulary.lookup("global", text)
        where = entry.where if entry is not None else _flags(known.where) if known is not None else In(0)
        if where and not where & section.kind:
            return ConfigError(
                f"unknown keyword '{text}' in '{NAMES[section.kind]}' section",
                _span(words, count),
                f"'{text}' in {_places(where)}",
            )
    return None


def _known(kind: In) -> list[str]:
    """All keywords that may stand in a section, built or not."""
    return _known_of(kind, len(KEYWORDS))


@cache
def _known_of(kind: In, registered: int) -> list[str]:
    """The names known in this kind of section. `registered`, their number, is the key of the cache."""
    prefix = "global " if kind == In.GLOBAL else ""
    names = {
        name.removeprefix(prefix)
        for name in KEYWORDS
        if (entry := KEYWORDS.get(name)) is not None
        and entry.where & kind
        and name.startswith("global ") == bool(prefix)
    }
    for name in vocabulary.words(_table(kind)):
        known = vocabulary.lookup(_table(kind), name)
        if known is not None and _flags(known.where) & kind:
            names.add(name)
    return sorted(names)


def _all(kind: In) -> In:
    """Where to look for what was meant: the nearest word may well be one of another kind of proxy."""
    return In.ANY_PROXY if kind & In.ANY_PROXY else kind


def _family(words: Sequence[Word], section: Section) -> ConfigError | None:
    """The error for a second word that its first word ("option", "timeout", ...) does not have."""
    first = words[0].text
    second = words[1] if len(words) > 1 else None
    members = [name[len(first) + 1 :] for name in _known(section.kind) if name.startswith(first + " ")]
    if not members:
        return None
    last = words[-1].at if second is None else second.at
    at = last if second is not None else Position(last.file, last.line, last.column + last.length, 1, last.text)
    others = [name[len(first) + 1 :] for name in _known(_all(section.kind)) if name.startswith(first + " ")]
    near = nearest(second.text, others) if second is not None else None
    hint = f"did you mean '{near}'?" if near else ""
    if first == "option":
        if second is None:
            return ConfigError("'option' expects an option name.", at, "the name of an option (manual 4.2)")
        return ConfigError(f"unknown option '{second.text}'.", at, hint=hint)
    listed = " and ".join(", ".join(f"'{name}'" for name in members).rsplit(", ", 1))
    got = second.text if second is not None else ""
    return ConfigError(f"'{first}' supports {listed} (got '{got}')", at, hint=hint)


@lru_cache(1000)
def _nearest_first_word(text: str, kind: In | None, registered: int) -> str | None:
    """The section's name, or the first word of a keyword of such a section, that is most like the text."""
    known = _known(_all(kind)) if kind is not None else []
    return nearest(
        text,
        dict.fromkeys(
            [*vocabulary.words("section"), *(name.partition(" ")[0] for name in known if name not in OLD_SPELLINGS)]
        ),
    )


def unknown_keyword(word: Word, section: Section | None) -> ConfigError:
    """The error for a word that is no keyword of the section; UnknownSection if it is most like a section's name."""
    where = f"in '{NAMES[section.kind]}' section" if section is not None else "out of section."
    sections = vocabulary.words("section")
    near = _nearest_first_word(word.text, section.kind if section is not None else None, len(KEYWORDS))
    message = f"unknown keyword '{word.text}' {where}"
    expected = "" if section is not None else "a section: " + ", ".join(SECTIONS)
    hint = f"did you mean '{near}'?" if near else ""
    if near in sections:
        return UnknownSection(message, word.at, expected, hint)
    return ConfigError(message, word.at, expected, hint)
