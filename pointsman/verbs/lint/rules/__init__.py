"""All rules: each module registers one. A new rule is a file here, and its line."""

from typing import Final

from pointsman.verbs.lint.rule import RULES
from pointsman.verbs.lint.rules import (  # noqa: F401  # for what they register
    check_without_check,
    unused_acl,
    unused_backend,
)

NAMES: Final = [name for name in RULES if (rule := RULES.get(name)) is not None and rule.check is not None]
RAISES = False  # tests want to see what goes wrong in a rule
