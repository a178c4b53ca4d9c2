"""`python-load <file> [<args>]` in the global section: Pointsman's own (docs/python.md).

The file is imported at once, in a namespace of its own; what its decorators have noted becomes fetches, converters,
actions and services by the names python.NAME, for this configuration alone. A file that fails to load is an error of
its line, with the place in the file and the last lines of the traceback.

This module alone is imported where no file is loaded: the others come with the first line.
"""

import os
import re
import stat
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Position

if TYPE_CHECKING:
    from pointsman.extension.declare import Declared

NAMESPACE: Final = "pointsman_rules"  # the package of all files
_LAST: Final = 6  # lines of a traceback that are shown
_LARGEST: Final = 4 << 20  # bytes of a file
_NO_LETTER: Final = re.compile(r"\W", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonFile(Setting):
    """A file that was loaded. `functions`: what it declares."""

    path: str
    functions: "Sequence[Declared]"
    many: ClassVar[bool] = True


@keyword("python-load", In.GLOBAL, "docs/python.md")
def parse_python_load(args: Args) -> PythonFile:
    """python-load <file> [<args>...]: import a Python file whose functions rules may use as python.NAME."""
    word = args.word("<file>")
    path = os.path.abspath(word.text)
    words = [one.text for one in args.rest()]
    for one in args.section.all(PythonFile):
        if one.path == path:
            raise ConfigError(f"'python-load': '{word.text}' is loaded already, in line {one.at.line}", word.at)
    source = _read(path, word.text, word.at)
    if os.stat(path).st_mode & stat.S_IWOTH:
        args.diagnostics.warning(
            f"'python-load': '{word.text}' can be written by every user of this system, and so can what runs here.",
            word.at,
            hint=f"chmod o-w {word.text}",
        )
    functions = _import(path, source, words, word.text, word.at)
    _register(functions, args.section, word.at)
    if not functions:
        args.diagnostics.warning(
            f"'python-load': '{word.text}' declares nothing.", word.at, "functions with @pointsman.fetch and its kin"
        )
    return PythonFile(at=args.at, path=path, functions=tuple(functions))


def functions_of(main: Section) -> "list[Declared]":
    """All that the files of the global section declare."""
    return [one for file in main.all(PythonFile) for one in file.functions]


def _read(path: str, said: str, at: Position) -> bytes:
    try:
        with open(path, "rb") as file:
            source = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(
            f"'python-load': cannot open '{said}': {error.strerror}",
            at,
            "a file; a relative name is one from default-path, or from where the program is started",
        ) from None
    if len(source) > _LARGEST:
        raise ConfigError(f"'python-load': '{said}' is larger than {_LARGEST} bytes", at)
    return source


def _import(path: str, source: bytes, words: list[str], said: str, at: Position) -> "list[Declared]":
    """Run it as a module; what it has declared. Raises ConfigError."""
    from pointsman.extension.declare import NOTED, WrongDeclaration  # noqa: PLC0415  (only where a file is loaded)
    from pointsman.extension.reports import make_logger  # noqa: PLC0415

    make_logger()
    module = _module(path)
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.append(folder)  # so that it may import what lies beside it
    NOTED.found, NOTED.arguments = [], words
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except WrongDeclaration as error:
        raise ConfigError(
            f"'python-load': {os.path.basename(error.file)}:{error.line}: {error}",
            at,
            hint=_line(error.file, error.line),
        ) from None
    except SyntaxError as error:
        shown = (error.text or "").strip()
        raise ConfigError(
            f"'python-load': {os.path.basename(error.filename or path)}:{error.lineno}: {error.msg}", at, hint=shown
        ) from None
    except BaseException as error:
        raise ConfigError(
            f"'python-load': {_place(error, path)}: {_what(error)}", at, hint=_last_lines(error)
        ) from None
    finally:
        found, NOTED.found, NOTED.arguments = NOTED.found or [], None, []
    return found


def _module(path: str) -> ModuleType:
    """A new module in the namespace. One of the same name, of an earlier load or another folder, gives way."""
    package = sys.modules.get(NAMESPACE)
    if package is None:
        package = sys.modules[NAMESPACE] = ModuleType(NAMESPACE, "Files that python-load has loaded.")
        package.__path__ = []
    name = _NO_LETTER.sub("_", os.path.basename(path).removesuffix(".py"))
    module = ModuleType(f"{NAMESPACE}.{name}")
    module.__file__ = path
    module.__package__ = NAMESPACE
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    return module


def _what(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it ends the process ({error!r})"
    from pointsman.extension.reports import text_of  # noqa: PLC0415

    said = text_of(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _place(error: BaseException, path: str) -> str:
    """The innermost line of the file itself."""
    lines = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == path]
    return f"{os.path.basename(path)}:{lines[-1]}" if lines else os.path.basename(path)


def _last_lines(error: BaseException) -> str:
    """Of the traceback, without our own frame in front."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename != __file__]
    lines = "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]).splitlines()
    return "\n    ".join(lines[-_LAST:]).strip()


def _line(file: str, number: int) -> str:
    import linecache  # noqa: PLC0415  (only for an error)

    linecache.checkcache(file)
    return linecache.getline(file, number).strip()


def _register(functions: "Sequence[Declared]", main: Section, at: Position) -> None:
    """Make them known by their names. Raises ConfigError where one is taken."""
    from pointsman.extension.entries import register  # noqa: PLC0415  (only where a file is loaded)

    known = {(one.sort, one.name): one for one in functions_of(main)}
    for one in functions:
        other = known.setdefault((one.sort, one.name), one)
        if other is not one:
            raise ConfigError(
                f"'python-load': {os.path.basename(one.file)}:{one.line}: there is a {one.sort} python.{one.name} "
                f"already, at {os.path.basename(other.file)}:{other.line}",
                at,
                f"another name, as in @pointsman.{one.sort}('{one.name}2')",
            )
        try:
            register(one)
        except ValueError as error:
            raise ConfigError(f"'python-load': {os.path.basename(one.file)}:{one.line}: {error}", at) from None
