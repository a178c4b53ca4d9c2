"""The frozen model: what a configuration says, section by section, each thing with its place.

A keyword's parser returns a `Setting`: a frozen dataclass of its own that says what was asked. A `Section` keeps them;
who builds live objects (assemble.py) asks a section for a type:

    section.one(Balance)       the last one said here, else that of its defaults, else None
    section.all(Bind)          all of them in order, those of its defaults first (where they are inherited)

How settings add up is said by the class:

    key()          two settings with the same key are one: the later wins (timeouts: their name)
    many           True: they add up instead (bind, server, acl, rules, log)
    from_defaults  False: not inherited (what a defaults section may not contain needs no care)
    @sets          which attribute of live proxies has the value that live() gives; assemble copies it
"""

import os
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import ClassVar, TypeVar, cast

from pointsman.core.diagnostics import NOWHERE, Position


class In(IntFlag):
    """The sections a keyword may stand in (manual 4.1)."""

    GLOBAL = 1
    DEFAULTS = 2
    FRONTEND = 4
    LISTEN = 8
    BACKEND = 16
    USERLIST = 32
    HTTP_ERRORS = 64
    CRT_STORE = 128
    PEERS = 256
    RESOLVERS = 512
    HEALTHCHECK = 1024
    MAILERS = 2048

    FRONT = FRONTEND | LISTEN
    BACK = BACKEND | LISTEN
    PROXY = FRONTEND | LISTEN | BACKEND
    ANY_PROXY = DEFAULTS | PROXY


SECTIONS: dict[str, In] = {
    "global": In.GLOBAL,
    "defaults": In.DEFAULTS,
    "frontend": In.FRONTEND,
    "listen": In.LISTEN,
    "backend": In.BACKEND,
    "userlist": In.USERLIST,
    "http-errors": In.HTTP_ERRORS,
    "crt-store": In.CRT_STORE,
    "peers": In.PEERS,
    "resolvers": In.RESOLVERS,
    "healthcheck": In.HEALTHCHECK,
    "mailers": In.MAILERS,
}


TITLES: dict[In, str] = {In.DEFAULTS: "defaults", In.FRONTEND: "frontend", In.BACKEND: "backend"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Base of what keyword parsers return."""

    at: Position = NOWHERE
    many: ClassVar[bool] = False
    from_defaults: ClassVar[bool] = True

    def key(self) -> object:
        return type(self)

    def live(self) -> object:
        """What the attribute holds that @sets names."""
        return self


S = TypeVar("S", bound=Setting)


@dataclass(frozen=True, slots=True)
class Sets:
    """The attributes of live frontends and backends (stream/proxies.py) that a type of setting decides; "": none."""

    front: str
    back: str


SETS: dict[type[Setting], Sets] = {}


def sets(*, front: str = "", back: str = "") -> Callable[[type[S]], type[S]]:
    """Declare which attributes settings of this type decide. They keep their first values where nothing is said."""

    def record(kind: type[S]) -> type[S]:
        SETS[kind] = Sets(front, back)
        return kind

    return record


@dataclass(slots=True)
class Section:
    """One section. Written while it is parsed, only read from then on."""

    kind: In
    name: str
    at: Position
    defaults: "Section | None" = None  # the defaults section that applies (named by `from`, or the last anonymous one)
    settings: list[Setting] = field(default_factory=list)
    latest: dict[object, Setting] = field(default_factory=dict)
    typed: dict[type[Setting], list[Setting]] = field(default_factory=dict)  # the same settings, by their types
    tables: dict[type[object], object] = field(default_factory=dict)  # see acls_of
    places: dict[str | int, int] = field(default_factory=dict)  # of servers, by name and by id: see server_line
    placed: int = 0  # servers that `places` knows

    @property
    def title(self) -> str:
        """As messages of HAProxy name it: "frontend 'www'"; a listen section is a "proxy"."""
        return f"{TITLES.get(self.kind, 'proxy')} '{self.name}'"

    def put(self, setting: Setting) -> None:
        self.settings.append(setting)
        kind = type(setting)
        same = self.typed.get(kind)
        if same is None:
            self.typed[kind] = [setting]
        else:
            same.append(setting)
        if not setting.many:
            self.latest[(kind, setting.key())] = setting

    def forget(self, kind: type[Setting]) -> None:
        """What `no log` does: drop what was said so far, and what is inherited."""
        self.settings = [one for one in self.settings if not isinstance(one, kind)]
        self.typed = {}
        for one in self.settings:
            self.typed.setdefault(type(one), []).append(one)
        self.put(Forgotten(what=kind))

    def one(self, kind: type[S], key: object = None) -> S | None:
        """The setting of that type (and key, where the type has keys) that holds here."""
        wanted = (kind, kind if key is None else key)
        found = self.latest.get(wanted)
        section = self.defaults if kind.from_defaults else None
        while found is None and section is not None:
            found = section.latest.get(wanted)
            section = section.defaults
        assert found is None or isinstance(found, kind)
        return found

    def all(self, kind: type[S]) -> list[S]:
        """All settings of that type in their order, inherited ones first."""
        found = self._own(kind)
        section = self
        while kind.from_defaults and section.defaults is not None and not section._forgets(kind):
            section = section.defaults  # a chain of them may be long
            inherited = section._own(kind)
            if inherited:
                found = inherited + found
        return found

    def _own(self, kind: type[S]) -> list[S]:
        """The settings of that type in the section itself, without those of its defaults."""
        if kind.__subclasses__():
            return [one for one in self.settings if isinstance(one, kind)]
        return cast(list[S], list(self.typed.get(kind, ())))  # put() keeps them by their type

    def keyed(self, kind: type[S]) -> Iterator[S]:
        """Each setting of a type with keys that holds here, once."""
        seen: set[object] = set()
        section: Section | None = self
        while section is not None:
            for one in section.latest.values():
                if isinstance(one, kind) and one.key() not in seen:
                    seen.add(one.key())
                    yield one
            section = section.defaults

    def _forgets(self, kind: type[Setting]) -> bool:
        return any(isinstance(one, Forgotten) and one.what is kind for one in self.typed.get(Forgotten, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten(Setting):
    """Inherited settings of a type do not count here."""

    what: type[Setting]
    many: ClassVar[bool] = True
    from_defaults: ClassVar[bool] = False


@dataclass(slots=True)
class Configuration:
    """All sections of all files. The global sections add up to one."""

    main: Section  # global
    defaults: list[Section] = field(default_factory=list)
    proxies: list[Section] = field(default_factory=list)
    userlists: dict[str, Section] = field(default_factory=dict)
    http_errors: dict[str, Section] = field(default_factory=dict)
    peers: dict[str, Section] = field(default_factory=dict)
    resolvers: dict[str, Section] = field(default_factory=dict)
    healthchecks: dict[str, Section] = field(default_factory=dict)
    mailers: dict[str, Section] = field(default_factory=dict)
    tails: dict[tuple[int, str], tuple[object, object]] = field(default_factory=dict)  # see server_line._parameters
    failed: set[str] = field(default_factory=set)  # the first words of lines that were wrong: names they might declare
    # Whether a section may take the rules of a defaults section (inheritance.py): raises ConfigError.
    may_inherit: Callable[[Section, Section, Position], None] = lambda section, defaults, at: None
    environment: MutableMapping[str, str] = field(default_factory=lambda: os.environ)  # what `setenv` changes

    def proxy(self, name: str, side: In) -> Section | None:
        """The first proxy of that name with that capability (In.FRONT or In.BACK)."""
        for proxy in self.proxies:
            if proxy.name == name and proxy.kind & side:
                return proxy
        return None
