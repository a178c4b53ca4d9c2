"""Reading what certificates are made of: PEM files, and what is beside them (manual 3.1 ssl-load-extra-files, 5.1 crt).

All of it happens while a configuration is loaded, before rights are given up.
"""

import os
import re
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pointsman.tls.options import LoadedFiles

BEGIN: Final = b"-----BEGIN "
DASHES: Final = b"-----"
KIND: Final = re.compile(rb"[A-Z0-9 ]+")
CERTIFICATES: Final = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")
AUTHORITY_ENDINGS: Final = (".pem", ".crt", ".cer", ".crl")  # what a folder of authorities is made of
SYSTEM_AUTHORITIES: Final = "@system-ca"


class TlsFileError(Exception):
    """Something cannot be read, or is not what it should be. The text names the file, and never holds a part of it."""


class NoKeyError(TlsFileError):
    """A certificate alone. One of a crt-store may be, until it is to be shown."""


@dataclass(frozen=True, slots=True)
class ExtraFiles:
    """What is looked for beside a certificate that says nothing of it, and how it is named."""

    kinds: frozenset[str] = frozenset(("bundle", "sctl", "ocsp", "issuer", "key"))
    replaces_ending: bool = False  # ssl-load-extra-del-ext: a.crt has a.key beside it, not a.crt.key


@dataclass(frozen=True, slots=True)
class Material:
    """What makes up one certificate. Texts are PEM."""

    chain: bytes  # the leaf first
    key: bytes
    parameters: bytes = b""  # of a Diffie-Hellman group
    issuer: bytes = b""
    ocsp: bytes = b""  # DER of a response
    sctl: bytes = b""  # a list of signed certificate timestamps
    key_file: str = ""  # where the key was read from, if it was not beside the certificate in one file
    wants_ocsp: bool = False  # a response may come later: there is an .ocsp file, be it an empty one


def read(path: str, what: str) -> bytes:
    """The content of a file. `what` says for errors what it is for."""
    try:
        with open(path, "rb", 0) as file:
            return file.read()
    except OSError as error:
        raise TlsFileError(f"unable to {what} from file '{path}' : {error.strerror}.") from None


def blocks(text: bytes) -> list[tuple[bytes, bytes]]:
    """The blocks of a PEM text in their order: what each is, and all of it, with the end of its last line."""
    found: list[tuple[bytes, bytes]] = []
    start = text.find(BEGIN)
    while start >= 0:
        behind = start + len(BEGIN)
        kind = text[behind : text.find(DASHES, behind)]
        last = DASHES + b"END " + kind + DASHES
        stop = text.find(last, behind) if KIND.fullmatch(kind) else -1
        if stop >= 0:
            behind = stop + len(last)
            found.append((kind, text[start:behind] + b"\n"))
        start = text.find(BEGIN, behind)
    return found


def read_material(files: LoadedFiles, extra: ExtraFiles) -> Material:
    """One certificate, from its files."""
    if files.explicit:
        extra = ExtraFiles(frozenset())
    material = parse_material(read(files.crt, "stat SSL certificate"), files.crt, files.key)
    if not material.key:
        path = _key_path(files, extra)
        material = replace(material, key=parse_key(read(path, "load private key"), path), key_file=path)
    for kind in ("issuer", "sctl", "ocsp"):
        path = str(getattr(files, kind))
        if not path and kind in extra.kinds:
            found = beside(files.crt, kind, extra)
            path = found if os.path.exists(found) else ""
        if path:
            material = _with_file(material, kind, path)
    return material


def parse_material(text: bytes, path: str, key: str = "") -> Material:
    """Certificates, key and parameters of a PEM text; the key is b"" where there is none. `key`: a file that has it."""
    found = blocks(text)
    chain = b"".join(block for kind, block in found if kind in CERTIFICATES)
    if not chain:
        raise TlsFileError(f"unable to load certificate from file '{path}': no start line.")
    keys = [block for kind, block in found if kind.endswith(b"PRIVATE KEY")]
    return Material(
        chain=chain,
        key=keys[0] if keys and not key else b"",
        parameters=next((block for kind, block in found if kind == b"DH PARAMETERS"), b""),
    )


def _key_path(files: LoadedFiles, extra: ExtraFiles) -> str:
    if not files.key and "key" not in extra.kinds:
        raise NoKeyError(f"No Private Key found in '{files.crt}'.")
    path = files.key or beside(files.crt, "key", extra)
    if not files.key and not os.path.exists(path):
        raise NoKeyError(f"No Private Key found in '{path}'.")
    return path


def parse_key(text: bytes, path: str) -> bytes:
    """The first private key of a PEM text."""
    for kind, block in blocks(text):
        if kind.endswith(b"PRIVATE KEY"):
            return block
    raise TlsFileError(f"unable to load private key from file '{path}'.")


def _with_file(material: Material, kind: str, path: str) -> Material:
    text = read(path, f"load the {kind} of a certificate")
    if kind == "issuer":
        if not any(name in CERTIFICATES for name, _ in blocks(text)):
            raise TlsFileError(f"unable to load the issuer's certificate from file '{path}'.")
        return replace(material, issuer=text)
    if kind == "ocsp":
        return replace(material, ocsp=text, wants_ocsp=True)
    check_timestamps(text, path)
    return replace(material, sctl=text)


def check_timestamps(text: bytes, path: str) -> None:
    """A list of signed certificate timestamps: its size, then each behind its own (RFC 6962, 3.3)."""
    at = 2
    good = len(text) >= 2 and int.from_bytes(text[:2], "big") == len(text) - 2
    while good and at < len(text):
        size = int.from_bytes(text[at : at + 2], "big")
        at += 2 + size
        good = size > 0 and at <= len(text)
    if not good or at == 2:
        raise TlsFileError(f"unable to load the list of certificate timestamps from file '{path}'.")


def beside(path: str, kind: str, extra: ExtraFiles) -> str:
    """Where something that belongs to a certificate is looked for."""
    base, dot, ending = path.rpartition(".")
    if extra.replaces_ending and dot and "/" not in ending:
        return f"{base}.{kind}"
    return f"{path}.{kind}"


def system_authorities() -> bytes:
    """What the system trusts, as PEM: read now, as it may be out of reach later (chroot), and each certificate once, as
    most systems have each by itself and all in one file. SSL_CERT_DIR and SSL_CERT_FILE say other places, as OpenSSL
    has it. b"": none was found."""
    places = ssl.get_default_verify_paths()
    folders = os.environ.get(places.openssl_capath_env) or places.openssl_capath
    paths = [os.environ.get(places.openssl_cafile_env) or places.openssl_cafile]
    for folder in folders.split(os.pathsep):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        paths += [os.path.join(folder, name) for name in names if name.endswith(AUTHORITY_ENDINGS) and name[0] != "."]
    found: dict[bytes, None] = {}
    for path in paths:
        try:
            text = Path(path).read_bytes()
        except OSError:
            continue  # what cannot be read is not trusted
        found.update(dict.fromkeys(block for kind, block in blocks(text) if kind in CERTIFICATES))
    return b"".join(found)


def read_authorities(path: str) -> bytes:
    """Certificates of CAs, and lists of revoked ones, as PEM: a file, or a folder's files in alphabetical order."""
    if path == SYSTEM_AUTHORITIES:
        return system_authorities()
    if os.path.isdir(path):
        try:
            names = sorted(name for name in os.listdir(path) if name.endswith(AUTHORITY_ENDINGS) and name[0] != ".")
        except OSError as error:
            raise TlsFileError(f"Couldn't open the ca-file '{path}' ({error.strerror}).") from None
        return b"\n".join(read_authorities(os.path.join(path, name)) for name in names)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TlsFileError(f"Couldn't open the ca-file '{path}' ({error.strerror}).") from None
