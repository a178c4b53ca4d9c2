"""Certificates and authorities in memory, each by its name and once, whoever uses it: what `show ssl cert` lists.

They are read while a configuration is loaded; contexts (front.py, back.py) are made of what is here, and are made anew
when it changes (changes.py). Each process has its own copy: lanes get theirs when they are forked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from pointsman.core.diagnostics import Position
from pointsman.core.tls import Identity, dummy
from pointsman.net.clock import wall_ms
from pointsman.tls.chains import Chains
from pointsman.tls.files import (
    SYSTEM_AUTHORITIES,
    ExtraFiles,
    Material,
    NoKeyError,
    TlsFileError,
    parse_material,
    read,
    read_authorities,
    read_material,
)
from pointsman.tls.ocsp import OcspError, Subject, has_responder, missing_issuer, subject_of, usable
from pointsman.tls.options import CertificateLine, CertificateList, Kept, LoadedFiles
from pointsman.tls.passphrases import Passphrases

MOST_EARLY: Final = 15_360  # bytes of early data: what a buffer holds, without what is kept for rewriting
GENERATED_NAME: Final = "localhost"  # whom a certificate that was generated is for


class ShowingLine(Protocol):
    """A line of a bind line that shows a certificate."""

    def check(self, identity: Identity) -> None:
        """TlsSetupError: it could not be shown in place of the certificate's."""

    def renew(self, before: Identity) -> None:
        """The certificate has another identity than before."""


class Showing(Protocol):
    """A bind line, where lines of its lists come and go (front.py)."""

    place: str

    def add(self, line: CertificateLine) -> None:
        """TlsFileError, TlsSetupError: it cannot be shown, and all stays as it was."""

    def remove(self, line: CertificateLine) -> None: ...

    def rests_on(self, line: CertificateLine) -> bool:
        """It is the default certificate because it is the first one."""


class Certificate:
    """One that is known by a name, with its key. `lines` show it; other users (servers) are called when it changes."""

    def __init__(self, files: LoadedFiles, material: Material, identity: Identity) -> None:
        self.files = files
        self.name = files.name
        self.material = material
        self.identity = identity
        self.lines: list[ShowingLine] = []
        self.users: list[Callable[[], None]] = []
        self.jwt = files.jwt
        self.changed = False  # while it was in memory
        self.subject: Subject | None = None  # where OCSP responses are sent along, or may be
        self.ocsp_key = ""  # its identifier

    def staple(self, der: bytes, until: int) -> None:
        """That OCSP response goes along from now on; b"": none."""
        self.material = replace(self.material, ocsp=der)
        self.identity.staple = der or None
        self.identity.staple_until = until

    @property
    def used(self) -> bool:
        return bool(self.lines or self.users)

    def replace(self, material: Material, identity: Identity) -> None:
        """For connections yet to come, wherever it is shown. TlsSetupError: somewhere it cannot be, and all stays."""
        for line in self.lines:
            line.check(identity)
        before = self.material, self.identity
        self.material, self.identity = material, identity

        def undo() -> None:
            self.material, self.identity = before

        _tell(self.users, undo)
        for line in self.lines:
            line.renew(before[1])


@dataclass(slots=True)
class PublicCertificate:
    """One without a key, as crt-stores may have it: nobody can show it, but tokens can be checked with it."""

    files: LoadedFiles
    material: Material
    jwt: bool


@dataclass(slots=True)
class Authorities:
    """A file or folder of CAs, or of lists of revoked certificates."""

    name: str
    pem: bytes
    users: list[Callable[[], None]] = field(default_factory=list)
    changed: bool = False  # while it was in memory

    @property
    def used(self) -> bool:
        return bool(self.users)

    @property
    def there(self) -> bool:
        """It is more than a name for what is to come."""
        return bool(self.pem) or self.name == SYSTEM_AUTHORITIES

    def replace(self, pem: bytes) -> None:
        """For connections yet to come. TlsSetupError: somewhere it cannot be, and all stays as it was."""
        before = self.pem
        self.pem = pem

        def undo() -> None:
            self.pem = before

        _tell(self.users, undo)


class CrtList:
    """A crt-list while it is in use: lines come and go on all bind lines that name it."""

    def __init__(self, said: CertificateList) -> None:
        self.name = said.name
        self.folder = said.folder
        self.lines = list(said.lines)
        self.last = max((line.number for line in said.lines), default=0)  # number of a line so far
        self.fronts: list[Showing] = []
        self.changed = False

    def add(self, line: CertificateLine) -> None:
        """On all bind lines. TlsFileError, TlsSetupError: one of them cannot show it, and so none does."""
        done: list[Showing] = []
        try:
            for front in self.fronts:
                front.add(line)
                done.append(front)
        except Exception:
            for front in done:
                front.remove(line)
            raise
        self.lines.append(line)
        self.last = max(self.last, line.number)

    def remove(self, line: CertificateLine) -> None:
        for front in self.fronts:
            front.remove(line)
        self.lines = [one for one in self.lines if one is not line]


class Store:
    def __init__(self, extra: ExtraFiles | None = None) -> None:
        self.extra = extra if extra is not None else ExtraFiles()
        self.passphrases = Passphrases()
        self.chains = Chains()
        self.kept = Kept()  # what connections keep that show or verify what is here
        self.early_data = MOST_EARLY  # bytes that clients may send, where a line allows it
        self.certificates: dict[str, Certificate] = {}
        self.public: dict[str, PublicCertificate] = {}
        self.authorities: dict[str, Authorities] = {}
        self.revocations: dict[str, Authorities] = {}
        self.lists: dict[str, CrtList] = {}
        self.by_ocsp_key: dict[str, list[Certificate]] = {}  # they share their OCSP responses
        self.updates: Callable[[LoadedFiles], bool] = _never  # whether a certificate's OCSP responses are updated
        self.warnings: list[tuple[str, Position | None]] = []  # of what was read while the configuration was loaded
        self.empty: set[str] = set()  # names of certificates that are to come (`new ssl cert`)

    def certificate(self, files: LoadedFiles) -> Certificate:
        """It is read where it is not known yet. TlsFileError: it cannot be had."""
        found = self.certificates.get(files.name)
        if found is None:
            material = generated(files.generate) if files.generate else read_material(files, self.extra)
            material = self.chains.completed(material)
            subject = self.subject(files, material)
            found = Certificate(files, material, self.identity(material, files.name, files.key))
            self.certificates[files.name] = found
            try:
                self.attach(found, subject)
            except OcspError as error:
                self.warnings.append((f"Loading '{files.name}': {error}. Content will be ignored.", files.at))
        return found

    def stored(self, files: LoadedFiles) -> None:
        """One of a crt-store, whoever may use it. TlsFileError: it cannot be had."""
        try:
            self.certificate(files)
        except NoKeyError:
            material = parse_material(read(files.crt, "stat SSL certificate"), files.crt)
            self.public[files.name] = PublicCertificate(files, material, files.jwt)

    def named(self, name: str) -> Certificate | PublicCertificate | None:
        """The one of that name."""
        return self.certificates.get(name) or self.public.get(name)

    def identity(self, material: Material, name: str, key: str = "") -> Identity:
        """What connections show. `key`: the file that its key is from, if that is another one."""
        try:
            made = self._decoded(material, key or name)
        except ValueError as error:
            said = str(error)
            if said.startswith("certificate and key"):
                said = f"inconsistencies between private key and certificate loaded '{name}'."
            else:
                said = f"unable to load certificate from file '{name}': {said}."
            raise TlsFileError(said) from None
        made.label = name.encode("utf-8", "surrogateescape")
        if material.sctl:
            made.timestamps = material.sctl
        return made

    # OCSP responses.

    def subject(self, files: LoadedFiles, material: Material) -> Subject | None:
        """What OCSP responses for it would be about; None: it has none, or its issuer is not known."""
        return subject_of(material) if material.ocsp or material.wants_ocsp or self.updates(files) else None

    def check_issuer(self, files: LoadedFiles, material: Material, changed: bool) -> None:
        """Of one that a bind line shows. TlsFileError: it has OCSP responses, and its issuer is not known. `changed`:
        while it was in memory, so that a file beside it no longer counts."""
        if self.subject(files, material) is not None:
            return
        if material.ocsp or (material.wants_ocsp and not changed):
            raise missing_issuer(files.name, files.ocsp)
        if self.updates(files) and has_responder(material):
            raise TlsFileError(f"'{files.name}' has an OCSP auto-update set to 'on' but its issuer could not be found.")

    def attach(self, certificate: Certificate, subject: Subject | None) -> None:
        """Its response, from its material or from others that share it, goes along. OcspError: its own one cannot."""
        self.detach(certificate)
        der = certificate.material.ocsp
        if subject is None:
            return
        certificate.subject, certificate.ocsp_key = subject, subject.key
        others = self.by_ocsp_key.setdefault(certificate.ocsp_key, [])
        if others:
            certificate.staple(others[0].material.ocsp, others[0].identity.staple_until)
        else:
            certificate.staple(b"", 0)
        others.append(certificate)
        if der:
            self.respond(certificate.ocsp_key, der)

    def detach(self, certificate: Certificate) -> None:
        """It has no identifier any more."""
        others = self.by_ocsp_key.get(certificate.ocsp_key, [])
        if certificate in others:
            others.remove(certificate)
            if not others:
                del self.by_ocsp_key[certificate.ocsp_key]
        certificate.subject, certificate.ocsp_key = None, ""

    def respond(self, key: str, der: bytes) -> None:
        """That response goes along with all certificates of that identifier. OcspError: it cannot, and all stays."""
        found = self.by_ocsp_key.get(key)
        if not found:
            raise OcspError("OCSP single response: Certificate ID does not match any certificate or issuer")
        assert found[0].subject is not None
        response = usable(der, found[0].subject, wall_ms() // 1000)
        for certificate in found:
            certificate.staple(response.der, response.next_update)

    def _decoded(self, material: Material, path: str) -> Identity:
        """ValueError: it is not to be had, or nobody knows the passphrase."""
        try:
            return Identity(material.chain, material.key)
        except ValueError as error:
            if "passphrase" not in str(error):
                raise
            for passphrase in self.passphrases.candidates(path):
                try:
                    return Identity(material.chain, material.key, passphrase)
                except ValueError:
                    continue
            raise

    def crt_list(self, said: CertificateList) -> CrtList:
        """The list of that name: what several lines say of it is the same."""
        found = self.lists.get(said.name)
        if found is None:
            found = self.lists[said.name] = CrtList(said)
        return found

    def trusted(self, path: str) -> Authorities:
        """CAs by which peers are verified (ca-file, ca-verify-file)."""
        return _known(self.authorities, path)

    def revoked(self, path: str) -> Authorities:
        """Lists of what is revoked (crl-file)."""
        return _known(self.revocations, path)


def _never(files: LoadedFiles) -> bool:
    return False


def enlist(users: list[Callable[[], None]], user: Callable[[], None]) -> None:
    """That one is called at a change, too; once, however often it is enlisted."""
    if user not in users:
        users.append(user)


def _tell(users: list[Callable[[], None]], undo: Callable[[], None]) -> None:
    """Of a change. Who cannot follow ends it for all."""
    done: list[Callable[[], None]] = []
    try:
        for user in users:
            user()
            done.append(user)
    except Exception:
        undo()
        for user in done:
            user()
        raise


def generated(words: str) -> Material:
    """A certificate that is made on the spot: "RSA 2048 P-384" (manual 12.7.1, generate-dummy)."""
    kind, bits, curve = words.split()
    try:
        chain, key = dummy(kind, int(bits), curve, GENERATED_NAME)
    except ValueError as error:
        raise TlsFileError(f"unable to generate a certificate: {error}.") from None
    return Material(chain=chain, key=key)


def _known(table: dict[str, Authorities], path: str) -> Authorities:
    found = table.get(path)
    if found is None:
        found = table[path] = Authorities(path, read_authorities(path))
    return found
