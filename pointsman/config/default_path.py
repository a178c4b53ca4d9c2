"""`default-path`: where relative file names of a configuration start from (manual 3.1).

As the manual has it, the working directory itself moves while a file is read, and moves back behind it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import Configuration, In, Setting
from pointsman.core.diagnostics import ConfigError

POLICIES = ("current", "config", "parent", "origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultPath(Setting):
    """The policy for this file and those behind it."""

    policy: str
    origin: str  # the folder of policy "origin"
    home: str  # where the process was started

    def directory(self, file: str) -> str:
        """Where relative names in `file` start from."""
        folder = os.path.join(self.home, os.path.dirname(file))
        if self.policy == "config":
            return folder
        if self.policy == "parent":
            return os.path.join(folder, "..")
        return os.path.join(self.home, self.origin)


@keyword("default-path", In.GLOBAL, "3.1")
def default_path(args: Args) -> DefaultPath:
    """default-path current|config|parent|origin <path>: replaces the one before, at once."""
    at, policy = args.here, args.peek()
    if policy not in POLICIES:
        raise ConfigError(
            f"unsupported default-path mode '{policy}' for 'default-path', supported modes include "
            "'current', 'config', 'parent', and 'origin'.",
            at,
            "one of " + ", ".join(POLICIES),
        )
    args.take("<policy>")
    origin = ""
    if policy == "origin":
        if not args.more():
            raise ConfigError("'default-path origin' expects a directory as an argument.", args.here, "<path>")
        origin = args.take("<path>")
    args.end()
    before = args.section.one(DefaultPath)
    setting = DefaultPath(
        policy=policy, origin=origin, home=before.home if before is not None else os.getcwd(), at=args.at
    )
    try:
        os.chdir(setting.directory(args.at.file))
    except OSError as error:
        raise ConfigError(
            f"couldn't set 'default-path' to {policy} '{origin or setting.directory(args.at.file)}': {error.strerror}.",
            at,
        ) from None
    return setting


@contextmanager
def reading(configuration: Configuration, file: str) -> Iterator[None]:
    """While a file is read: start in the directory that an earlier file asked for, and come back in the end."""
    home = os.getcwd()
    setting = configuration.main.one(DefaultPath)
    try:
        if setting is not None:
            try:
                os.chdir(setting.directory(file))
            except OSError as error:
                raise ConfigError(
                    f"couldn't set 'default-path' to {setting.policy} for '{file}': {error.strerror}.", setting.at
                ) from None
        yield
    finally:
        os.chdir(home)
