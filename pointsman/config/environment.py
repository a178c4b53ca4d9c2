"""Environment variables: those that are set for the configuration, and the keywords that change them (manual 2.3, 3.1).

The variables live in `Configuration.environment`, which is the process's own environment unless a load is given
another: what a configuration sets is seen by later lines, by env() and by programs that are started.
"""

import socket
from collections.abc import MutableMapping
from typing import Final

from pointsman.config import features
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word

TCP_LOG_FORMAT: Final = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"  # manual 8.2.2
TCP_CLF_LOG_FORMAT: Final = (
    '%{Q}o %{-Q}ci - - [%T] "TCP " 000 %B "" "" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- '
    '%ac %fc %bc %sc %rc %sq %bq "" "" '
)  # manual 8.2.2
HTTP_LOG_FORMAT: Final = (
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq "
    "%hr %hs %{+Q}r"
)  # manual 8.2.3
HTTP_CLF_LOG_FORMAT: Final = (
    '%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc '
    "%ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl"
)  # manual 8.2.3
HTTPS_LOG_FORMAT: Final = (
    HTTP_LOG_FORMAT + " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/"
    "%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc"
)  # manual 8.2.4


def _keylog(side: str) -> str:
    """The lines of a key log for TLS 1.3 (manual 3.2, tune.ssl.keylog)."""
    labels = (
        "CLIENT_EARLY_TRAFFIC_SECRET",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
        "EARLY_EXPORTER_SECRET",
    )
    return "\n".join(f"{label} %[ssl_{side}_client_random,hex] %[ssl_{side}_{label.lower()}]" for label in labels)


LOG_FORMATS: Final = {
    "HAPROXY_HTTP_LOG_FMT": HTTP_LOG_FORMAT,
    "HAPROXY_HTTP_CLF_LOG_FMT": HTTP_CLF_LOG_FORMAT,
    "HAPROXY_HTTPS_LOG_FMT": HTTPS_LOG_FORMAT,
    "HAPROXY_TCP_LOG_FMT": TCP_LOG_FORMAT,
    "HAPROXY_TCP_CLF_LOG_FMT": TCP_CLF_LOG_FORMAT,
    "HAPROXY_KEYLOG_FC_LOG_FMT": _keylog("fc"),
    "HAPROXY_KEYLOG_BC_LOG_FMT": _keylog("bc"),
}


def set_before_load(variables: MutableMapping[str, str], local_peer: str = "") -> None:
    """The variables that a configuration may use (manual 2.3). HAPROXY_MWORKER is set by who starts workers."""
    variables["HAPROXY_STARTUP_VERSION"] = features.VERSION
    variables["HAPROXY_BRANCH"] = features.BRANCH
    variables["HAPROXY_LOCALPEER"] = local_peer or socket.gethostname()
    variables.update(LOG_FORMATS)


def set_after_load(variables: MutableMapping[str, str], files: list[str]) -> None:
    """The formats are there only while files are read (manual 2.3: not "listed"); the names of the files follow."""
    for name in LOG_FORMATS:
        variables.pop(name, None)
    variables["HAPROXY_CFGFILES"] = ";".join(files)


def _pair(args: Args) -> tuple[str, str]:
    name, value = _valid(args, args.word("a name and a value")), args.take("a name and a value")
    if args.more():  # HAProxy says nothing
        args.diagnostics.warning(
            f"'{args.keyword}': what follows the value is ignored",
            args.here,
            "end of line",
            "put quotes around a value with spaces",
        )
        args.rest()
    return name, value


def _valid(args: Args, word: Word) -> str:
    if "=" in word.text:
        raise ConfigError(
            f"'{args.keyword}' failed on variable '{word.text}' : Invalid argument.", word.at, "a name without '='"
        )
    return word.text


@keyword("setenv", In.GLOBAL, "3.1")
def setenv(args: Args) -> None:
    """setenv <name> <value>: set a variable; later lines see it."""
    name, value = _pair(args)
    args.configuration.environment[name] = value


@keyword("presetenv", In.GLOBAL, "3.1")
def presetenv(args: Args) -> None:
    """presetenv <name> <value>: set a variable unless it exists."""
    name, value = _pair(args)
    args.configuration.environment.setdefault(name, value)


@keyword("unsetenv", In.GLOBAL, "3.1")
def unsetenv(args: Args) -> None:
    """unsetenv <name> ...: remove variables; those that do not exist are no mistake."""
    if not args.more():
        raise ConfigError("'unsetenv' expects at least one variable name.", args.here, "<name> ...")
    for word in args.rest():
        args.configuration.environment.pop(_valid(args, word), None)


@keyword("resetenv", In.GLOBAL, "3.1")
def resetenv(args: Args) -> None:
    """resetenv [<name> ...]: remove all variables but these."""
    kept = {_valid(args, word) for word in args.rest()}
    for name in [name for name in args.configuration.environment if name not in kept]:
        del args.configuration.environment[name]
