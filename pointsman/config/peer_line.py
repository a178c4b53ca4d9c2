"""`peer` and `server` lines of peers sections (manual 11.2): who shares the section's tables."""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.addresses import expand, parse_addresses
from pointsman.config.keyword import Args
from pointsman.config.parameters import Words, read_parameters
from pointsman.config.server_words import SERVER_OTHERS, SERVER_WORDS, ServerParameters
from pointsman.config.setting import Setting
from pointsman.core.diagnostics import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer(Setting):
    """One of them. `local`: this instance; `addressed`: a `peer` line, which says its address itself."""

    name: str
    local: bool
    addressed: bool
    many: ClassVar[bool] = True


def read_peer(args: Args, start: ServerParameters) -> Peer | None:
    """<name> [<address>:<port>] [parameters]. Only the local one may do without an address, if a bind line has it."""
    word = args.words[args.index] if args.more() else None
    if word is None or args.keyword == "peer" and len(args.words) - args.index < 2:
        args.rest()
        args.diagnostics.warning(
            f"'{args.keyword} {word.text if word is not None else ''}' : ignoring invalid peer definition (missing "
            "address:port)",
            args.at,
            "<name> <address>:<port>",
        )
        return None
    name = args.word("<name>").text
    local = name == args.configuration.environment.get("HAPROXY_LOCALPEER", "")
    said = f"'{args.keyword} {name}'"
    if local:
        for one in args.section.all(Peer):
            if one.local:
                raise ConfigError(
                    f"{said} : local peer name already referenced at {one.at.file}:{one.at.line}. {name}", word.at
                )
    if args.keyword == "peer" or args.more() and not local:
        address = expand(args.word("<address>:<port>"), args.configuration.environment)
        spec = parse_addresses(address, default_port=None, listening=local)[0]
        if spec.kind == "inet" and not spec.port:
            raise ConfigError(
                f"{said} : missing port specification in '{address.text}'", address.at, "<address>:<port>"
            )
    read_parameters(Words(args, said), SERVER_WORDS, SERVER_OTHERS, start)
    return Peer(name=name, local=local, addressed=args.keyword == "peer", at=args.at)
