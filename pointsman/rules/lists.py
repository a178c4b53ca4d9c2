"""add-acl, del-acl, set-map, del-map (manual 4.4): traffic changes lists of patterns.

With several lanes such a change goes to control, which puts all changes in order; every lane, the own one too, has made
it a moment later (tables/changes.py). An entry that is no pattern, or whose value a map cannot give, is left out.
"""

from pointsman.config.action import CONTINUE, HTTP_AFTER, HTTP_REQUEST, HTTP_RESPONSE, Action, RuleArgs, action
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.sample.context import Context
from pointsman.sample.format import Format
from pointsman.sample.lists import list_name
from pointsman.sample.types import Reads, Writes
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import LISTS, PatternList

_BOTH = HTTP_REQUEST | HTTP_RESPONSE
_ALL = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER


class ChangeList(Action):
    """Put a key into a list, with a value if it is a map's; or take it out."""

    def __init__(self, name: str, in_map: bool, verb: str, key: Format, value: Format | None) -> None:
        super().__init__()
        self.list_name = list_name(name)
        self.in_map = in_map
        self.verb = verb
        self.key = key
        self.value = value
        self.list: PatternList | None = None

    def resolve(self, configuration: Configuration, diagnostics: Diagnostics) -> None:
        """All maps and ACLs are known. A list that nobody else names begins empty: its file is not read."""
        found = LISTS.by_name.get(self.list_name)
        if found is None:
            found = LISTS.new(self.list_name, self.in_map)
        found.for_map = found.for_map or self.in_map
        found.for_acl = found.for_acl or not self.in_map
        self.list = found

    def run(self, context: Context) -> int:
        found = self.list
        assert found is not None
        key = _text(self.key.render(context))
        same = found.same(key)
        if self.verb == "drop":
            if same:
                CHANGES.propose(["map", found.number, "drop", key])
            return CONTINUE
        value = _text(self.value.render(context)) if self.value is not None else None
        if not same or value is not None and any(entry.value != value for entry in same):
            change: Change = ["map", found.number, "replace", key, value]
            CHANGES.propose(change)
        return CONTINUE


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _make(args: RuleArgs, in_map: bool, verb: str, with_value: bool) -> Action:
    if not args.parameters:
        raise ConfigError(
            f"'{args.keyword}' expects a name in parentheses", args.parameters_at, f"{args.keyword}(<file-name>)"
        )
    key = args.format("<key fmt>")
    value = args.format("<value fmt>") if with_value else None
    return ChangeList(args.parameters, in_map, verb, key, value)


@action("add-acl", _BOTH, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_add_acl(args: RuleArgs) -> Action:
    """add-acl(<file-name>) <key fmt>: put a pattern into an ACL's file, as it is in memory, if it is not there."""
    return _make(args, False, "replace", False)


@action("del-acl", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_del_acl(args: RuleArgs) -> Action:
    """del-acl(<file-name>) <key fmt>: take a pattern out of an ACL's file, as it is in memory."""
    return _make(args, False, "drop", False)


@action("set-map", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_set_map(args: RuleArgs) -> Action:
    """set-map(<map-name>) <key fmt> <value fmt>: give a key of a map a value."""
    return _make(args, True, "replace", True)


@action("del-map", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_del_map(args: RuleArgs) -> Action:
    """del-map(<map-name>) <key fmt>: take a key out of a map."""
    return _make(args, True, "drop", False)
