"""Header: the value of one names the server (manual 4.2 "balance hdr")."""

from pointsman.balance.hashed import HashKey, by_hash
from pointsman.balance.registry import Make, algorithm
from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.context import Context


class Header(HashKey):
    """The first value of the first header of that name, up to a comma; an empty one is none."""

    def __init__(self, name: bytes, domain_only: bool = False) -> None:
        self.name = name.lower()
        self.domain_only = domain_only

    def bytes(self, context: Context) -> bytes | None:
        value = None if context.request is None else context.request.get(self.name)
        if value is None:
            return None
        value = value.partition(b",")[0].rstrip(b" \t")
        return (main_domain(value) if self.domain_only else value) or None


def main_domain(host: bytes) -> bytes:
    """The label before the last dot: "1wt" of "haproxy.1wt.eu"; all of it where there is no dot."""
    dot = host.rfind(b".")
    if dot <= 0:
        return host
    return host[host.rfind(b".", 0, dot - 1) + 1 : dot]


@algorithm("hdr", http=True, hashed=True, argument="<name>")
def hdr(args: Args, argument: str) -> Make:
    """hdr(<name>) [use_domain_only]: by a header of the request (manual 4.2)."""
    if not argument:
        at = args.words[args.index - 1].at
        raise ConfigError("balance hdr requires an http header field name.", at, "hdr(<name>)")
    domain_only = False
    if args.more():
        word = args.word("use_domain_only")
        if word.text != "use_domain_only":
            raise args.wrong(
                word,
                f"balance hdr({argument}) only accepts 'use_domain_only' modifier (got '{word.text}').",
                ("use_domain_only",),
            )
        domain_only = True
    return by_hash(Header(argument.encode("utf-8", "surrogateescape"), domain_only))
