"""http-send-name-header (manual 4.2)."""

from dataclasses import dataclass
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting, sets
from pointsman.core.diagnostics import ConfigError
from pointsman.rules.headers import header_name

_FORBIDDEN: Final = (b"host", b"content-length", b"transfer-encoding", b"connection")


@sets(back="name_header")
@dataclass(frozen=True, slots=True, kw_only=True)
class SendNameHeader(Setting):
    """http-send-name-header: the field, in lower case, in which servers are told their names."""

    name: bytes

    def live(self) -> object:
        return self.name


@keyword("http-send-name-header", In.DEFAULTS | In.BACK, "4.2")
def http_send_name_header(args: Args) -> SendNameHeader:
    """http-send-name-header <header>: set it to the name of the server that a request goes to, as late as that."""
    if not args.more():
        raise ConfigError("'http-send-name-header' requires a header string.", args.here, "<header>")
    at = args.here
    name = header_name(args)
    args.end()
    if name in _FORBIDDEN:
        raise ConfigError(
            f"'http-send-name-header': '{name.decode()}' is forbidden (manual 4.2)",
            at,
            "no field that frames or routes",
        )
    return SendNameHeader(name=name, at=args.at)
