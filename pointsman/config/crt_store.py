"""crt-store sections: certificates with all that belongs to them, by names of their own (manual 12.7).

    crt-store [<name>]
        load crt <file> [alias <name>] [key <file>] ...

What is loaded is known as @<name>/<alias>, or @<name>/<file>; without both names by the path of its file. Words that
say where its parts are stand on lines of crt-lists as well (LIST_WORDS).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from pointsman.config.certificates import Definition, definitions
from pointsman.config.keyword import Args, is_number, keyword
from pointsman.config.parameters import Parameter, Words
from pointsman.config.setting import In, Setting
from pointsman.config.tls_paths import CrtBase, KeyBase, behind
from pointsman.config.vocabulary import not_built
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import Registry
from pointsman.tls.options import LoadedFiles

KEY_TYPES: Final = ("RSA", "ECDSA")
BITS: Final = (1024, 16_384)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Setting):
    """A `load` line."""

    files: LoadedFiles
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Loading:
    """The words of one line so far. Paths are as they were written."""

    files: LoadedFiles = LoadedFiles(name="", crt="")  # noqa: RUF009 - frozen
    alias: str = ""
    dummy: bool = False  # generate-dummy
    key_type: str = "RSA"
    bits: int = 2048
    curve: str = "P-384"


LOAD_WORDS: Final[Registry[Parameter[Loading]]] = Registry("option of load lines")
LIST_WORDS: Final = ("crt", "issuer", "key", "ocsp", "ocsp-update", "sctl")  # those that crt-lists know as well

Parse = Callable[[Words, Loading], Loading]


def load_word(name: str) -> Callable[[Parse], Parse]:
    """Register a word of load lines."""

    def record(parse: Parse) -> Parse:
        LOAD_WORDS.add(name, Parameter(name, parse))
        return parse

    return record


def _file(words: Words, before: str) -> str:
    """The next word, a file; a warning if there was one already."""
    file = words.value("expects a file name as argument", "<filename>").text
    if before:
        words.args.diagnostics.warning(f"'{words.word.text}' already specified, overwriting.", words.word.at)
    return file


def _on(words: Words) -> bool:
    word = words.value("'on' or 'off' is expected", "on or off")
    if word.text not in ("on", "off"):
        raise ConfigError(
            f"cannot parse '{words.word.text}' value '{word.text}', 'on' or 'off' is expected.", word.at, "on or off"
        )
    return word.text == "on"


@load_word("crt")
def crt(words: Words, load: Loading) -> Loading:
    """crt <filename>: the certificate, with what it is signed by, and perhaps with its key."""
    return replace(load, files=replace(load.files, crt=_file(words, load.files.crt)))


@load_word("key")
def key(words: Words, load: Loading) -> Loading:
    """key <filename>: its private key."""
    return replace(load, files=replace(load.files, key=_file(words, load.files.key)))


@load_word("ocsp")
def ocsp(words: Words, load: Loading) -> Loading:
    """ocsp <filename>: an OCSP response."""
    return replace(load, files=replace(load.files, ocsp=_file(words, load.files.ocsp)))


@load_word("issuer")
def issuer(words: Words, load: Loading) -> Loading:
    """issuer <filename>: the certificate of who has signed it, for OCSP."""
    return replace(load, files=replace(load.files, issuer=_file(words, load.files.issuer)))


@load_word("sctl")
def sctl(words: Words, load: Loading) -> Loading:
    """sctl <filename>: a list of signed certificate timestamps."""
    return replace(load, files=replace(load.files, sctl=_file(words, load.files.sctl)))


@load_word("ocsp-update")
def ocsp_update(words: Words, load: Loading) -> Loading:
    """ocsp-update on|off: its OCSP response is kept up to date."""
    return replace(load, files=replace(load.files, ocsp_update=_on(words)))


@load_word("alias")
def alias(words: Words, load: Loading) -> Loading:
    """alias <string>: the name by which it is known, behind that of the store."""
    return replace(load, alias=words.value("expects a name as argument", "<string>").text)


@load_word("jwt")
def jwt(words: Words, load: Loading) -> Loading:
    """jwt on|off: converters may verify and decrypt tokens with it."""
    return replace(load, files=replace(load.files, jwt=_on(words)))


@load_word("generate-dummy")
def generate_dummy(words: Words, load: Loading) -> Loading:
    """generate-dummy on|off: a certificate that signs itself is made on the spot, with a key."""
    return replace(load, dummy=_on(words))


@load_word("keytype")
def keytype(words: Words, load: Loading) -> Loading:
    """keytype RSA|ECDSA: the kind of that key."""
    return replace(load, key_type=words.choice(KEY_TYPES))


@load_word("bits")
def bits(words: Words, load: Loading) -> Loading:
    """bits <number>: the size of that key, if it is one of RSA."""
    word = words.value("expects a number as argument", "<number>")
    low, high = BITS
    if not is_number(word.text) or not low <= int(word.text) <= high:
        raise words.wrong(f"'{word.text}' is no size of a key", word, f"a number from {low} to {high}")
    return replace(load, bits=int(word.text))


@load_word("curves")
def curves(words: Words, load: Loading) -> Loading:
    """curves <string>: the curve of that key, if it is one of ECDSA."""
    return replace(load, curve=words.value("expects a curve as argument", "<string>").text)


@keyword("crt-base", In.CRT_STORE, "12.7")
def store_crt_base(args: Args) -> CrtBase:
    """crt-base <dir>: where relative names of certificates of this store start from, not that of global."""
    return CrtBase(folder=_folder(args), at=args.at)


@keyword("key-base", In.CRT_STORE, "12.7")
def store_key_base(args: Args) -> KeyBase:
    """key-base <dir>: where relative names of keys of this store start from, not that of global."""
    return KeyBase(folder=_folder(args), at=args.at)


def _folder(args: Args) -> str:
    if not args.more():
        raise ConfigError(f"'{args.keyword}' requires a <path> argument.", args.here, "<dir>")
    return args.take("<dir>")


@keyword("load", In.CRT_STORE, "12.7")
def load(args: Args) -> Load:
    """load crt <filename> [<option> <value>]...: a certificate of the store, with all that belongs to it."""
    words = Words(args, "'load' in section 'crt-store'")
    loading = Loading()
    while args.more():
        words.word = args.word("an option")
        found = LOAD_WORDS.get(words.word.text)
        if found is None:
            name = words.word.text
            raise not_built(
                "load",
                name,
                words.word.at,
                LOAD_WORDS,
                f"'load {name}' in section 'crt-store': unknown keyword '{name}'.",
            )
        loading = found.parse(words, loading)
    if not loading.files.crt:
        raise ConfigError(f"{words.said}: mandatory 'crt' parameter not found.", args.here, "crt <filename>")
    files = _complete(args, loading)
    known = definitions(args.configuration)
    if files.name in known:
        raise ConfigError(
            f"{words.said}: store '{files.name}' was already defined.",
            args.at,
            hint=f"it was defined at {known[files.name].files.at}",
        )
    if not files.generate and not os.path.exists(files.crt):
        raise ConfigError(f"cannot open the file '{files.crt}'.", args.at)
    known[files.name] = Definition(files, stored=True)
    return Load(files=files, at=args.at)


def _complete(args: Args, loading: Loading) -> LoadedFiles:
    """With its name, and with complete paths."""
    section, main, said = args.section, args.configuration.main, loading.files
    certificates = section.one(CrtBase) or main.one(CrtBase)
    keys = section.one(KeyBase) or main.one(KeyBase)
    base = None if certificates is None else certificates.folder
    crt = behind(base, said.crt)
    if loading.alias or section.name:
        name = f"@{section.name}/{loading.alias or said.crt}"
    else:
        name = crt
    return replace(
        said,
        name=name,
        crt=crt,
        key=behind(None if keys is None else keys.folder, said.key) if said.key else "",
        ocsp=behind(base, said.ocsp) if said.ocsp else "",
        issuer=behind(base, said.issuer) if said.issuer else "",
        sctl=behind(base, said.sctl) if said.sctl else "",
        generate=f"{loading.key_type} {loading.bits} {loading.curve}" if loading.dummy else "",
        explicit=True,
        at=args.at,
    )
