"""`stats` lines of proxies: the statistics page (manual 4.2). Each of them also enables it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Position

DEFAULT_URI = b"/haproxy?stats"  # manual 4.2 "stats uri"
DEFAULT_REALM = b"HAProxy Statistics"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsText(Setting):
    """One word of the page: see statistics_page, which puts them together."""

    name: str
    text: str = ""

    def key(self) -> object:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsAccount(Setting):
    """`stats auth`: who may see the page."""

    user: bytes
    password: bytes
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsScope(Setting):
    """`stats scope`: a proxy that the page shows; "." is the one of the line."""

    proxy: str
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class StatisticsPage:
    """The page of one proxy."""

    uri: bytes  # prefix of the URIs that are the page's
    realm: bytes
    accounts: tuple[tuple[bytes, bytes], ...]  # user and password; empty: everybody
    scope: tuple[str, ...]  # names of the proxies to show; empty: all
    refresh: int  # seconds; 0: the page does not refresh itself
    hide_version: bool
    node: str | None  # None: not shown; "": the global one, or else the host's name
    description: str | None  # None: not shown; "": the global one
    legends: bool
    modules: bool


def _word_parser(name: str, needs: str) -> Callable[[Args], StatsText]:
    def parse(args: Args) -> StatsText:
        if not args.more():
            raise ConfigError(f"'{name}' needs {needs}.", args.here)
        text = args.take("<text>")
        args.overlook("put quotes around a text with spaces")
        return StatsText(name=name, text=text, at=args.at)

    return parse


keyword("stats uri", In.ANY_PROXY, "4.2")(_word_parser("uri", "an URI prefix"))
keyword("stats realm", In.ANY_PROXY, "4.2")(_word_parser("realm", "an realm name"))


def _flag_parser(name: str) -> Callable[[Args], StatsText]:
    def parse(args: Args) -> StatsText:
        args.overlook("put quotes around a text with spaces")
        return StatsText(name="version" if name.endswith("-version") else name, text=name, at=args.at)

    return parse


for _name in ("enable", "hide-version", "show-version", "show-legends", "show-modules"):
    keyword(f"stats {_name}", In.ANY_PROXY, "4.2")(_flag_parser(_name))


def _optional_parser(name: str) -> Callable[[Args], StatsText]:
    def parse(args: Args) -> StatsText:
        return StatsText(name=name, text=" ".join(word.text for word in args.rest()), at=args.at)

    return parse


keyword("stats show-node", In.ANY_PROXY, "4.2")(_optional_parser("show-node"))
keyword("stats show-desc", In.ANY_PROXY, "4.2")(_optional_parser("show-desc"))


@keyword("stats refresh", In.ANY_PROXY, "4.2")
def refresh(args: Args) -> StatsText:
    """stats refresh <delay>: how often a browser asks again; in seconds by default."""
    seconds = -(-args.time("<delay>", "s") // 1000)
    args.overlook("put quotes around a text with spaces")
    return StatsText(name="refresh", text=str(seconds), at=args.at)


@keyword("stats auth", In.ANY_PROXY, "4.2")
def auth(args: Args) -> StatsAccount:
    """stats auth <user>:<password>: may be repeated. Without a colon, or with nothing behind it: an empty password."""
    if not args.more():
        raise ConfigError("'auth' needs a user:password account.", args.here, "<user>:<passwd>")
    word = args.word("<user>:<passwd>")
    user, _, password = word.text.encode("utf-8", "surrogateescape").partition(b":")
    if not password:
        args.diagnostics.notice(
            f"'{args.keyword}': the password of '{word.text.rstrip(':')}' is empty", word.at, "<user>:<passwd>"
        )
    args.overlook("put quotes around a text with spaces")
    return StatsAccount(user=user, password=password, at=args.at)


@keyword("stats scope", In.ANY_PROXY, "4.2")
def scope(args: Args) -> StatsScope:
    """stats scope <name>|.: may be repeated."""
    if not args.more():
        raise ConfigError("'scope' needs a proxy name.", args.here, "<name> or .")
    proxy = args.take("<name>")
    args.overlook("put quotes around a text with spaces")
    return StatsScope(proxy=proxy, at=args.at)


def statistics_page(section: Section, enabled: bool = False) -> StatisticsPage | None:
    """The statistics page of a proxy; None: it has none. `enabled`: by a line that is not of these (rules/stats.py)."""
    said = {setting.name: setting.text for setting in section.keyed(StatsText)}
    accounts = tuple((one.user, one.password) for one in section.all(StatsAccount))
    scopes = tuple(section.name if one.proxy == "." else one.proxy for one in section.all(StatsScope))
    if not said and not accounts and not scopes and not enabled:
        return None
    return StatisticsPage(
        uri=said.get("uri", "").encode("utf-8", "surrogateescape") or DEFAULT_URI,
        realm=said.get("realm", "").encode("utf-8", "surrogateescape") or DEFAULT_REALM,
        accounts=accounts,
        scope=scopes,
        refresh=int(said.get("refresh", "0")),
        hide_version=said.get("version") != "show-version",  # hidden by default since 3.3
        node=said.get("show-node"),
        description=said.get("show-desc"),
        legends="show-legends" in said,
        modules="show-modules" in said,
    )


def page_position(section: Section) -> Position:
    """Where the page is configured, for messages."""
    for setting in section.keyed(StatsText):
        return setting.at
    return section.at
