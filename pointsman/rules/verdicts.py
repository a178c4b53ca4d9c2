"""Actions that end a list of rules: allow, deny, tarpit, return (manual 4.4)."""

from pointsman.config.action import (
    ALLOW,
    ANSWER,
    DENY,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    TARPIT,
    Action,
    RuleArgs,
    action,
)
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.rules.errors import error_pages
from pointsman.rules.reply_words import ReplyDescription, parse_answer
from pointsman.sample.context import Context
from pointsman.sample.types import Reads, Writes


class Allow(Action):
    """The rest of the list is not looked at."""

    def run(self, context: Context) -> int:
        return ALLOW


class ReplyAction(Action):
    """Answer with a reply, or with the error page of a status."""

    def __init__(self, answer: ReplyDescription, verdict: int) -> None:
        super().__init__()
        self.answer: object = answer.reply if answer.reply is not None else answer.status
        self.asked = answer
        self.verdict = verdict

    def resolve(self, configuration: Configuration, diagnostics: Diagnostics) -> None:
        """Find the http-errors section that the rule names."""
        section = self.asked.section
        if section is None:
            return
        found = configuration.http_errors.get(section.text)
        if found is None:
            raise ConfigError(
                f"unable to find the http-errors section '{section.text}'",
                section.at,
                "the name of an http-errors section",
            )
        pages = error_pages(found)
        if self.asked.status not in pages:
            diagnostics.warning(
                f"status '{self.asked.status}' referenced by an http reply not declared in http-errors "
                f"section '{section.text}'.",
                section.at,
            )
        self.answer = pages.get(self.asked.status, self.asked.status)

    def run(self, context: Context) -> int:
        context.answer = self.answer
        return self.verdict


@action("allow", HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_allow(args: RuleArgs) -> Action:
    """allow: stop the evaluation of this list and let the message pass."""
    return _final(Allow())


@action("deny", HTTP_REQUEST | HTTP_RESPONSE, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_deny(args: RuleArgs) -> Action:
    """deny [{status | deny_status} <code>] [...]: reject with an error, 403 for requests, 502 for responses."""
    default = 403 if args.rule_set == HTTP_REQUEST else 502
    answer = parse_answer(args, args.place, default, status_words=("status", "deny_status"), default=True)
    return _final(ReplyAction(answer, DENY))


@action("tarpit", HTTP_REQUEST, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_tarpit(args: RuleArgs) -> Action:
    """tarpit [{status | deny_status} <code>] [...]: let the client wait for `timeout tarpit`, then reject it with an
    error, 500 by default."""
    answer = parse_answer(args, args.place, 500, status_words=("status", "deny_status"), default=True)
    return _final(ReplyAction(answer, TARPIT))


@action("return", HTTP_REQUEST | HTTP_RESPONSE, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_return(args: RuleArgs) -> Action:
    """return [status <code>] [content-type <type>] [...]: answer with a response of our own, 200 by default."""
    return _final(ReplyAction(parse_answer(args, args.place, 200), ANSWER))


def _final(made: Action) -> Action:
    made.final = True
    return made
