"""Where error pages come from: errorfile, errorfiles, errorloc*, http-error, the section http-errors (manual 4.2 and
12.4)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.keyword import Args, Parsed, keyword
from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.core.words import Word
from pointsman.rules.pages import CODES, page_from_file
from pointsman.rules.reply import MOVED, Reply
from pointsman.rules.reply_words import parse_answer
from pointsman.sample.format import Format
from pointsman.sample.types import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage(Setting):
    """The page for a status; None: back to what holds elsewhere (default-errorfiles)."""

    status: int
    page: Reply | None
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorImport(Setting):
    """Pages of an http-errors section; no codes: all of them."""

    name: Word
    codes: tuple[int, ...] = ()
    many: ClassVar[bool] = True


def error_pages(
    section: Section, configuration: Configuration | None = None, diagnostics: Diagnostics | None = None
) -> dict[int, Reply]:
    """The pages that a proxy or an http-errors section defines, later lines over earlier ones. Raises ConfigError for a
    section that does not exist; a status that it does not declare is worth a warning."""
    pages: dict[int, Reply] = {}
    for setting in section.all(Setting):
        if isinstance(setting, ErrorPage):
            if setting.page is None:
                pages.pop(setting.status, None)
            else:
                pages[setting.status] = setting.page
        elif isinstance(setting, ErrorImport) and configuration is not None:
            found = configuration.http_errors.get(setting.name.text)
            if found is None:
                raise ConfigError(
                    f"unable to find the http-errors section '{setting.name.text}'",
                    setting.name.at,
                    "the name of an http-errors section",
                )
            imported = error_pages(found)
            for status in setting.codes:
                if status not in imported and diagnostics is not None:
                    diagnostics.warning(
                        f"status '{status}' not declared in http-errors section '{setting.name.text}'", setting.at
                    )
            for status, page in imported.items():
                if not setting.codes or status in setting.codes:
                    pages[status] = page
    return pages


def _status(args: Args) -> int:
    word = args.word("<code>")
    if not (word.text.isascii() and word.text.isdigit()) or int(word.text) not in CODES:
        raise ConfigError(
            f"'{args.keyword}': status code '{word.text}' not handled",
            word.at,
            "one of " + ", ".join(str(code) for code in CODES),
        )
    return int(word.text)


@keyword("errorfile", In.ANY_PROXY | In.HTTP_ERRORS, "4.2")
def parse_errorfile(args: Args) -> ErrorPage:
    """errorfile <code> <file>: the file holds a whole HTTP response, or nothing for no answer at all."""
    status = _status(args)
    word = args.word("<file>")
    return ErrorPage(at=args.at, status=status, page=page_from_file(word.text, word.at, status))


@keyword("errorfiles", In.ANY_PROXY, "4.2")
def parse_errorfiles(args: Args) -> ErrorImport:
    """errorfiles <name> [<code> ...]: import the pages of an http-errors section."""
    name = args.word("<name>")
    codes = []
    while args.more():
        codes.append(_status(args))
    return ErrorImport(at=args.at, name=name, codes=tuple(codes))


def _location(status: int) -> Callable[[Args], Parsed]:
    def parse(args: Args) -> ErrorPage:
        """<code> <url>: answer an error with a redirection to a page."""
        code = _status(args)
        word = args.word("<url>")
        if not word.text:
            raise ConfigError(f"'{args.keyword}' expects <code> and <url>", word.at, "<url>")
        url = word.text.encode("utf-8", "surrogateescape")
        fields: list[tuple[bytes, bytes | Format]] = [
            (b"cache-control", b"no-cache"),
            (b"content-length", b""),
            (b"location", url),
        ]
        page = Reply(status, fields, b"", MOVED[status])
        page.logged = code
        return ErrorPage(at=args.at, status=code, page=page)

    return parse


keyword("errorloc", In.ANY_PROXY, "4.2")(_location(302))
keyword("errorloc302", In.ANY_PROXY, "4.2")(_location(302))
keyword("errorloc303", In.ANY_PROXY, "4.2")(_location(303))


@keyword("http-error", In.ANY_PROXY, "4.2")
def parse_http_error(args: Args) -> Parsed:
    """http-error status <code> [...]: the page for a status, described by the words of `return`."""
    answer = parse_answer(args, Where.HTTP_REQ | Where.HTTP_RES, 0)
    if not answer.status:
        raise ConfigError("'http-error': missing the status code", args.here, "status <code>")
    if answer.status not in CODES:
        raise ConfigError(
            f"'http-error': status code '{answer.status}' not handled",
            answer.at or args.at,
            "one of " + ", ".join(str(code) for code in CODES),
        )
    if answer.section is not None:
        return ErrorImport(at=args.at, name=answer.section, codes=(answer.status,))
    return ErrorPage(at=args.at, status=answer.status, page=answer.reply)
