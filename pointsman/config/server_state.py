"""Which files say in what state servers were before a reload (manual 3.1, 4.2): what `show servers state` has printed.

global
    server-state-base /var/lib/haproxy
    server-state-file states        one file for all backends that load it "global"

backend app
    load-server-state-from-file local
    server-state-file-name app      a file of its own; without a name, that of the backend
"""

import os
from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.global_section import global_text
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting

SOURCES = ("global", "local", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSource(Setting):
    """Where a backend's states come from: one of SOURCES."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFileName(Setting):
    """The name of a backend's own file; "": that of the backend."""

    name: str
    from_defaults: ClassVar[bool] = False


@keyword("load-server-state-from-file", In.DEFAULTS | In.BACK, "4.2")
def load_server_state_from_file(args: Args) -> StateSource:
    """load-server-state-from-file global|local|none: whose file says in what state servers begin."""
    word = args.peek()
    if word not in SOURCES:
        raise args.wrong(
            args.word(", ".join(SOURCES)),
            f"'{args.keyword}' expects 'global', 'local' or 'none'. Got '{word}'",
            SOURCES,
        )
    args.take("<source>")
    args.end()
    return StateSource(source=word, at=args.at)


@keyword("server-state-file-name", In.BACK, "4.2")
def server_state_file_name(args: Args) -> StateFileName:
    """server-state-file-name [use-backend-name|<file>]: the file that `load-server-state-from-file local` loads."""
    name = args.take("<file>") if args.more() else ""
    args.end()
    return StateFileName(name="" if name == "use-backend-name" else name, at=args.at)


def state_source(section: Section) -> str:
    found = section.one(StateSource)
    return found.source if found is not None else "none"


def global_state_file(main: Section) -> str:
    """The path of the file for all; "": there is none."""
    name = global_text(main, "server-state-file")
    return _path(main, name) if name else ""


def own_state_file(main: Section, section: Section) -> str:
    """The path of a backend's own file."""
    found = section.one(StateFileName)
    return _path(main, found.name if found is not None and found.name else section.name)


def _path(main: Section, name: str) -> str:
    """A name that does not begin with "/" is one in server-state-base, or in the current directory."""
    return os.path.join(global_text(main, "server-state-base"), name)
