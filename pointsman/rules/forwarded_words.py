"""`option forwarded` as it is written (manual 4.2); what it makes stands in forwarded.py."""

from dataclasses import dataclass
from typing import Final

from pointsman.config.acls import acls_of
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting, sets
from pointsman.core.diagnostics import ConfigError
from pointsman.rules.forwarded import Forwarded, Host, Node, Parameter, Proto
from pointsman.sample.expression import Expression, parse_words
from pointsman.sample.types import Where

WORDS: Final = ("proto", "host", "by", "by_port", "for", "for_port")
WITH_EXPRESSION: Final = ("host-expr", "by-expr", "by_port-expr", "for-expr", "for_port-expr")


@sets(back="forwarded")
@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardedSetting(Setting):
    """`option forwarded`; None: off, or nothing that could be told."""

    header: Forwarded | None
    expressions: tuple[Expression, ...] = ()

    def live(self) -> object:
        return self.header


@keyword("option forwarded", In.DEFAULTS | In.BACK, "4.2", negatable=True)
def option_forwarded(args: Args) -> ForwardedSetting:
    """option forwarded [proto] [host | host-expr <expr>] [by | by-expr <expr>] [by_port | by_port-expr <expr>]
    [for | for-expr <expr>] [for_port | for_port-expr <expr>]: without arguments, `proto for`."""
    if args.negated or args.reset:
        args.end()
        return ForwardedSetting(header=None, at=args.at)
    said: dict[str, Expression | None] = {}
    while args.more():
        word = args.word("an argument")
        if word.text in WORDS:
            said[word.text] = None
        elif word.text in WITH_EXPRESSION:
            said[word.text.removesuffix("-expr")] = _expression(args, word.text)
        else:
            listed = ", ".join(f"'{name}'" for name in (*WORDS, *WITH_EXPRESSION))
            raise args.wrong(
                word, f"'{args.keyword}' only supports optional values: {listed}.", (*WORDS, *WITH_EXPRESSION)
            )
    if not said:
        said = {"proto": None, "for": None}
    parameters = _parameters(args, said)
    found = tuple(one for one in said.values() if one is not None)
    return ForwardedSetting(header=Forwarded(parameters) if parameters else None, expressions=found, at=args.at)


def _expression(args: Args, name: str) -> Expression:
    if not args.more():
        raise ConfigError(f"'{args.keyword}': '{name}' expects <expr> as argument.", args.here, "<expr>")
    made, used = parse_words(args.words[args.index :], Where.HTTP_REQ, acls_of(args.section))
    args.index += used
    return made


def _parameters(args: Args, said: dict[str, Expression | None]) -> list[Parameter]:
    found: list[Parameter] = []
    if "proto" in said:
        found.append(Proto(b"proto"))
    if "host" in said:
        found.append(Host(said["host"]))
    for name in ("by", "for"):
        port = f"{name}_port"
        if name in said:
            node = Node(name.encode())
            node.node = said[name]
            node.has_port = port in said
            node.port = said.get(port)
            node.prepare()
            found.append(node)
        elif port in said:
            args.diagnostics.warning(
                f"'{args.keyword}': '{port}' is ignored because both '{name}' and '{name}-expr' are unset", args.at
            )
    return found
