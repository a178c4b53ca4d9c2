"""`cookie` and `dynamic-cookie-key` (manual 4.2)."""

from dataclasses import dataclass

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word

MODES = ("rewrite", "insert", "prefix")
FLAGS = ("indirect", "nocache", "postonly", "preserve", "httponly", "secure", "dynamic")
WORDS = (*MODES, *FLAGS, "domain", "maxidle", "maxlife", "attr")
OF_DOMAINS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieLine(Setting):
    """A `cookie` line. Ages are seconds; 0: there is no limit."""

    name: bytes
    modes: frozenset[str]  # of MODES, one at most
    flags: frozenset[str]  # of FLAGS
    domains: tuple[bytes, ...]
    attributes: tuple[bytes, ...]
    max_idle: int
    max_life: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicCookieKey(Setting):
    """`dynamic-cookie-key`: the secret that dynamic cookies are made with."""

    value: bytes


@keyword("cookie", In.DEFAULTS | In.BACK, "4.2")
def cookie(args: Args) -> CookieLine:
    """cookie <name> [rewrite|insert|prefix] [indirect] [nocache] [postonly] [preserve] [httponly] [secure]
    [domain <domain>]* [maxidle <idle>] [maxlife <life>] [dynamic] [attr <value>]*: the server of a client's last
    request is named by a cookie, and gets the next one, too."""
    name = args.take("<cookie_name> as argument.") if args.peek() else ""
    if not name:
        raise ConfigError("'cookie' expects <cookie_name> as argument.", args.here, "the name of the cookie")
    modes: set[str] = set()
    flags: set[str] = set()
    domains: list[bytes] = []
    attributes: list[bytes] = []
    ages = {"maxidle": 0, "maxlife": 0}
    while args.more():
        word = args.word("an option")
        if word.text in MODES:
            modes.add(word.text)
        elif word.text in FLAGS:
            flags.add(word.text)
        elif word.text == "domain":
            domains.append(_domain(args))
        elif word.text == "attr":
            attributes.append(_attribute(args))
        elif word.text in ages:
            ages[word.text] = _age(args, word)
        else:
            listed = ", ".join(f"'{one}'" for one in WORDS[:-1])
            raise args.wrong(word, f"'cookie' supports {listed} and 'attr' options.", WORDS)
    _check(args, modes, flags)
    return CookieLine(
        at=args.at,
        name=_bytes(name),
        modes=frozenset(modes),
        flags=frozenset(flags),
        domains=tuple(domains),
        attributes=tuple(attributes),
        max_idle=ages["maxidle"],
        max_life=ages["maxlife"],
    )


def _check(args: Args, modes: set[str], flags: set[str]) -> None:
    if len(modes) > 1:
        raise ConfigError("cookie 'rewrite', 'insert' and 'prefix' modes are incompatible.", args.at, "one of them")
    if "rewrite" in modes and "indirect" in flags:
        raise ConfigError("cookie 'rewrite' and 'indirect' modes are incompatible.", args.at, "one of them")
    if "preserve" in flags and "insert" not in modes and "indirect" not in flags:
        raise ConfigError(
            "cookie 'preserve' requires at least 'insert' or 'indirect'.", args.at, "'insert' or 'indirect', too"
        )


def _argument(args: Args, name: str, what: str) -> Word:
    if not args.peek():
        raise ConfigError(f"'{name}' expects {what} as argument.", args.here, what)
    return args.word(what)


def _domain(args: Args) -> bytes:
    word = _argument(args, "domain", "<domain>")
    if "." not in word.text:
        args.diagnostics.warning(
            f"domain '{word.text}' contains no embedded dot, this configuration may not work properly "
            "(see RFC6265#5.2.3).",
            word.at,
            "a domain such as 'example.com'",
        )
    for one in word.text:
        if one not in OF_DOMAINS:
            raise ConfigError(
                f"character {one!r} is not permitted in domain name '{word.text}'.",
                word.at,
                "letters, digits, '-', '.' and '_'",
            )
    return _bytes(word.text)


def _attribute(args: Args) -> bytes:
    word = _argument(args, "attr", "<value>")
    value = _bytes(word.text)
    for one in value:
        if one < 0x20 or one in (0x3B, 0x7F):
            raise ConfigError(
                f"character '%x{one:02X}' is not permitted in attribute value.",
                word.at,
                "no ';', which separates attributes, and no control character",
            )
    return value


def _age(args: Args, word: Word) -> int:
    if not args.peek():
        what = "<idletime>" if word.text == "maxidle" else "<lifetime>"
        raise ConfigError(f"'{word.text}' expects {what} in seconds as argument.", args.here, "a time")
    return -(-args.time(f"<{word.text}>", "s") // 1000)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@keyword("dynamic-cookie-key", In.DEFAULTS | In.BACK, "4.2")
def dynamic_cookie_key(args: Args) -> DynamicCookieKey:
    """dynamic-cookie-key <string>: the secret key of dynamic cookies."""
    if not args.peek():
        raise ConfigError("'dynamic-cookie-key' expects <secret_key> as argument.", args.here, "<secret_key>")
    return DynamicCookieKey(at=args.at, value=_bytes(args.take("<secret_key>")))
