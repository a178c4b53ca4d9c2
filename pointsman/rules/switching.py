"""force-be-switch: who may be sent to a backend that is not published (manual 4.2)."""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.rules.keywords import parse_if
from pointsman.sample.condition import Condition
from pointsman.sample.types import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceSwitchLine(Setting):
    """A `force-be-switch` line."""

    condition: Condition
    negated: bool
    many: ClassVar[bool] = True
    from_defaults: ClassVar[bool] = False


@keyword("force-be-switch", In.FRONT, "4.2")
def force_be_switch(args: Args) -> ForceSwitchLine:
    """force-be-switch { if | unless } <condition>: rules that name a backend which is not published count."""
    if args.peek() not in ("if", "unless"):
        raise ConfigError(
            "'force-be-switch' requires either 'if' or 'unless' followed by a condition.",
            args.here,
            "'if' or 'unless', and a condition",
        )
    condition, negated = parse_if(args, Where.HTTP_REQ)
    assert condition is not None
    return ForceSwitchLine(at=args.at, condition=condition, negated=negated)
