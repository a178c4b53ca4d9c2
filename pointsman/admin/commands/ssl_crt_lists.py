"""Commands about crt-lists, the names that bind lines serve, and OpenSSL's providers (management manual 9.3)."""

from collections.abc import Callable, Iterator
from typing import Final

from pointsman.admin.command import ADMIN, NOTICE, Call, CommandError, command
from pointsman.admin.publish import publish
from pointsman.admin.tls_memory import ReadLine
from pointsman.core.tls import providers
from pointsman.net.clock import wall_ms
from pointsman.tls.changes import KIND, plain_line
from pointsman.tls.front import EVERYTHING, FrontTls, Shown
from pointsman.tls.options import NO_PROTOCOLS, CertificateLine, FrontOptions
from pointsman.tls.store import CrtList

ADDING: Final = "Can't edit the crt-list:"
DELETING: Final = "Can't delete the entry:"
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}  # of an offset
KEYS: Final = {"EC": "ecdsa"}  # kinds of keys that are shown by another name


def _list(call: Call, name: str) -> CrtList | None:
    lists = call.view.tls.store.lists
    return lists.get(name) or lists.get(name.rstrip("/"))


# Showing lists.


@command("show ssl crt-list", "show ssl crt-list [-n] [<list>]", "list the crt-lists, or the lines of one", level=ADMIN)
def show_crt_lists(call: Call) -> str:
    """show ssl crt-list [-n] [<filename>]; -n: with the numbers of lines."""
    numbered = call.word(0) == "-n"
    name = call.word(1 if numbered else 0)
    if not name:
        if numbered:
            raise CommandError("'show ssl crt-list -n' expects a filename or a directory")
        return "".join(name + "\n" for name in sorted(call.view.tls.store.lists))
    found = _list(call, name)
    if found is None:
        raise CommandError("didn't find the specified filename")
    return f"# {found.name}\n" + "".join(_written(line, numbered) for line in found.lines)


def _written(line: CertificateLine, numbered: bool) -> str:
    """As a line of a file, which without its number could be loaded."""
    words = [f"{line.files.name}:{line.number}" if numbered else line.files.name]
    options = [*_options(line.options), *_files(line)]
    if options:
        words.append(f"[{' '.join(options)}]")
    return " ".join([*words, *line.filters]) + "\n"


def _alpn(value: bytes) -> str:
    names = []
    while value:
        names.append(value[1 : 1 + value[0]].decode("latin-1"))
        value = value[1 + value[0] :]
    return ",".join(names)


VALUES: Final[tuple[tuple[str, Callable[[FrontOptions], str | None]], ...]] = (
    ("verify", lambda said: said.verify),
    ("no-ca-names", lambda said: "" if said.names_of_authorities is False else None),
    ("allow-0rtt", lambda said: "" if said.early_data else None),
    ("ca-file", lambda said: said.ca_file),
    ("ca-verify-file", lambda said: said.ca_verify_file),
    ("crl-file", lambda said: said.crl_file),
    ("ciphers", lambda said: said.ciphers),
    ("ciphersuites", lambda said: said.ciphersuites),
    ("curves", lambda said: said.curves),
    ("ecdhe", lambda said: said.ecdhe),
    ("client-sigalgs", lambda said: said.client_sigalgs),
    ("sigalgs", lambda said: said.sigalgs),
    ("ssl-min-ver", lambda said: said.min_version),
    ("ssl-max-ver", lambda said: said.max_version),
)


def _options(said: FrontOptions) -> Iterator[str]:
    if said.alpn is not None:
        yield "no-alpn" if said.alpn == NO_PROTOCOLS else f"alpn {_alpn(said.alpn)}"
    for word, value_of in VALUES:
        value = value_of(said)
        if value is not None:
            yield f"{word} {value}".rstrip()


def _files(line: CertificateLine) -> Iterator[str]:
    """What was said of the files, unless a crt-store says it."""
    files = line.files
    if not files.name.startswith("@"):
        for word, value in (("key", files.key), ("ocsp", files.ocsp), ("issuer", files.issuer), ("sctl", files.sctl)):
            if value:
                yield f"{word} {value}"
        if files.ocsp_update is not None:
            yield f"ocsp-update {'on' if files.ocsp_update else 'off'}"


# Changing lists.


@command(
    "add ssl crt-list",
    "add ssl crt-list <list> <cert> [opts]*",
    "add a certificate, or a line as a payload, to a crt-list",
    level=ADMIN,
)
async def add_line(call: Call) -> str:
    """add ssl crt-list <crtlist> <certificate>, or <crtlist> and a payload of one line."""
    name = call.word(0)
    if not name or not (call.payload or call.word(1)):
        raise CommandError("'add ssl crtlist' expects a filename and a certificate name")
    store = call.view.tls.store
    found = _list(call, name)
    if found is None:
        raise CommandError(f"{ADDING} crt-list '{name}' does not exist!")
    said = _said(call)
    if found.folder and (said.filters or said.options != FrontOptions()):
        raise CommandError(
            f"{ADDING} this is a directory, SSL configuration, crt-store keywords and filters are not allowed"
        )
    if said.certificate in store.empty:
        raise CommandError(f"{ADDING} certificate '{said.certificate}' is empty!")
    if said.certificate in store.public:
        raise CommandError(f"{ADDING} certificate '{said.certificate}' has no private key!")
    certificate = store.certificates.get(said.certificate)
    if certificate is None:
        raise CommandError(f"{ADDING} certificate '{said.certificate}' does not exist!")
    if found.folder and any(line.files.name == certificate.name for line in found.lines):
        raise CommandError(f"{ADDING} file already exists in this directory!")
    _in_memory(call, said.options)
    line = CertificateLine(
        files=certificate.files,
        options=said.options,
        filters=said.filters,
        default=EVERYTHING in said.filters,
        number=found.last + 1,
    )
    text = f"Inserting certificate '{said.certificate}' in crt-list '{found.name}'" + "." * len(found.fronts)
    try:
        await publish(call, [KIND, "add", found.name, plain_line(line)])
    except CommandError as error:
        raise CommandError(f"{text}\n{error}\nFailed!") from None
    return f"{text}\nSuccess!\n"


def _said(call: Call) -> ReadLine:
    if not call.payload:
        return ReadLine(call.word(1), FrontOptions(), ())
    lines = [line for line in call.payload.splitlines() if line.strip()]
    if len(lines) != 1:
        raise CommandError(f"{ADDING} only one line of payload is supported!")
    try:
        return call.view.tls.read_line(lines[0])
    except ValueError as error:
        raise CommandError(f"{ADDING} {error}") from None


def _in_memory(call: Call, said: FrontOptions) -> None:
    """No file is read any more."""
    store = call.view.tls.store
    for word, name, table in (
        ("ca-file", said.ca_file, store.authorities),
        ("ca-verify-file", said.ca_verify_file, store.authorities),
        ("crl-file", said.crl_file, store.revocations),
    ):
        if name and (name not in table or not table[name].there):
            raise CommandError(f"{ADDING} '{word}' : unable to load {name}")


@command(
    "del ssl crt-list",
    "del ssl crt-list <list> <cert[:line]>",
    "take a line out of a crt-list",
    level=ADMIN,
)
async def delete_line(call: Call) -> str:
    """del ssl crt-list <filename> <certfile[:line]>: its names are served no more, unless others stand for them."""
    name, said = call.word(0), call.word(1)
    if not name or not said:
        raise CommandError("'del ssl crtlist' expects a filename and a certificate name")
    certificate, number = _numbered(call, said)
    found = _list(call, name)
    if found is None:
        raise CommandError(f"{DELETING} crt-list '{name}' does not exist!")
    if call.view.tls.store.named(certificate) is None:
        raise CommandError(f"{DELETING} certificate '{certificate}' does not exist!")
    place = _place(found, certificate, number)
    _not_default(found, found.lines[place])
    await publish(call, [KIND, "drop", found.name, place])
    raise CommandError(f"Entry '{certificate}' deleted in crtlist '{found.name}'!", NOTICE)


def _numbered(call: Call, said: str) -> tuple[str, int | None]:
    """The certificate and the line of <certfile[:line]>."""
    name, colon, digits = said.rpartition(":")
    if not colon or said in call.view.tls.store.certificates:
        return said, None
    if not digits.isascii() or not digits.isdigit():
        raise CommandError(f"{DELETING} wrong line number after colons in '{said}'!")
    return name, int(digits)


def _place(found: CrtList, certificate: str, number: int | None) -> int:
    """Of the line in the list."""
    lines = [place for place, line in enumerate(found.lines) if line.files.name == certificate]
    if not lines:
        raise CommandError(f"{DELETING} certificate '{certificate}' can't be found in crt-list '{found.name}'!")
    numbers = ", ".join(str(found.lines[place].number) for place in lines)
    if number is None:
        if len(lines) > 1:
            raise CommandError(
                f"{DELETING} found the certificate '{certificate}' in several entries, please specify a line number "
                f"preceded by colons ({numbers})!"
            )
        return lines[0]
    for place in lines:
        if found.lines[place].number == number:
            return place
    raise CommandError(
        f"{DELETING} found a certificate '{certificate}' but the line number is incorrect, please specify a correct "
        f"line number preceded by colons ({numbers})!"
    )


def _not_default(found: CrtList, line: CertificateLine) -> None:
    fronts = [front for front in found.fronts if front.rests_on(line)]
    if fronts:
        places = "".join(f"\n\t- {front.place}" for front in fronts)
        raise CommandError(
            f"{DELETING} certificate '{line.files.name}' cannot be deleted, it is used as default certificate by the "
            f"following frontends:{places}"
        )


# Names.


@command("show ssl sni", "show ssl sni [-f <frontend>] [-A]", "list the names that are served, and their certificates")
def show_sni(call: Call) -> str:
    """show ssl sni [-f <frontend>] [-A] [-t <offset>]: -A: of certificates that are past their date; -t: by then."""
    frontend, expired, offset = "", False, 0
    words = list(call.words)
    while words:
        word = words.pop(0)
        if word == "-f":
            if not words:
                raise CommandError("'-f' requires a frontend name!")
            frontend = words.pop(0)
            found = call.view.proxy(frontend)
            if found is None or found.front is None:
                raise CommandError("Couldn't find the specified frontend!")
        elif word == "-A":
            expired = True
        elif word == "-t":
            if not words:
                raise CommandError("'-t' requires an offset argument!")
            offset = _offset(words.pop(0))
        else:
            raise CommandError("Invalid parameters, 'show ssl sni' only supports '-f', '-A' or '-t' options!")
    before = wall_ms() // 1000 + offset if expired else None
    text = ["# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n"]
    for front in call.view.tls.fronts:
        if not frontend or front.proxy == frontend:
            text += _rows(front, before)
    return "".join(text)


def _offset(word: str) -> int:
    """In seconds."""
    digits, unit = (word[:-1], UNITS[word[-1]]) if word[-1:] in UNITS else (word, 1)
    if not digits.isascii() or not digits.isdigit():
        wrong = next((letter for letter in digits if not "0" <= letter <= "9"), "")
        raise CommandError(f"'-t {word}' : unexpected character '{wrong}'")
    return int(digits) * unit


def _rows(front: FrontTls, before: int | None) -> Iterator[str]:
    for name, shown in front.served():
        certificate = shown.certificate.identity.certificate
        after = certificate.not_after
        if before is not None and (after is None or after >= before):
            continue
        without = "".join(f"{word} " for word in shown.line.filters if word.startswith("!"))
        columns = (
            f"{front.proxy}/{front.place}",
            name,
            without if name.startswith(EVERYTHING) and without else "-",
            _kind(shown),
            shown.certificate.name,
            (certificate.not_after_text or b"").decode("latin-1"),
            (certificate.not_before_text or b"").decode("latin-1"),
        )
        yield "\t".join(columns) + "\n"


def _kind(shown: Shown) -> str:
    kind = shown.certificate.identity.kind
    return KEYS.get(kind, kind.lower())


@command("show ssl providers", "show ssl providers", "list the providers of OpenSSL that are loaded")
def show_providers(call: Call) -> str:
    """show ssl providers"""
    return "Loaded providers : \n" + "".join(f"\t- {name}\n" for name in providers())
