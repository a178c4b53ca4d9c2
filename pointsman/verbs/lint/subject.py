"""What rules look at: files, lines with their words, the configuration as parsed and assembled, and common questions.

    files -> load -> Configuration, lines -> assemble -> Live -> Subject

No socket is opened and no name is looked up. Questions that several rules ask are answered once (cached_property).
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar, cast

import pointsman.keywords  # noqa: F401  # fills the registries
from pointsman.assemble import assembled
from pointsman.assemble.live import Live
from pointsman.assemble.more_errors import find_more
from pointsman.config.acls import AclLine
from pointsman.config.command_line import CommandLine
from pointsman.config.lanes import is_capped
from pointsman.config.load import find_files, load
from pointsman.config.proxy import Disabled, Mode
from pointsman.config.setting import SECTIONS, Configuration, In, Section, Setting
from pointsman.core.address import NAMES
from pointsman.core.diagnostics import Diagnostics, Position, Severity
from pointsman.core.words import Line, Word
from pointsman.sample.acl import Acl
from pointsman.sample.condition import Condition
from pointsman.sample.expression import Expression
from pointsman.verbs.lint.text import Text

S = TypeVar("S", bound=Setting)


@dataclass(frozen=True, slots=True)
class Guard:
    """When a line counts: its condition, None for always; `negated`: it stands behind `unless`."""

    setting: Setting
    condition: Condition | None
    negated: bool


class Subject:
    """One run over a set of files."""

    def __init__(
        self,
        texts: dict[str, Text],
        configuration: Configuration,
        lines: list[tuple[Section, Line]],
        live: Live | None,
        diagnostics: Diagnostics,
    ) -> None:
        self.texts = texts
        self.configuration = configuration
        self.lines = lines
        self.live = live
        self.diagnostics = diagnostics
        self.failed = diagnostics.failed

    # Lines and words.

    @cached_property
    def by_place(self) -> dict[tuple[str, int], tuple[Section, Line]]:
        """Lines that count, by file and number."""
        return {self._place(line): (section, line) for section, line in self.lines}

    @cached_property
    def by_section(self) -> dict[int, list[Line]]:
        """Lines of sections, by their id(), the first one included."""
        found: dict[int, list[Line]] = {}
        for section, line in self.lines:
            found.setdefault(id(section), []).append(line)
        return found

    @staticmethod
    def _place(line: Line) -> tuple[str, int]:
        return line.words[0].source

    def lines_of(self, section: Section) -> list[Line]:
        """The lines of a section itself, the first one included."""
        return self.by_section.get(id(section), [])

    def words(self, at: Position) -> Sequence[Word]:
        """The words of the line of a setting."""
        found = self.by_place.get((at.file, at.line))
        return () if found is None else found[1].words

    def word(self, at: Position, text: str, start: int = 0) -> Position:
        """The place of a word in the line of a setting, from the word of that number on; the setting's where it is not
        there."""
        for word in self.words(at)[start:]:
            if word.text == text:
                return word.at
        return at

    def words_at(self, at: Position, count: int) -> Position:
        """The place of the first words of a setting's line."""
        words = self.words(at)[:count]
        if not words:
            return at
        first, last = words[0].at, words[-1].at
        return Position(first.file, first.line, first.column, last.column + last.length - first.column, first.text)

    def title_at(self, section: Section) -> Position:
        """The first line of a section."""
        return section.at

    # Names.

    @cached_property
    def words_that_failed(self) -> frozenset[str]:
        """All words of lines that could not be read, and of those that blocks leave out: what they would use is not
        known."""
        words: set[str] = set(self.configuration.failed)
        for finding in self.diagnostics.findings:
            if finding.severity == Severity.ALERT:
                words.update(finding.position.text.split())
        return frozenset(words)

    @cached_property
    def left_out(self) -> str:
        """The text of lines that do not count now, because of .if and its kin: another run may count them."""
        parts: list[str] = []
        for name, text in self.texts.items():
            if ".if" in "".join(line.lstrip()[:3] for line in text.lines):
                for number, line in enumerate(text.lines, 1):
                    if line.strip() and not line.lstrip().startswith("#") and (name, number) not in self.by_place:
                        parts.append(line)
        return "\n".join(parts)

    @cached_property
    def asks_elsewhere(self) -> bool:
        """Backends and servers may be named in files that are not read here, or their names may be computed."""
        for _, line in self.lines:
            first = line.words[0].text
            if first == "filter" or first.startswith(("lua-load", "python-load")):
                return True
            if first == "use_backend" and "%" in "".join(word.text for word in line.words[1:2]):
                return True
        return False

    def may_be_used(self, name: str) -> bool:
        """A line that does not count, or could not be read, has that word."""
        return name in self.words_that_failed or name in self.left_out

    # Proxies.

    @cached_property
    def proxies(self) -> list[Section]:
        """Those that are not disabled."""
        return [one for one in self.configuration.proxies if not self._disabled(one)]

    @property
    def fronts(self) -> list[Section]:
        """Frontends and listens."""
        return [one for one in self.proxies if one.kind & In.FRONT]

    @property
    def backs(self) -> list[Section]:
        """Backends and listens."""
        return [one for one in self.proxies if one.kind & In.BACK]

    @staticmethod
    def _disabled(section: Section) -> bool:
        found = section.one(Disabled)
        return found is not None and found.on

    @cached_property
    def _modes(self) -> dict[str, bool]:
        """By kind and name."""
        modes: dict[str, bool] = {}
        if self.live is not None:
            modes.update({f"b {one.name.decode('utf-8', 'replace')}": one.http for one in self.live.backends})
            modes.update({f"f {one.name.decode('utf-8', 'replace')}": one.http for one in self.live.frontends})
        return modes

    def is_http(self, section: Section) -> bool:
        """Whether a proxy speaks HTTP."""
        said = section.one(Mode)
        known = self._modes.get(f"{'f' if section.kind & In.FRONT else 'b'} {section.name}")
        return known if known is not None else said is not None and said.mode == "http"

    def own(self, section: Section, kind: type[S]) -> list[S]:
        """The settings of a type in the section itself, not those that it inherits."""
        return [one for one in section.settings if isinstance(one, kind)]

    # Conditions and expressions.

    @cached_property
    def sections(self) -> list[Section]:
        """Global, defaults, and proxies, disabled ones included."""
        configuration = self.configuration
        return [configuration.main, *configuration.defaults, *configuration.proxies]

    def guards(self, section: Section) -> Iterator[Guard]:
        """Each line of a section itself that stands behind `if` or `unless`."""
        for setting in section.settings:
            held = getattr(setting, "rule", setting)
            condition = getattr(held, "condition", None)
            if isinstance(condition, Condition):
                yield Guard(setting, condition, bool(getattr(held, "negated", False)))

    def acl_lines(self, section: Section) -> list[AclLine]:
        """The ACLs that a section itself declares."""
        return self.own(section, AclLine)

    def acls(self, section: Section) -> Iterator[Acl]:
        """All lines of ACLs of a section itself: those that are declared, and those between braces."""
        for line in self.acl_lines(section):
            if line.acl is not None:
                yield line.acl
        for guard in self.guards(section):
            for terms in guard.condition.alternatives if guard.condition is not None else ():
                for term in terms:
                    if not term.name:
                        yield from term.acls

    @cached_property
    def every_acl(self) -> list[tuple[Section, Acl]]:
        """Those of all sections."""
        return [(section, acl) for section in self.sections for acl in self.acls(section)]

    def expressions(self, section: Section) -> Iterator[Expression]:
        """Those of ACLs, conditions and actions of a section itself."""
        for acl in self.acls(section):
            yield acl.expression
        for setting in section.settings:
            action = getattr(getattr(setting, "rule", setting), "action", None)
            yield from cast(Sequence[Expression], getattr(action, "expressions", ()))

    @cached_property
    def heirs(self) -> dict[int, list[Section]]:
        """By the id() of a defaults section: the proxies, and defaults sections, that inherit from it."""
        found: dict[int, list[Section]] = {}
        for section in (*self.configuration.defaults, *self.configuration.proxies):
            above = section.defaults
            while above is not None:
                found.setdefault(id(above), []).append(section)
                above = above.defaults
        return found

    def asked_acls(self, section: Section) -> set[str]:
        """The named ACLs that conditions of a section, and the fetch `acl`, ask for."""
        known = self._asked.get(id(section))
        if known is None:
            known = self._asked[id(section)] = set()
            for guard in self.guards(section):
                for terms in guard.condition.alternatives if guard.condition is not None else ():
                    known.update(term.name for term in terms if term.name)
            for line in self.lines_of(section):
                known.update(_behind_if(line))
                for word in line.words:
                    if "acl(" in word.text:
                        for listed in ACL_CALL.findall(word.text):
                            known.update(name.strip().lstrip("!") for name in listed.split(","))
        return known

    @cached_property
    def _asked(self) -> dict[int, set[str]]:
        return {}

    @cached_property
    def named(self) -> frozenset[str]:
        """All words behind the first one of lines that are no section's first, and what stands in parentheses: whoever
        is not among them is named by nobody."""
        found: set[str] = set()
        for _, line in self.lines:
            first, *others = line.words
            if first.text in SECTIONS:
                found.update(_from(others))
                continue
            for word in others:
                text = word.text
                found.add(text)
                if "(" in text:
                    for listed in ARGUMENTS.findall(text):
                        found.update(name.strip() for name in listed.split(","))
                if "/" in text:
                    found.add(text.partition("/")[0])
                if "@" in text:
                    found.add(text.partition("@")[2])
        return frozenset(found)


def _behind_if(line: Line) -> list[str]:
    """All that may be the name of an ACL in a condition, whatever the line is."""
    texts = [word.text for word in line.words]
    start = next((number for number, text in enumerate(texts) if text in ("if", "unless")), len(texts))
    return [text.lstrip("!") for text in texts[start + 1 :]]


def _from(words: Sequence[Word]) -> list[str]:
    """What a section's first line takes over: behind `from`."""
    texts = [word.text for word in words]
    return texts[texts.index("from") + 1 :] if "from" in texts else []


STDIN: Final = "-"
ACL_CALL: Final = re.compile(r"\bacl\(([^()]*)\)")
ARGUMENTS: Final = re.compile(r"\(([^()]*)\)")


def read(paths: Sequence[str], diagnostics: Diagnostics, stdin: bytes | None = None) -> dict[str, Text]:
    """The files that -f names, folders included. What cannot be read is left to the load, which says so."""
    texts: dict[str, Text] = {}
    for name in find_files(paths, diagnostics):
        try:
            if name == STDIN and stdin is not None:
                content = stdin
            else:
                with open(name, "rb") as stream:
                    content = stream.read()
        except OSError:
            continue
        texts[name] = Text(name, content)
    return texts


def examine(
    paths: Sequence[str],
    texts: Mapping[str, Text],
    *,
    directory: str = "",
    variables: Mapping[str, str] | None = None,
    resolves: bool = False,
) -> Subject:
    """Load and assemble the files; `texts` are what they contain, read or changed. The working directory stays."""
    diagnostics = Diagnostics()
    lines: list[tuple[Section, Line]] = []
    home = os.getcwd()
    NAMES.asked = resolves
    try:
        configuration = load(
            paths,
            diagnostics,
            variables=dict(os.environ if variables is None else variables),
            directory=directory,
            command_line=CommandLine(ignore_resolution=not resolves),
            texts={name: text.content for name, text in texts.items()},
            lines=lines,
        )
        live: Live | None = None
        if diagnostics.failed:
            find_more(configuration, diagnostics)
        else:
            if is_capped(configuration.main):
                diagnostics.warning("'nbthread' is reduced to what 'thread-hard-limit' permits.")
            live = assembled(configuration, diagnostics, resolves)
    finally:
        NAMES.asked = True
        os.chdir(home)
    return Subject(dict(texts), configuration, lines, live, diagnostics)
