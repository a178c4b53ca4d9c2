"""URL parameter: the value of one names the server (manual 4.2 "balance url_param")."""

from pointsman.balance.hashed import HashKey, by_hash
from pointsman.balance.registry import Make, algorithm
from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.context import Context


class UrlParam(HashKey):
    """The value of the first parameter of that name in the query, undecoded. An empty value is a key."""

    def __init__(self, name: bytes) -> None:
        self.name = name + b"="

    def bytes(self, context: Context) -> bytes | None:
        query = None if context.request is None else context.request.query
        if query is None:
            return None
        for pair in query.split(b"&"):
            if pair.startswith(self.name):
                return pair[len(self.name) :]
        return None


@algorithm("url_param", http=True, hashed=True)
def url_param(args: Args, argument: str) -> Make:
    """url_param <param>: by a parameter of the query (manual 4.2)."""
    if not args.more():
        raise ConfigError("balance url_param requires an URL parameter name.", args.here, "<param>")
    name = args.take("<param>")
    if args.more():
        word = args.word("check_post")
        if word.text != "check_post":
            raise args.wrong(
                word, f"balance url_param only accepts 'check_post' modifier (got '{word.text}').", ("check_post",)
            )
        raise ConfigError(
            "'check_post' of 'balance url_param' is not built yet (manual 4.2, balance)", word.at, "url_param <param>"
        )
    return by_hash(UrlParam(name.encode("utf-8", "surrogateescape")))
