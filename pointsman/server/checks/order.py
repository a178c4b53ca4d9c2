"""In which order the steps of a check may stand (manual 4.2 http-check connect, tcp-check connect)."""

from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError
from pointsman.server.checks.plan import HTTP, own_rules
from pointsman.server.checks.steps import CheckStep, Connect, Expect, SendRequest, Silent

FIRST = (
    "first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', when "
    "there is a 'connect' step in the tcp-check ruleset."
)


def check_order(args: Args, kind: str, step: CheckStep) -> None:
    """ConfigError if `step` cannot follow the rules that the section has."""
    before = [rule.step for rule in own_rules(args.section, kind) if not rule.line]
    acting = [one for one in before if not isinstance(one, Silent)]
    if isinstance(step, Connect):
        if acting and not isinstance(acting[0], Connect):
            raise ConfigError(f"'{args.keyword}' : {FIRST}", args.at)
        return
    if isinstance(step, Silent) or kind != HTTP or not acting:
        return
    last = acting[-1]
    where = f"at step {len(before) + 1}"
    if isinstance(step, SendRequest) and not isinstance(last, Connect):
        raise ConfigError(
            f"'{args.keyword}' : unable to add http-check send rule {where} (missing connect rule).",
            args.at,
            "an 'http-check connect' before each 'http-check send' but a first one",
        )
    if isinstance(step, Expect) and isinstance(last, Connect):
        raise ConfigError(
            f"'{args.keyword}' : unable to add http-check expect rule {where} (missing send rule).",
            args.at,
            "an 'http-check send' between 'connect' and 'expect'",
        )
