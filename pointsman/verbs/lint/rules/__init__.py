"""All rules: each module registers one. A new rule is a file here, and its line."""

from typing import Final

from pointsman.verbs.lint.rule import RULES
from pointsman.verbs.lint.rules import (  # noqa: F401  # for what they register
    acl_shadows_predefined,
    check_without_check,
    covered_pattern,
    duplicate_pattern,
    host_case,
    host_pattern,
    impossible_condition,
    method_case,
    mixed_acl,
    network_bits,
    number_out_of_range,
    path_pattern,
    redundant_term,
    unreachable_route,
    unreachable_rule,
    unused_acl,
    unused_backend,
    unused_defaults,
    unused_healthcheck,
    unused_http_errors,
    unused_mailers,
    unused_peers,
    unused_resolvers,
    unused_stick_table,
    unused_userlist,
)

NAMES: Final = [name for name in RULES if (rule := RULES.get(name)) is not None and rule.check is not None]
RAISES = False  # tests want to see what goes wrong in a rule
