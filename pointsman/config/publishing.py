"""be-unpublished: a backend that content switching passes over until `publish backend` (manual 4.2, management 9.3)."""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpublished(Setting):
    """The proxy begins so."""

    from_defaults: ClassVar[bool] = False


@keyword("be-unpublished", In.BACK, "4.2")
def be_unpublished(args: Args) -> Unpublished:
    """be-unpublished: rules of other proxies that name this one do not count."""
    args.end()
    return Unpublished(at=args.at)
