"""userlist sections: groups and users with their passwords (manual 12.2)."""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLine(Setting):
    """`group <name> [users <user>,...]`"""

    name: str
    users: tuple[str, ...]
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLine(Setting):
    """`user <name> ...`; password None: nobody gets in under this name."""

    name: str
    password: bytes | None
    encrypted: bool  # the password is for crypt(3)
    groups: tuple[str, ...]
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class User:
    """A user with all groups, those of group lines included."""

    name: str
    password: bytes | None
    encrypted: bool
    groups: frozenset[str]


@keyword("group", In.USERLIST, "12.2")
def group(args: Args) -> GroupLine | None:
    """group <groupname> [users <user>,<user>,(...)]"""
    if not args.more():
        raise ConfigError("'group' expects <name> as arguments.", args.here, "<name>")
    name = args.take("<name>")
    users: tuple[str, ...] = ()
    while args.more():
        word = args.word("users")
        if word.text != "users":
            raise args.wrong(word, "'group' only supports 'users' option.", ("users",))
        users = _names(args.take("<user>,..."))
    if any(line.name == name for line in args.section.all(GroupLine)):
        args.diagnostics.warning(f"ignoring duplicated group '{name}' in userlist '{args.section.name}'.", args.at)
        return None
    return GroupLine(name=name, users=users, at=args.at)


@keyword("user", In.USERLIST, "12.2")
def user(args: Args) -> UserLine | None:
    """user <username> [password|insecure-password <password>] [groups <group>,<group>,(...)]"""
    if not args.more():
        raise ConfigError("'user' expects <name> as arguments.", args.here, "<name>")
    name = args.take("<name>")
    password: bytes | None = None
    encrypted = False
    groups: tuple[str, ...] = ()
    while args.more():
        word = args.word("an option")
        if word.text in ("password", "insecure-password"):
            password = args.take("<password>").encode("utf-8", "surrogateescape")
            encrypted = word.text == "password"
        elif word.text == "groups":
            groups = _names(args.take("<group>,..."))
        else:
            raise args.wrong(
                word,
                "'user' only supports 'password', 'insecure-password' and 'groups' options.",
                ("password", "insecure-password", "groups"),
            )
    if any(line.name == name for line in args.section.all(UserLine)):
        args.diagnostics.warning(f"ignoring duplicated user '{name}' in userlist '{args.section.name}'.", args.at)
        return None
    return UserLine(name=name, password=password, encrypted=encrypted, groups=groups, at=args.at)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def users_of(section: Section) -> dict[str, User]:
    """The users of a userlist by name. Raises ConfigError where a line names a group or user that is not there."""
    lines = section.all(UserLine)
    known = {line.name for line in section.all(GroupLine)}
    groups = {line.name: set(line.groups) for line in lines}
    for line in lines:
        for name in line.groups:
            if name not in known:
                raise ConfigError(
                    f"userlist '{section.name}': no such group '{name}' specified in user '{line.name}'", line.at
                )
    for group_line in section.all(GroupLine):
        for name in group_line.users:
            if name not in groups:
                raise ConfigError(
                    f"userlist '{section.name}': no such user '{name}' specified in group '{group_line.name}'",
                    group_line.at,
                )
            groups[name].add(group_line.name)
    return {line.name: User(line.name, line.password, line.encrypted, frozenset(groups[line.name])) for line in lines}
