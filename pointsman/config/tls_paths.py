"""Where files of TLS are looked for (`ca-base`, `crt-base`, `key-base`), and what is looked for beside them
(`ssl-load-extra-files`; all of manual 3.1)."""

from dataclasses import dataclass
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import Configuration, In, Setting
from pointsman.core.diagnostics import ConfigError

EXTRA_FILES: Final = ("bundle", "sctl", "ocsp", "issuer", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaBase(Setting):
    """Where relative names of CAs and CRLs start from."""

    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CrtBase(Setting):
    """Where relative names of certificates start from."""

    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBase(Setting):
    """Where relative names of private keys start from."""

    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadExtraFiles(Setting):
    """Which files are looked for without being named, some of EXTRA_FILES."""

    kinds: frozenset[str]


EVERY_EXTRA_FILE: Final = frozenset(EXTRA_FILES)


@keyword("ca-base", In.GLOBAL, "3.1")
def ca_base(args: Args) -> CaBase:
    """ca-base <dir>: where relative names of ca-file, ca-verify-file and crl-file start from."""
    _said_once(args, CaBase)
    return CaBase(folder=folder(args), at=args.at)


@keyword("crt-base", In.GLOBAL, "3.1")
def crt_base(args: Args) -> CrtBase:
    """crt-base <dir>: where relative names of certificates start from."""
    _said_once(args, CrtBase)
    return CrtBase(folder=folder(args), at=args.at)


@keyword("key-base", In.GLOBAL, "3.1")
def key_base(args: Args) -> KeyBase:
    """key-base <dir>: where relative names of private keys of crt-stores start from."""
    _said_once(args, KeyBase)
    return KeyBase(folder=folder(args), at=args.at)


def _said_once(args: Args, kind: type[Setting]) -> None:
    if args.section.one(kind) is not None:
        raise ConfigError(f"'{args.keyword}' already specified.", args.at)


def folder(args: Args) -> str:
    """The next word, the name of a folder."""
    if not args.more():
        raise ConfigError(
            f"global statement '{args.keyword}' expects a directory path as an argument.", args.here, "<dir>"
        )
    return args.take("<dir>")


@keyword("ssl-load-extra-files", In.GLOBAL, "3.1")
def ssl_load_extra_files(args: Args) -> LoadExtraFiles:
    """ssl-load-extra-files none|all|(bundle|sctl|ocsp|issuer|key)...: what is looked for beside a certificate."""
    names = ("none", "all", *EXTRA_FILES)
    listed = ", ".join(names)
    if not args.more():
        raise ConfigError(f"'{args.keyword}' expects one or multiple arguments ({listed}).", args.here, listed)
    words = args.rest()
    for word in words:
        if word.text not in names:
            raise args.wrong(word, f"'{args.keyword}' expects one or multiple arguments ({listed}).", names)
        if word.text in ("none", "all") and len(words) > 1:
            raise ConfigError(f"'{args.keyword}' 'none' and 'all' can be only used alone", word.at)
    said = {word.text for word in words}
    return LoadExtraFiles(kinds=EVERY_EXTRA_FILE if "all" in said else frozenset(said - {"none"}), at=args.at)


def extra_files(configuration: Configuration) -> frozenset[str]:
    """Which files are looked for without being named."""
    said = configuration.main.one(LoadExtraFiles)
    return EVERY_EXTRA_FILE if said is None else said.kinds


def behind(base: str | None, name: str) -> str:
    """A path: behind a base, if there is one and the name is no complete path."""
    return name if base is None or name.startswith("/") else f"{base}/{name}"
