"""The keyword `acl` (manual 4.2 and 7.1) and the table of ACLs of a section."""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word
from pointsman.sample.acl import Acl, AclTable


@dataclass(frozen=True, slots=True, kw_only=True)
class AclLine(Setting):
    """One `acl` line. It is compiled once: rules ask for the table of their section again and again."""

    words: tuple[Word, ...]  # behind the keyword
    acl: Acl | None  # None: it was wrong, which was said; its name is known nevertheless
    many: ClassVar[bool] = True


@keyword("acl", In.ANY_PROXY, "4.2")
def parse_acl_line(args: Args) -> AclLine:
    """acl <aclname> <criterion> [flags] [operator] <value> ... : declare an ACL, or add a line to it.

    The line is compiled at once, so that its errors are shown with the others of the file.
    """
    words = tuple(args.rest())
    table = acls_of(args.section)
    table.findings.clear()
    if args.section.kind == In.DEFAULTS and not args.section.name:
        raise ConfigError("'acl' not allowed in anonymous 'defaults' section", args.at, "a name for that section")
    try:
        acl = table.declare(words)
    except ConfigError as error:
        args.diagnostics.add(error.finding)
        return AclLine(at=args.at, words=words, acl=None)
    for finding in table.findings:
        args.diagnostics.add(finding)
    return AclLine(at=args.at, words=words, acl=acl)


def acls_of(section: Section) -> AclTable:
    """The ACLs that are declared in a section and in its defaults, in their order.

    Each rule asks for them, so the section keeps the table and only lines that are new are entered.
    """
    table = section.tables.get(AclTable)
    if not isinstance(table, AclTable):
        table = section.tables[AclTable] = AclTable()
        table.shared = section.kind == In.DEFAULTS
        table.proxy = section.name if section.kind & In.PROXY else ""
        if section.defaults is not None:
            table.lines = {name: list(lines) for name, lines in acls_of(section.defaults).lines.items()}
    own = section.typed.get(AclLine)
    if own is None or len(own) == table.entered:
        return table
    for line in own[table.entered :]:
        assert isinstance(line, AclLine)
        table.enter(line.words, line.acl)
    return table
