"""The fetch of variables (manual 7.3.2, var)."""

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.registry import Getter, fetch_with
from pointsman.sample.types import Reads, Type, Value, Where
from pointsman.sample.variables import parse_variable


@fetch_with("var", "(string[,string])", Type.ANY, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def variable(args: Arguments) -> Getter:
    """var(<name>[,<default>]): a variable with the type that it was given. The default is a string."""
    found = parse_variable(args.word(0), args.at, parents=True)
    if not args.given(1):
        return found.get
    default = args.text(1)

    def get(ctx: Context) -> Value | None:
        value = found.get(ctx)
        return default if value is None else value

    return get
