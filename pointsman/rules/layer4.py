"""Rules of layer 4 (manual 4.2): tcp-request connection, session, content, tcp-response content, and how long content
is waited for; with the actions that only they have (manual 4.4).

      accepted --> tcp-request connection --> PROXY header, TLS --> tcp-request session
               --> tcp-request content of the frontend --> http-request..., use_backend
               --> tcp-request content of the backend --> http-request..., server --> tcp-response content

Where they are run: stream/frontends.py (connection, session) and ContentRules in stream/entries.py.
"""

from typing import Final

from pointsman.config.action import (
    ALLOW,
    CONTINUE,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
    Action,
    RuleArgs,
    action,
)
from pointsman.config.setting import In, Section
from pointsman.config.verdict import CLOSE_SERVER, SWITCH
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.sample.context import EXPECTS_NETSCALER, EXPECTS_PROXY, Context
from pointsman.sample.types import Reads, Writes

_ALL: Final = TCP_CONNECTION | TCP_SESSION | TCP_CONTENT | TCP_RESPONSE
PROTOCOLS: Final = ("h1", "h2")  # of switch-mode


class Accept(Action):
    """The rest of the list is not looked at."""

    def run(self, context: Context) -> int:
        return ALLOW


@action("accept", _ALL, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_accept(args: RuleArgs) -> Action:
    """accept: stop the evaluation of this list; the connection, or what was inspected, goes on."""
    return _final(Accept())


class CloseServer(Action):
    """The server's connection ends here."""

    def run(self, context: Context) -> int:
        return CLOSE_SERVER


@action("close", TCP_RESPONSE, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_close(args: RuleArgs) -> Action:
    """close: close the server's connection at once. What it has sent meanwhile is not passed on."""
    return _final(CloseServer())


class Expect(Action):
    """The client's connection begins with a header that tells who it is from: a bit of Session.expects."""

    def __init__(self, bit: int) -> None:
        super().__init__()
        self.bit = bit

    def run(self, context: Context) -> int:
        context.session.expects |= self.bit
        return CONTINUE


@action("expect-proxy", TCP_CONNECTION, "4.4", reads=Reads.NOTHING, writes=Writes.CONNECTION)
def parse_expect_proxy(args: RuleArgs) -> Action:
    """expect-proxy layer4: the connection begins with a PROXY header, as if its bind line had accept-proxy."""
    _layer4(args)
    return Expect(EXPECTS_PROXY)


@action("expect-netscaler-cip", TCP_CONNECTION, "4.4", reads=Reads.NOTHING, writes=Writes.CONNECTION)
def parse_expect_netscaler(args: RuleArgs) -> Action:
    """expect-netscaler-cip layer4: the connection begins with a header of NetScaler's, as if its bind line had
    accept-netscaler-cip; the magic number is that line's, else 0."""
    _layer4(args)
    return Expect(EXPECTS_NETSCALER)


def _layer4(args: RuleArgs) -> None:
    if not args.accept("layer4"):
        raise ConfigError(f"'{args.keyword}' only supports 'layer4'", args.here, "layer4")


class SwitchMode(Action):
    """The connection speaks HTTP from now on."""

    def __init__(self, at: Position, proto: str) -> None:
        super().__init__()
        self.at = at
        self.proto = proto  # h1, h2; "": HTTP/1, unless the client begins with the preface of HTTP/2

    def check(self, section: Section, diagnostics: Diagnostics) -> None:
        if not section.kind & In.FRONT:
            diagnostics.alert(
                f"'switch-mode' is not allowed in {section.title}, which has no frontend capability: it is a client's "
                "connection that changes its mode",
                self.at,
                "a frontend or listen section",
            )

    def run(self, context: Context) -> int:
        if self.proto:
            context.answer = self.proto
        return SWITCH


@action("switch-mode", TCP_CONTENT, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_switch_mode(args: RuleArgs) -> Action:
    """switch-mode http [proto <name>]: a connection of a frontend in mode tcp speaks HTTP from here on."""
    at = args.words[args.start - 1].at
    args.choice("<mode>", ("http",))
    name = ""
    if args.accept("proto"):
        word = args.word("<name>")
        name = word.text
        if name not in PROTOCOLS:
            raise args.wrong(word, f"'{args.keyword}': unknown MUX protocol '{name}'", PROTOCOLS)
    return _final(SwitchMode(at, name))


def _final(made: Action) -> Action:
    made.final = True
    return made
