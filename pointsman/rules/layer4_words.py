"""The lines that hold rules of layer 4, and how long content is waited for (manual 4.2). Their own actions stand in
layer4.py."""

from collections.abc import Callable
from dataclasses import dataclass

from pointsman.config.action import TCP_CONNECTION, TCP_CONTENT, TCP_RESPONSE, TCP_SESSION
from pointsman.config.keyword import Args, keyword, parse_time, warn_if_small
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.rules.keywords import rules_of

keyword("tcp-request connection", In.DEFAULTS | In.FRONT, "4.2")(rules_of(TCP_CONNECTION))
keyword("tcp-request session", In.DEFAULTS | In.FRONT, "4.2")(rules_of(TCP_SESSION))
keyword("tcp-request content", In.ANY_PROXY, "4.2")(rules_of(TCP_CONTENT))
keyword("tcp-response content", In.DEFAULTS | In.BACK, "4.2")(rules_of(TCP_RESPONSE))


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectDelay(Setting):
    """`tcp-request inspect-delay` and `tcp-response inspect-delay`: how long content rules wait for bytes."""

    response: bool
    milliseconds: int

    def key(self) -> object:
        return self.response


def inspect_delay(section: Section, response: bool) -> int:
    """Milliseconds; 0: content rules do not wait."""
    found = section.one(InspectDelay, response)
    return 0 if found is None else found.milliseconds


def _delay(response: bool) -> Callable[[Args], InspectDelay]:
    def parse(args: Args) -> InspectDelay:
        """<timeout>: how long content rules may wait for bytes; without one they do not."""
        if not args.more():
            raise ConfigError(f"'{args.keyword}' expects a positive delay in milliseconds", args.here, "<timeout>")
        word = args.word("<timeout>")
        milliseconds = parse_time(word, "ms", args.diagnostics)
        warn_if_small(word, milliseconds, f"{args.keyword} {word.text}", args.section.title, args.diagnostics)
        return InspectDelay(at=args.at, response=response, milliseconds=milliseconds)

    return parse


keyword("tcp-request inspect-delay", In.ANY_PROXY, "4.2")(_delay(False))
keyword("tcp-response inspect-delay", In.DEFAULTS | In.BACK, "4.2")(_delay(True))
