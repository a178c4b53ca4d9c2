"""Commands about certificates in memory (management manual 9.3): show, new, set, commit, abort, del, dump ssl cert, and
which of them check JSON web tokens."""

import base64
import binascii
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final

from pointsman.admin.command import ADMIN, NOTICE, OPERATOR, Call, CommandError, command
from pointsman.admin.ocsp_updater import response_text
from pointsman.admin.publish import publish
from pointsman.admin.tls_memory import CERT
from pointsman.admin.transactions import abort, certificate_lines, committing, named, only
from pointsman.core.tls import Certificate as Facts
from pointsman.core.tls import pem_certificates
from pointsman.net.clock import wall_ms
from pointsman.tls.changes import KIND, plain_material
from pointsman.tls.files import (
    Material,
    TlsFileError,
    beside,
    check_timestamps,
    parse_key,
    parse_material,
)
from pointsman.tls.ocsp import OcspError, parsed, subject_of, usable
from pointsman.tls.options import LoadedFiles
from pointsman.tls.store import Certificate, PublicCertificate

UNKNOWN: Final = "Can't display the certificate: Not found or the certificate is a bundle!"
BELONGING: Final = (".key", ".issuer", ".ocsp", ".sctl")  # what may be set apart from the rest
Known = Certificate | PublicCertificate
EMPTY: Final = Material(chain=b"", key=b"")


# Showing.


@command(
    "show ssl cert",
    "show ssl cert [<certfile>]",
    "list the certificates in memory, or the details of one",
    level=OPERATOR,
)
def show_certificates(call: Call) -> str:
    """show ssl cert [[*][\\]<filename>]: "*" asks for the transaction."""
    tls = call.view.tls
    if call.words:
        return _details(call)
    names = sorted([*tls.store.certificates, *tls.store.public, *tls.store.empty])
    staged = "" if tls.certificate is None else f"# transaction\n*{tls.certificate[0]}\n"
    return staged + ("# filename\n" + "".join(name + "\n" for name in names) if names else "")


def _details(call: Call) -> str:
    tls = call.view.tls
    transaction, name = named(call.words[0])
    found = tls.store.named(name)
    if len(call.words) > 1:
        raise CommandError(UNKNOWN)
    if transaction:
        whole = name.removesuffix(".ocsp")
        if tls.certificate is not None and tls.certificate[0] == whole != name:
            return _response(tls.certificate[1])
        if tls.certificate is None or tls.certificate[0] != name:
            raise CommandError(UNKNOWN)
        return _described(call, "*" + name, "Uncommitted", found, tls.certificate[1])
    if found is not None:
        used = isinstance(found, Certificate) and found.used
        return _described(call, name, "Used" if used else "Unused", found, found.material)
    if name in tls.store.empty:
        return _described(call, name, "Empty", None, EMPTY)
    of_response = tls.store.certificates.get(name.removesuffix(".ocsp"))
    if of_response is not None:
        return _response(of_response.material)
    raise CommandError(UNKNOWN)


def _response(material: Material) -> str:
    """<filename>.ocsp: the text of its OCSP response; nothing where it has none."""
    return response_text(parsed(material.ocsp).text) if material.ocsp else ""


def _described(call: Call, name: str, status: str, found: Known | None, material: Material) -> str:
    text = f"Filename: {name}\n"
    if found is not None and found.files.crt:
        text += "".join(f"{what} filename: {path}\n" for what, path in _files(call, found))
    text += f"Status: {status}\n"
    chain = [Facts(der) for der in pem_certificates(material.chain)]
    if chain:
        text += certificate_lines(chain[0])
    for one in chain[1:]:
        subject, issuer = ((one.line(which) or b"").decode("utf-8", "replace") for which in (False, True))
        text += f"Chain Subject: {subject}\nChain Issuer: {issuer}\n"
    if isinstance(found, Certificate) and material is found.material:
        key = found.ocsp_key
    else:
        about = subject_of(material) if material.ocsp or material.wants_ocsp else None
        key = "" if about is None else about.key
    return f"{text}OCSP Response Key: {key}\n"


def _files(call: Call, found: Known) -> list[tuple[str, str]]:
    """What it was read from."""
    said, had = found.files, found.material
    extra = call.view.tls.store.extra
    if said.generate:
        return []
    files = [("Crt", said.crt)]
    changed = isinstance(found, Certificate) and found.changed
    if isinstance(found, Certificate):
        files.append(("Key", said.key or had.key_file or said.crt))
    for what, path, kind, there in (
        ("OCSP", said.ocsp, "ocsp", had.wants_ocsp),
        ("OCSP Issuer", said.issuer, "issuer", had.issuer),
        ("SCTL", said.sctl, "sctl", had.sctl),
    ):
        if path or (there and not changed):
            files.append((what, path or beside(said.crt, kind, extra)))
    return files


@command("dump ssl cert", "dump ssl cert <certfile>", "write a certificate with its key and chain in PEM", level=ADMIN)
def dump_certificate(call: Call) -> str:
    """dump ssl cert [*]<certfile>: the key, which is not encrypted, the certificate and its chain."""
    tls = call.view.tls
    transaction, name = named(call.word(0))
    if transaction:
        if tls.certificate is None or tls.certificate[0] != name:
            raise CommandError(UNKNOWN)
        return _without_blanks(tls.certificate[1].key + tls.certificate[1].chain)
    found = tls.store.named(name)
    if found is None:
        raise CommandError(UNKNOWN)
    key = found.identity.key if isinstance(found, Certificate) else b""
    return _without_blanks(key + found.material.chain)


def _without_blanks(pem: bytes) -> str:
    """An empty line would end the answer."""
    return "".join(line + "\n" for line in pem.decode("latin-1").splitlines() if line.strip())


# Changing.


@command("new ssl cert", "new ssl cert <certfile>", "make a name for a certificate that is to come", level=ADMIN)
async def new_certificate(call: Call) -> str:
    """new ssl cert <filename>: `set ssl cert` and `commit ssl cert` give it content, `add ssl crt-list` a use."""
    name = call.word(0)
    if not name:
        raise CommandError("'new ssl cert' expects a filename")
    if _known(call, name):
        raise CommandError(f"Certificate '{name}' already exists!")
    await publish(call, [KIND, "new", CERT, name])
    raise CommandError(f"New empty certificate store '{name}'!", NOTICE)


@command(
    "set ssl cert", "set ssl cert <certfile> <payload>", "replace a certificate, once it is committed", level=ADMIN
)
def set_certificate(call: Call) -> str:
    """set ssl cert <filename>[.key|.issuer|.ocsp|.sctl] <payload>: staged, on top of what is staged already."""
    tls = call.view.tls
    said = call.word(0)
    if not said or not call.payload:
        raise CommandError("'set ssl cert' expects a filename and a certificate as a payload")
    failed = f"\nCan't update {said}!"
    name, kind = _target(call, said)
    only(tls, CERT, name, last=failed)
    if not _known(call, name):
        raise CommandError(f"Can't replace a certificate which is not referenced by the configuration!{failed}")
    begun = tls.certificate is None
    before = _present(call, name) if tls.certificate is None else tls.certificate[1]
    try:
        tls.certificate = name, _with(before, kind, call.payload.encode("utf-8", "surrogateescape"), name)
    except TlsFileError as error:
        raise CommandError(f"{error}\nCan't load the payload{failed}") from None
    raise CommandError(f"Transaction {'created' if begun else 'updated'} for certificate {name}!", NOTICE)


def _known(call: Call, name: str) -> bool:
    return call.view.tls.store.named(name) is not None or name in call.view.tls.store.empty


def _target(call: Call, said: str) -> tuple[str, str]:
    """Which certificate, and which part of it ("": the certificate with its key and chain)."""
    if not _known(call, said):
        for kind in BELONGING:
            name = said.removesuffix(kind)
            if name != said:
                for whole in (name, f"{name}.crt" if call.view.tls.store.extra.replaces_ending else name):
                    if _known(call, whole):
                        return whole, kind
    return said, ""


def _present(call: Call, name: str) -> Material:
    found = call.view.tls.store.named(name)
    if found is None:
        return EMPTY
    if not isinstance(found, Certificate):
        return found.material
    # A key that was decrypted when it was read need not be so again.
    return replace(found.material, key=found.identity.key)


def _with(before: Material, kind: str, payload: bytes, name: str) -> Material:
    """One part replaced. What belonged to another certificate goes with it. TlsFileError: the payload is wrong."""
    if kind == ".key":
        return replace(before, key=parse_key(payload, name))
    if kind == ".issuer":
        if not _certificates(payload, name):
            raise TlsFileError(f"unable to load the issuer's certificate of '{name}'.")
        return replace(before, issuer=payload)
    if kind in (".ocsp", ".sctl"):
        try:
            data = base64.b64decode(b"".join(payload.split()), validate=True)
        except (binascii.Error, ValueError):
            raise TlsFileError("the payload is expected in base64") from None
        if kind == ".ocsp":
            try:
                parsed(data)
            except OcspError:
                raise TlsFileError(f"'{name}.ocsp' is no OCSP response.") from None
            return replace(before, ocsp=data, wants_ocsp=True)
        check_timestamps(data, f"{name}.sctl")
        return replace(before, sctl=data)
    material = parse_material(payload, name)
    _certificates(material.chain, name)
    return replace(material, wants_ocsp=before.wants_ocsp)


def _certificates(pem: bytes, name: str) -> list[bytes]:
    try:
        return pem_certificates(pem)
    except ValueError as error:
        raise TlsFileError(f"unable to load certificate from file '{name}': {error}.") from None


@command("commit ssl cert", "commit ssl cert <certfile>", "put the certificate that was set in force", level=ADMIN)
async def commit_certificate(call: Call) -> str:
    """commit ssl cert <filename>: connections from now on get it, on all lanes and wherever it is used."""
    tls = call.view.tls
    name = call.word(0)
    committing(tls, CERT, name)
    assert tls.certificate is not None
    staged = tls.certificate
    material = staged[1]
    failed = f"\nCan't commit {name}!"
    if not material.chain or not material.key:
        raise CommandError(f"The transaction must contain at least a certificate and a private key!{failed}")
    try:
        material = tls.store.chains.completed(material)
        material = replace(material, key=tls.store.identity(material, name).key)
        found = tls.store.certificates.get(name)
        files = LoadedFiles(name=name, crt="") if found is None else found.files
        subject = tls.store.subject(files, material)
        if found is not None and found.lines:
            tls.store.check_issuer(files, material, True)
        if subject is not None and material.ocsp and (found is None or material.ocsp != found.material.ocsp):
            usable(material.ocsp, subject, wall_ms() // 1000)
    except (TlsFileError, OcspError) as error:
        raise CommandError(f"{error}{failed}") from None
    text = f"Committing {name}" + "." * (0 if found is None else len(found.lines) + len(found.users))
    try:
        await publish(call, [KIND, CERT, name, plain_material(material)])
    except CommandError as error:
        raise CommandError(f"{text}\n{error}\nFailed!") from None
    if tls.certificate is staged:
        tls.certificate = None
    return f"{text}\nSuccess!\n"


@command("abort ssl cert", "abort ssl cert <certfile>", "forget the certificate that was set", level=ADMIN)
def abort_certificate(call: Call) -> str:
    """abort ssl cert <filename>"""
    return abort(call.view.tls, CERT, call.word(0))


@command("del ssl cert", "del ssl cert <certfile>", "forget a certificate that nobody uses", level=ADMIN)
async def delete_certificate(call: Call) -> str:
    """del ssl cert <certfile>: it must be in no list and on no line, and check no tokens."""
    tls = call.view.tls
    name = call.word(0)
    if not name:
        raise CommandError("'del ssl cert' expects a certificate name")
    failed = "Can't remove the certificate:"
    if not _known(call, name):
        raise CommandError(f"{failed} certificate '{name}' doesn't exist!")
    if tls.staged(CERT) == name:
        raise CommandError(f"{failed} ongoing transaction for the certificate '{name}'")
    found = tls.store.named(name)
    if found is not None and (found.jwt or (isinstance(found, Certificate) and found.used)):
        raise CommandError(f"{failed} certificate '{name}' in use, can't be deleted!")
    await publish(call, [KIND, "del", CERT, name])
    raise CommandError(f"Certificate '{name}' deleted!", NOTICE)


# Tokens.


@command("show ssl jwt", "show ssl jwt", "list the certificates that check JSON web tokens", level=OPERATOR)
def show_jwt(call: Call) -> str:
    """show ssl jwt"""
    store = call.view.tls.store
    found = [name for name, one in store.certificates.items() if one.jwt]
    found += [name for name, one in store.public.items() if one.jwt]
    return "# filename\n" + "".join(name + "\n" for name in sorted(found))


def _jwt(call: Call, wanted: bool) -> Awaitable[str]:
    name = call.word(0)
    if call.view.tls.store.named(name) is None:
        raise CommandError(UNKNOWN)
    if call.view.tls.staged(CERT) == name:
        raise CommandError(f"ongoing transaction for the certificate '{name}'")
    return publish(call, [KIND, "jwt", name, wanted])


@command("add ssl jwt", "add ssl jwt <certfile>", "let a certificate check JSON web tokens", level=ADMIN)
def add_jwt(call: Call) -> Awaitable[str]:
    """add ssl jwt <filename>: of a certificate that is in memory (manual 7.3.1, jwt_verify_cert)."""
    return _jwt(call, True)


@command("del ssl jwt", "del ssl jwt <certfile>", "let a certificate check JSON web tokens no more", level=ADMIN)
def delete_jwt(call: Call) -> Awaitable[str]:
    """del ssl jwt <filename>"""
    return _jwt(call, False)
