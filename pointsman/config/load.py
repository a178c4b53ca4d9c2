"""Configuration files to a Configuration: the files, their lines, their sections (manual 2, management manual 3).

A line goes lexer -> conditional blocks -> sections -> keywords. An error is recorded and reading goes on, so that all
errors of all files are found in one run: ask `diagnostics.failed` before you use the result.

The registries must be full before a load: import pointsman.keywords first.
"""

import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Final

from pointsman.config import default_path, environment
from pointsman.config.command_line import CommandLine
from pointsman.config.conditionals import Conditionals
from pointsman.config.default_path import reading
from pointsman.config.dispatch import UnknownSection, parse_line, unknown_keyword
from pointsman.config.features import RuntimeOptions
from pointsman.config.lexer import Reader
from pointsman.config.predicates import PredicateInput
from pointsman.config.rule_order import RuleOrder
from pointsman.config.sections import Opener, is_section
from pointsman.config.setting import SECTIONS, Configuration, In, Section
from pointsman.core.diagnostics import NOWHERE, ConfigError, Diagnostics, Severity, UnknownName, unforeseen
from pointsman.core.registry import forget_loaded
from pointsman.core.words import Line
from pointsman.sample.converter.token_keys import CERTIFICATES
from pointsman.tables.patterns import LISTS
from pointsman.tables.stick_tables import TABLES


def find_files(paths: Sequence[str], diagnostics: Diagnostics) -> list[str]:
    """The files that -f and -- name, in order; of a folder its visible *.cfg files, sorted by bytes."""
    files: list[str] = []
    for path in paths:
        if not os.path.isdir(path):
            files.append(path)
            continue
        try:
            names = sorted(os.listdir(path), key=os.fsencode)
        except OSError as error:
            diagnostics.alert(f"Cannot open configuration file/directory {path} : {error.strerror}")
            continue
        found = [os.path.join(path, name) for name in names if name.endswith(".cfg") and not name.startswith(".")]
        found = [name for name in found if os.path.isfile(name)]
        if not found:
            diagnostics.alert(f"no configuration file in {path}", expected="files whose names end in .cfg")
        files += found
    return files


def load(
    paths: Sequence[str],
    diagnostics: Diagnostics,
    *,
    variables: MutableMapping[str, str] | None = None,
    runtime: RuntimeOptions | None = None,
    local_peer: str = "",
    directory: str = "",
    command_line: CommandLine | None = None,
    texts: Mapping[str, bytes] | None = None,
    lines: list[tuple[Section, Line]] | None = None,
    prepare: "Prepare | None" = None,
) -> Configuration:
    """Read the files and folders in `paths`. Mistakes are recorded in `diagnostics`, none is raised.

    `variables` is the environment that the files see and change, by default the process's own. `directory` is entered
    first, as -C asks; `local_peer` is that of -L. `command_line` becomes a setting of the global section. `texts`: what
    files contain, by their names, for those that are not to be read. `lines` gets each line that counts, with its
    section. `prepare` may change a section's lines before they are parsed.
    """
    configuration = Configuration(Section(In.GLOBAL, "", NOWHERE))
    forget_loaded()
    LISTS.reset()
    CERTIFICATES.reset()
    TABLES.reset()
    if command_line is not None:
        configuration.main.put(command_line)
    if variables is not None:
        configuration.environment = variables
    if directory:
        try:
            os.chdir(directory)
        except OSError as error:
            diagnostics.alert(f"Could not change to directory {directory} : {error.strerror}")
            return configuration
    loader = _Loader(configuration, diagnostics, runtime or RuntimeOptions(), lines)
    loader.prepare = prepare
    environment.set_before_load(configuration.environment, local_peer)
    files = find_files(paths, diagnostics)
    for file in files:
        try:
            content = _content(file, texts)
        except OSError as error:
            diagnostics.alert(f"Cannot open configuration file/directory {file} : {error.strerror}")
            continue
        except MemoryError as error:
            diagnostics.add(unforeseen(error, f"while reading the file {file}"))
            continue
        try:
            with default_path.reading(configuration, file):
                loader.read(file, content)
        except ConfigError as error:
            diagnostics.add(error.finding)
    environment.set_after_load(configuration.environment, files)
    return configuration


def _content(file: str, texts: Mapping[str, bytes] | None) -> bytes:
    if texts is not None and file in texts:
        return texts[file]
    with open(file, "rb") as stream:
        return stream.read()


def load_text(
    text: str, diagnostics: Diagnostics, *, file: str = "haproxy.cfg", variables: MutableMapping[str, str] | None = None
) -> Configuration:
    """Read one configuration from a string, with an environment of its own."""
    configuration = Configuration(Section(In.GLOBAL, "", NOWHERE))
    forget_loaded()
    LISTS.reset()
    CERTIFICATES.reset()
    TABLES.reset()
    configuration.environment = {} if variables is None else variables
    environment.set_before_load(configuration.environment)
    _Loader(configuration, diagnostics, RuntimeOptions()).read(file, text.encode("utf-8", "surrogateescape"))
    environment.set_after_load(configuration.environment, [file])
    return configuration


def _has_empty_words(line: Line, diagnostics: Diagnostics) -> bool:
    """An empty word is an error (manual 2.3): what an unset variable leaves could silently switch a rule off.

    Directives (.if and its kin) and lines of blocks that are left out may have some.
    """
    if line.words[0].plain:
        return False
    for number, word in enumerate(line.words):
        if not word.text:
            diagnostics.alert(
                f"argument number {number} at position {word.at.column} is empty and marks the end of the argument "
                "list",
                word.at,
                "a word that is not empty",
                '"${NAME[*]}" is no word at all where the variable is unset or empty, and "${NAME-default}" has a '
                "default for one that is unset (manual 2.3)",
            )
            return True
    return False


# What becomes of a line of a section: it, another one, or None: it is left out.
Prepare = Callable[[Line, Section, Configuration], Line | None]

USERS: Final = ("use_backend", "default_backend", "use-server")  # lines that only use names


class _Loader:
    """Reads one file after the other into one Configuration."""

    def __init__(
        self,
        configuration: Configuration,
        diagnostics: Diagnostics,
        runtime: RuntimeOptions,
        lines: list[tuple[Section, Line]] | None = None,
    ) -> None:
        self.lines = lines
        self.configuration = configuration
        self.diagnostics = diagnostics
        self.runtime = runtime
        self.opener = Opener(configuration, diagnostics)
        configuration.may_inherit = self.opener.inheritance.check
        self.order = RuleOrder()
        self.section: Section | None = None
        self.prepare: Prepare | None = None
        self.skipping = False  # in a section whose kind is not known: its lines would be errors without use

    def read(self, file: str, content: bytes) -> None:
        """One file. It begins outside of any section."""
        try:
            with reading(self.configuration, file):
                self._read(file, content)
        except ConfigError as error:
            self.diagnostics.add(error.finding)

    def _read(self, file: str, content: bytes) -> None:
        variables = self.configuration.environment
        reader = Reader(file, content, variables, self.diagnostics)
        reader.failed = self.configuration.failed
        conditionals = Conditionals(PredicateInput(variables, self.runtime), self.diagnostics)
        self.section, self.skipping = None, False
        for line in reader:
            try:
                if conditionals.take(line):
                    self._take(line, reader)
            except Exception as error:
                self.diagnostics.add(unforeseen(error, "while reading this line", line.at))
                self._note_failure(line)
        conditionals.end()

    def _take(self, line: Line, reader: Reader) -> None:
        """A line that counts: the first one of a section, or one of its others."""
        if _has_empty_words(line, self.diagnostics):
            self._note_failure(line)
            if is_section(line.words[0].text):
                self._unnamed(line)
        elif is_section(line.words[0].text):
            self.order.begin()
            before = len(self.diagnostics.findings)
            self.section = self.opener.open(line)
            self.skipping = self.section is None
            if self.skipping or any(one.severity == Severity.ALERT for one in self.diagnostics.findings[before:]):
                self._note_failure(line)
            if self.lines is not None and self.section is not None:
                self.lines.append((self.section, line))
            reader.section = self._name(line)
        else:
            self._line(line)

    def _unnamed(self, line: Line) -> None:
        """A section whose first line cannot be used: its other lines are read for their mistakes alone."""
        kind = SECTIONS.get(line.words[0].text)
        self.section = Section(kind, "", line.at) if kind is not None else None
        self.skipping = kind is None

    def _note_failure(self, line: Line) -> None:
        """What it may have declared is not missed a second time where it is used."""
        if line.words[0].text in USERS:
            return
        self.configuration.failed.update(word.text for word in line.words[:3])

    def _name(self, line: Line) -> str:
        """What $.SECTION shows: the section's name, else its kind."""
        if self.section is not None:
            return self.section.name or line.words[0].text
        return line.words[min(len(line.words) - 1, 1)].text

    def _line(self, line: Line) -> None:
        if self.skipping:
            return
        if self.lines is not None and self.section is not None:
            self.lines.append((self.section, line))
        try:
            if self.section is None:
                raise unknown_keyword(line.words[0], None)
            if self.prepare is not None:
                prepared = self.prepare(line, self.section, self.configuration)
                if prepared is None:
                    return
                line = prepared
            parse_line(line, self.section, self.configuration, self.diagnostics)
            self.order.note(line, self.diagnostics)
            if self.section.kind == In.DEFAULTS:
                self.opener.inheritance.note(self.section, line)
        except ConfigError as error:
            if isinstance(error, UnknownName) and error.name in self.configuration.failed:
                return  # the line that declares it is wrong, which was said
            self.diagnostics.add(error.finding)
            self._note_failure(line)
            if isinstance(error, UnknownSection):
                self.section, self.skipping = None, True
