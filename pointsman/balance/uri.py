"""URI: the request's target names the server (manual 4.2 "balance uri")."""

from pointsman.balance.hashed import HashKey, by_hash
from pointsman.balance.registry import Make, algorithm
from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError
from pointsman.proto.message import path_start
from pointsman.sample.context import Context


class Uri(HashKey):
    """The target up to its query, or what the options make of it."""

    def __init__(self, whole: bool = False, length: int = 0, depth: int = 0, path_only: bool = False) -> None:
        self.whole = whole  # the query too
        self.length = length  # at most so many characters; 0: all
        self.depth = depth  # up to the slash behind so many; 0: all
        self.path_only = path_only  # from the first "/" of the path

    def bytes(self, context: Context) -> bytes | None:
        request = context.request
        if request is None:
            return None
        uri = request.uri
        if self.path_only and not uri.startswith(b"/"):
            start = path_start(uri)
            if start < 0:
                return None
            uri = uri[start:]
        if self.length:
            uri = uri[: self.length]
        if not self.whole:
            uri = uri.partition(b"?")[0]
        if self.depth:
            uri = b"/".join(uri.split(b"/", self.depth + 1)[: self.depth + 1])
        return uri


@algorithm("uri", http=True, hashed=True)
def uri(args: Args, argument: str) -> Make:
    """uri [whole] [len <len>] [depth <depth>] [path-only]: by the target of the request (manual 4.2)."""
    whole = path_only = False
    length = depth = 0
    while args.more():
        word = args.word("<option>")
        if word.text == "whole":
            whole = True
        elif word.text == "path-only":
            path_only = True
        elif word.text == "len":
            length = _positive(args, "len")
        elif word.text == "depth":
            depth = _positive(args, "depth")
        else:
            raise args.wrong(
                word,
                f"balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '{word.text}').",
                ("whole", "len", "depth", "path-only"),
            )
    return by_hash(Uri(whole, length, depth, path_only))


def _positive(args: Args, name: str) -> int:
    at, text = args.here, args.peek()
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ConfigError(
            f"balance uri : '{name}' expects a positive integer (got '{text}').", at, "a positive integer"
        )
    return args.integer("<number>", 1, (1 << 31) - 1)
