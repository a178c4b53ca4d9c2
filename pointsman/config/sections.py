"""The first line of a section: its kind, its name, the defaults it takes (manual 2.1, 4, 12).

`Opener.open` makes the Section and puts it into the Configuration. A section with a mistake in its first line is opened
all the same, so that the mistakes in its other lines are found in the same run.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from pointsman.config import vocabulary
from pointsman.config.inheritance import Inheritance
from pointsman.config.removed import removed
from pointsman.config.setting import SECTIONS, Configuration, In, Section
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.words import Line, Word

FORBIDDEN: Final = re.compile(r"[^A-Za-z0-9_.:-]")  # in names of proxies (manual 4), of servers and their like
SAME_SECTION: Final = "{kind} section '{name}' has the same name as another {kind} section declared at {first}."


def checked_name(word: Word, what: str) -> str:
    """The name of something that stands in a section. ConfigError: it cannot be one; `what` says of what."""
    wrong = FORBIDDEN.search(word.text)
    if wrong is not None:
        raise ConfigError(
            f"character '{wrong[0]}' is not permitted in {what} '{word.text}'.",
            word.at,
            "letters, digits, '.', ':', '_' and '-'",
        )
    return word.text


def is_section(word: str) -> bool:
    """Does a line that begins so open a section (built or not)?"""
    return word in _section_words()


@cache
def _section_words() -> frozenset[str]:
    return frozenset([*SECTIONS, *vocabulary.words("section"), "program"])


class Opener:
    """Opens the sections of all files, in order."""

    def __init__(self, configuration: Configuration, diagnostics: Diagnostics) -> None:
        self.configuration = configuration
        self.diagnostics = diagnostics
        self.inheritance = Inheritance()
        self.named: dict[str, list[Section]] = {}  # proxies that have a name
        self.explicit: list[Section] = []  # defaults that somebody names
        self.implicit: list[Section] = []  # defaults that somebody takes because they are the last

    def open(self, line: Line) -> Section | None:
        """The new section; None if its kind is not built: its lines are then skipped. Errors are recorded."""
        word = line.words[0]
        kind = SECTIONS.get(word.text)
        if kind is None:
            self._not_built(word)
            return None
        if kind == In.GLOBAL:
            self._nothing_more(word, line.words[1:])
            return self.configuration.main
        if kind == In.USERLIST:
            return self._userlist(line)
        if kind == In.HTTP_ERRORS:
            return self._http_errors(line)
        if kind == In.CRT_STORE:
            return self._crt_store(line)
        if kind == In.PEERS:
            return self._peers(line)
        if kind == In.RESOLVERS:
            return self._resolvers(line)
        if kind == In.HEALTHCHECK:
            return self._healthcheck(line)
        if kind == In.MAILERS:
            return self._mailers(line)
        return self._proxy(kind, line)

    def _not_built(self, word: Word) -> None:
        entry = vocabulary.lookup("section", word.text)
        gone = removed(word.text)
        if entry is not None:
            self.diagnostics.alert(
                f"section '{word.text}' is not built yet",
                word.at,
                hint=f"manual {entry.manual} describes it; its lines were skipped",
            )
        elif gone is not None:
            self.diagnostics.alert(f"The '{word.text}' section is not supported anymore.", word.at, hint=gone[1])

    def _nothing_more(self, keyword: Word, words: Sequence[Word]) -> None:
        if words:
            self.diagnostics.alert(
                f"'{keyword.text}' cannot handle unexpected argument '{words[0].text}'.", words[0].at, "end of line"
            )

    def _name(self, line: Line, message: str) -> str:
        """The name behind the section's word; "" with an error if there is none or it cannot be one."""
        keyword = line.words[0]
        if len(line.words) < 2:
            at = keyword.at
            self.diagnostics.alert(message, Position(at.file, at.line, at.column + at.length, 1, at.text), "a name")
            return ""
        word = line.words[1]
        wrong = FORBIDDEN.search(word.text)
        if wrong is not None:
            self.diagnostics.alert(
                f"character '{wrong[0]}' is not permitted in '{keyword.text}' name '{word.text}'.",
                word.at,
                "letters, digits, '-', '_', '.', ':'",
            )
        return word.text

    def _userlist(self, line: Line) -> Section:
        name = self._name(line, "'userlist' expects <name> as arguments.")
        self._nothing_more(line.words[0], line.words[2:])
        section = Section(In.USERLIST, name, line.at)
        first = self.configuration.userlists.setdefault(name, section)
        if first is not section:
            self.diagnostics.warning(
                f"ignoring duplicated userlist '{name}'.", line.words[1].at, hint=f"the first one is at {first.at}"
            )
        return section

    def _http_errors(self, line: Line) -> Section:
        name = self._name(line, "missing name for http-errors section.")
        self._ignored(line.words[0], line.words[2:])
        section = Section(In.HTTP_ERRORS, name, line.at)
        first = self.configuration.http_errors.setdefault(name, section)
        if first is not section and name:
            self.diagnostics.alert(
                f"http-errors section '{name}' already exists (declared at {first.at}).", line.words[1].at
            )
        return section

    def _peers(self, line: Line) -> Section:
        name = self._name(line, "missing name for peers section.")
        self._nothing_more(line.words[0], line.words[2:])
        return self._only(self.configuration.peers, Section(In.PEERS, name, line.at), line, SAME_SECTION)

    def _resolvers(self, line: Line) -> Section:
        name = self._name(line, "missing name for resolvers section.")
        self._ignored(line.words[0], line.words[2:])
        message = "resolvers '{name}' has same name as another resolvers (declared at {first})."
        return self._only(self.configuration.resolvers, Section(In.RESOLVERS, name, line.at), line, message)

    def _healthcheck(self, line: Line) -> Section:
        name = self._name(line, "missing name for healthcheck section.")
        self._nothing_more(line.words[0], line.words[2:])
        return self._only(self.configuration.healthchecks, Section(In.HEALTHCHECK, name, line.at), line, SAME_SECTION)

    def _mailers(self, line: Line) -> Section:
        name = self._name(line, "missing name for mailers section.")
        self._ignored(line.words[0], line.words[2:])
        return self._only(self.configuration.mailers, Section(In.MAILERS, name, line.at), line, SAME_SECTION)

    def _only(self, known: dict[str, Section], section: Section, line: Line, message: str) -> Section:
        """The section, known by its name from now on. An alert where there is one of this name already."""
        kind, name = line.words[0].text, section.name
        first = known.setdefault(name, section)
        if first is not section and name:
            self.diagnostics.alert(
                message.format(kind=kind, name=name, first=f"{first.at.file}:{first.at.line}"),
                line.words[1].at,
                f"a name that no other {kind} section has",
            )
        return section

    def _crt_store(self, line: Line) -> Section:
        """The name may be missing, and one that was said before goes on."""
        words = line.words
        if len(words) > 2:
            self.diagnostics.alert(
                f"'{words[0].text}' section only supports a <name> argument.", words[2].at, "end of line"
            )
        return Section(In.CRT_STORE, words[1].text if len(words) > 1 else "", line.at)

    def _ignored(self, keyword: Word, words: Sequence[Word]) -> None:
        """What HAProxy overlooks without a word."""
        if words:
            self.diagnostics.warning(
                f"'{keyword.text}': argument '{words[0].text}' is ignored", words[0].at, "end of line"
            )

    def _proxy(self, kind: In, line: Line) -> Section:
        """defaults, frontend, backend, listen: [<name>] [from <defaults>]."""
        keyword, words = line.words[0], list(line.words[1:])
        name = ""
        if kind != In.DEFAULTS:
            name = self._name(line, f"'{keyword.text}' expects an <id> argument")
            words = words[1:]
        elif words and not (words[0].text == "from" and len(words) > 1):
            name = words.pop(0).text
        section = Section(kind, name, line.at)
        section.defaults = self._defaults(section, keyword, self._from(kind, keyword, words))
        if section.defaults is not None:
            try:
                self.inheritance.check(section, section.defaults, line.at)
            except ConfigError as error:
                self.diagnostics.add(error.finding)
        if kind == In.DEFAULTS:
            self.configuration.defaults.append(section)
        else:
            self._unique(section, line)
            self.configuration.proxies.append(section)
        return section

    def _from(self, kind: In, keyword: Word, words: list[Word]) -> Word | None:
        """The word behind `from`; complains about everything else."""
        index = next((index for index, word in enumerate(words) if word.text == "from"), len(words))
        extra = words[:index]
        if extra and kind & In.FRONT:
            text = extra[0].text
            self.diagnostics.alert(
                "please use the 'bind' keyword for listening addresses.",
                extra[0].at,
                "'from <defaults>' or the end of the line",
                f"write 'bind {text}' on a line of its own" if ":" in text else "",
            )
        else:
            self._ignored(keyword, extra)
        if index == len(words):
            return None
        if index + 1 == len(words):
            at = words[index].at
            self.diagnostics.alert(
                f"'{keyword.text}' expects the name of a defaults section behind 'from'",
                Position(at.file, at.line, at.column + at.length, 1, at.text),
                "a name",
            )
            return None
        self._nothing_more(keyword, words[index + 2 :])
        return words[index + 1]

    def _defaults(self, section: Section, keyword: Word, named: Word | None) -> Section | None:
        if named is not None:
            try:
                found = self._named(section, keyword, named)
            except ConfigError as error:
                self.diagnostics.add(error.finding)
                return None
            if section.kind != In.DEFAULTS:
                self.explicit.append(found)
                self._mixed(found, section, self.implicit)
            return found
        if section.kind == In.DEFAULTS or not self.configuration.defaults:
            return None
        last = self.configuration.defaults[-1]
        self.implicit.append(last)
        self._mixed(last, section, self.explicit)
        return last

    def _named(self, section: Section, keyword: Word, named: Word) -> Section:
        found = [one for one in self.configuration.defaults if one.name == named.text]
        if not found:
            names = ", ".join(f"'{one.name}'" for one in self.configuration.defaults if one.name)
            expected = f"one of {names}, declared before" if names else "a named defaults section before it"
            raise ConfigError(
                f"defaults section '{named.text}' not found for {keyword.text} '{section.name}'.", named.at, expected
            )
        if len(found) > 1:
            raise ConfigError(
                f"ambiguous defaults section name '{named.text}' referenced by {keyword.text} "
                f"'{section.name}' exists at least at {found[0].at} and {found[1].at}.",
                named.at,
            )
        wrong = FORBIDDEN.search(named.text)
        if wrong is not None:
            raise ConfigError(
                f"character '{wrong[0]}' is not permitted in defaults section name '{named.text}' when "
                f"designated by its name (section found at {found[0].at}).",
                named.at,
                "letters, digits, '-', '_', '.', ':'",
            )
        return found[0]

    def _mixed(self, defaults: Section, section: Section, others: list[Section]) -> None:
        """A warning if the same defaults are named by one proxy and taken without a name by another (manual 4)."""
        if any(one is defaults for one in others):
            name = f"'{defaults.name}' " if defaults.name else ""
            self.diagnostics.warning(
                f"defaults section {name}(declared at {defaults.at}) is explicitly referenced by "
                "one proxy and implicitly used by another.",
                section.at,
                hint="always name it with 'from', or put another defaults section last",
            )

    def _unique(self, section: Section, line: Line) -> None:
        """Names of proxies are unique (manual 4); a frontend and a backend of one name still work, with a warning."""
        if not section.name:
            return
        same = self.named.setdefault(section.name, [])
        others = list(same)
        same.append(section)
        for other in others:
            message = (
                f"{_kind(section)} '{section.name}' has the same name as {_kind(other)} '{other.name}' declared "
                f"at {other.at}."
            )
            if {section.kind, other.kind} == {In.FRONTEND, In.BACKEND}:
                self.diagnostics.warning(
                    message,
                    line.words[1].at,
                    hint="give one of them another name, or join them in one 'listen' section",
                )
                continue
            self.diagnostics.alert(message, line.words[1].at, "a name that no other proxy has")
            return


def _kind(section: Section) -> str:
    return {In.FRONTEND: "frontend", In.BACKEND: "backend"}.get(section.kind, "proxy")
