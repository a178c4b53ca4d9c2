"""What `global` says of TLS as a whole: limits, groups for DHE, what is kept of hellos, passphrases, chains of
issuers (manual 3.1, 3.2). All of it is one setting: tls_tuning(configuration)."""

import os
from dataclasses import dataclass, replace
from typing import Final

from pointsman.config.keyword import Args, Parsed, keyword
from pointsman.config.setting import Configuration, In, Setting
from pointsman.config.tls_paths import extra_files, folder
from pointsman.core.diagnostics import ConfigError
from pointsman.tls.files import ExtraFiles

BIGGEST: Final = (1 << 31) - 1
LOWEST_DH: Final = 1024  # bits that may be asked for
GROUPS: Final = (2048, 3072, 4096, 6144, 8192)  # bits of the groups for DHE (RFC 7919)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsTuning(Setting):
    """All that was said so far. The defaults are the manual's."""

    max_connections: int = 0  # maxsslconn, of both sides together; 0: no limit
    max_rate: int = 0  # maxsslrate: handshakes with clients in a second; 0: no limit
    capture: int = 0  # tune.ssl.capture-buffer-size: bytes of a hello that are kept; 0: none
    keylog: bool = False  # tune.ssl.keylog
    default_dh: int = 0  # tune.ssl.default-dh-param: bits of the group for DHE, one of GROUPS; 0: no DHE
    dh_file: str = ""  # ssl-dh-param-file: the group for DHE
    skip_self_issued: bool = False  # ssl-skip-self-issued-ca: a root CA in a chain is not sent
    issuers_chain: str = ""  # issuers-chain-path: a folder with what chains lack
    passphrase_command: tuple[str, ...] = ()  # ssl-passphrase-cmd
    replaces_ending: bool = False  # ssl-load-extra-del-ext: a.crt has a.key beside it, not a.crt.key


def tls_tuning(configuration: Configuration) -> TlsTuning:
    """All of it."""
    return configuration.main.one(TlsTuning) or TlsTuning()


def looked_for(configuration: Configuration) -> ExtraFiles:
    """What is looked for beside a certificate (ssl-load-extra-files), and how it is named there."""
    return ExtraFiles(extra_files(configuration), tls_tuning(configuration).replaces_ending)


def _before(args: Args) -> TlsTuning:
    return replace(args.section.one(TlsTuning) or TlsTuning(), at=args.at)


def _number(args: Args, low: int = 0) -> int:
    if not args.more():
        raise ConfigError(f"'{args.keyword}' expects an integer argument.", args.here, f"a number from {low} on")
    return args.integer("<number>", low, BIGGEST)


@keyword("maxsslconn", In.GLOBAL, "3.2")
def maxsslconn(args: Args) -> TlsTuning:
    """maxsslconn <number>: connections with TLS at one time, those of clients and to servers together."""
    return replace(_before(args), max_connections=_number(args))


@keyword("maxsslrate", In.GLOBAL, "3.2")
def maxsslrate(args: Args) -> TlsTuning | None:
    """maxsslrate <number>: new connections with TLS in a second; listeners wait when it is reached."""
    rate, before = _number(args), _before(args)
    if before.max_rate:
        args.diagnostics.warning("'maxsslrate' already specified. Continuing.", args.at, hint="the first one holds")
        return None
    return replace(before, max_rate=rate)


@keyword("tune.ssl.capture-buffer-size", In.GLOBAL, "3.2")
def capture_buffer_size(args: Args) -> TlsTuning:
    """tune.ssl.capture-buffer-size <number>: how many bytes of a client's hello are kept for fetches; 0: none."""
    return replace(_before(args), capture=_number(args))


@keyword("tune.ssl.capture-cipherlist-size", In.GLOBAL, "3.2")
def capture_cipherlist_size(args: Args) -> Parsed:
    """tune.ssl.capture-cipherlist-size <number>: the old name of tune.ssl.capture-buffer-size."""
    args.diagnostics.warning(
        "'tune.ssl.capture-cipherlist-size' is deprecated. Please use 'tune.ssl.capture-buffer-size' instead.", args.at
    )
    return capture_buffer_size(args)


@keyword("tune.ssl.keylog", In.GLOBAL, "3.2")
def keylog(args: Args) -> TlsTuning:
    """tune.ssl.keylog on|off: the secrets of connections are kept for fetches."""
    word = args.peek()
    if not args.accept("on", "off"):
        raise ConfigError(f"'tune.ssl.keylog' expects either 'on' or 'off' but got '{word}'.", args.here, "on or off")
    return replace(_before(args), keylog=word == "on")


@keyword("tune.ssl.default-dh-param", In.GLOBAL, "3.2")
def default_dh_param(args: Args) -> TlsTuning:
    """tune.ssl.default-dh-param <number>: bits of the group for DHE, where no file gives one; without it no DHE.

    It is the largest of GROUPS that has no more bits, and the smallest one for those who ask for less.
    """
    at, bits = args.here, _number(args)
    if bits < LOWEST_DH:
        raise ConfigError(f"'tune.ssl.default-dh-param' expects a value >= {LOWEST_DH}.", at)
    return replace(_before(args), default_dh=max((one for one in GROUPS if one <= bits), default=GROUPS[0]))


@keyword("ssl-dh-param-file", In.GLOBAL, "3.1")
def ssl_dh_param_file(args: Args) -> TlsTuning:
    """ssl-dh-param-file <file>: the group for DHE of all certificates that bring none."""
    if not args.more():
        raise ConfigError("'ssl-dh-param-file' expects a file path as an argument.", args.here, "<file>")
    return replace(_before(args), dh_file=args.take("<file>"))


@keyword("ssl-skip-self-issued-ca", In.GLOBAL, "3.1")
def ssl_skip_self_issued_ca(args: Args) -> TlsTuning:
    """ssl-skip-self-issued-ca: a root CA behind a certificate is not sent, though it may be of use for OCSP."""
    return replace(_before(args), skip_self_issued=True)


@keyword("issuers-chain-path", In.GLOBAL, "3.1")
def issuers_chain_path(args: Args) -> TlsTuning:
    """issuers-chain-path <dir>: a folder with the intermediate certificates of those that come alone."""
    at, path = args.here, folder(args)
    if not os.path.isdir(path):
        raise ConfigError(f"'issuers-chain-path': there is no directory '{path}'.", at, "a directory")
    return replace(_before(args), issuers_chain=path)


@keyword("ssl-load-extra-del-ext", In.GLOBAL, "3.1")
def ssl_load_extra_del_ext(args: Args) -> TlsTuning:
    """ssl-load-extra-del-ext: what is beside site.crt is called site.key, not site.crt.key."""
    return replace(_before(args), replaces_ending=True)


@keyword("ssl-passphrase-cmd", In.GLOBAL, "3.1")
def ssl_passphrase_cmd(args: Args) -> TlsTuning:
    """ssl-passphrase-cmd <cmd> <args>...: a program that writes the passphrase of a private key."""
    if not args.more():
        raise ConfigError("'ssl-passphrase-cmd' expects a command as an argument.", args.here, "<cmd>")
    return replace(_before(args), passphrase_command=tuple(word.text for word in args.rest()))


@keyword("noktls", In.GLOBAL, "3.2")
def noktls(args: Args) -> None:
    """noktls: the kernel's TLS is not used. It never is."""
