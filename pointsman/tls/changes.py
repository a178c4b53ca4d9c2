"""Certificates, authorities and crt-lists that change while they are in use, in all processes alike: one of those who
follow the log (tables/changes.py).

What a change brings is parsed, and everybody who would have to show it or trust it is asked, before anything is
replaced: so a change that is impossible is made nowhere. Connections keep what they began with. A process that begins
anew has the files' content as it was at the start, and makes what a snapshot says.
"""

import base64
from dataclasses import fields
from typing import Final

from pointsman.core.tls import Identity
from pointsman.tables.changes import Change, Follower, Plain, number, text
from pointsman.tables.patterns import PatternError
from pointsman.tls.contexts import TlsSetupError
from pointsman.tls.files import Material, TlsFileError
from pointsman.tls.ocsp import OcspError
from pointsman.tls.options import CertificateLine, FrontOptions, LoadedFiles
from pointsman.tls.store import Authorities, Certificate, CrtList, PublicCertificate, Store

KIND: Final = "tls"
CA: Final = "ca-file"  # the two tables of authorities, as commands name them
CRL: Final = "crl-file"
OCSP: Final = "ocsp"
_BYTES: Final = "bytes"  # what marks values that are not plain
_SET: Final = "set"


class TlsFollower(Follower):
    """Certificates and what else is in the store:

        tls cert <name> [<chain>, <key>, <parameters>, <issuer>, <ocsp>, <sctl>, <wants ocsp>]
        tls new cert <name>     tls del cert <name>     tls jwt <name> <whether>
        tls ca-file|crl-file <name> <pem>     tls del ca-file|crl-file <name>
        tls ocsp <identifier> <response>
        tls add <list> [line]     tls drop <list> <place>     tls list <list> <last number> [[line] ...]

    Texts are PEM, but for OCSP responses and lists of timestamps, which are in base64. A line is [certificate,
    [[option, value] ...], [filters], default, number]; `place` counts lines from 0 on.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.deleted: set[tuple[str, str]] = set()  # what files had brought: kind and name
        self.responded: set[str] = set()  # identifiers whose OCSP responses have come meanwhile

    def apply(self, change: Change) -> None:
        verb = text(change, 1)
        try:
            if verb == "cert":
                self._set_certificate(text(change, 2), material_of(change[3]))
            elif verb == "new":
                self.store.empty.add(text(change, 3))
            elif verb == "del":
                self._delete(text(change, 2), text(change, 3))
            elif verb == "jwt":
                self._found(text(change, 2)).jwt = change[3] is True
            elif verb == OCSP:
                self._respond(text(change, 2), base64.b64decode(text(change, 3)))
            elif verb in (CA, CRL):
                self._set_authorities(verb, text(change, 2), text(change, 3).encode("latin-1"))
            else:
                self._change_list(verb, self._list(text(change, 2)), change)
        except (TlsFileError, TlsSetupError) as error:
            raise PatternError(str(error)) from None

    # Certificates.

    def _found(self, name: str) -> Certificate | PublicCertificate:
        found = self.store.named(name)
        if found is None:
            raise PatternError(f"certificate '{name}' does not exist!")
        return found

    def _set_certificate(self, name: str, material: Material) -> None:
        identity = self.identity(name, material)
        found = self.store.certificates.get(name)
        files = LoadedFiles(name=name, crt="") if found is None else found.files
        subject = self.store.subject(files, material)
        if found is not None and found.lines:
            self.store.check_issuer(files, material, True)
        if found is None:
            public = self.store.public.pop(name, None)
            found = Certificate(LoadedFiles(name=name, crt="") if public is None else public.files, material, identity)
            found.jwt = public is not None and public.jwt
            self.store.certificates[name] = found
            self.store.empty.discard(name)
            self.deleted.discard(("cert", name))
        else:
            found.replace(material, identity)
        found.changed = True
        try:
            self.store.attach(found, subject)
        except OcspError:
            return  # it was good when it was set, and is too old by now

    def _respond(self, key: str, der: bytes) -> None:
        """What is too old by now is not sent."""
        try:
            self.store.respond(key, der)
        except OcspError as error:
            raise PatternError(f"{error}.") from None
        self.responded.add(key)

    def identity(self, name: str, material: Material) -> Identity:
        """TlsFileError: it is none."""
        return self.store.identity(material, name)

    def _delete(self, kind: str, name: str) -> None:
        if kind == "cert":
            self.store.empty.discard(name)
            if self.store.public.pop(name, None) is not None:
                self.deleted.add((kind, name))
            found: Certificate | Authorities | None = self.store.certificates.get(name)
        else:
            found = self.table(kind).get(name)
        if found is None:
            return
        if found.used:
            raise PatternError(f"'{name}' in use, can't be deleted!")
        if kind == "cert":
            self.store.detach(self.store.certificates.pop(name))
        else:
            del self.table(kind)[name]
        self.deleted.add((kind, name))

    # Authorities.

    def table(self, kind: str) -> dict[str, Authorities]:
        return self.store.authorities if kind == CA else self.store.revocations

    def _set_authorities(self, kind: str, name: str, pem: bytes) -> None:
        found = self.table(kind).get(name)
        if found is None:
            found = self.table(kind)[name] = Authorities(name, pem)
            self.deleted.discard((kind, name))
        else:
            found.replace(pem)
        found.changed = True

    # Lists.

    def _list(self, name: str) -> CrtList:
        found = self.store.lists.get(name)
        if found is None:
            raise PatternError(f"crt-list '{name}' does not exist!")
        return found

    def _change_list(self, verb: str, found: CrtList, change: Change) -> None:
        if verb == "add":
            found.add(self.line_of(change[3]))
        elif verb == "drop":
            found.remove(found.lines[number(change, 3)])
        else:
            assert verb == "list"
            self._restore(found, number(change, 3), change[4])
        found.changed = True

    def _restore(self, found: CrtList, last: int, saved: Plain) -> None:
        """Lines that are gone since the start go, those that came come."""
        assert isinstance(saved, list)
        wanted = list(saved)
        for line in list(found.lines):
            plain = plain_line(line)
            if plain in wanted:
                wanted.remove(plain)
            else:
                found.remove(line)
        for new in wanted:
            found.add(self.line_of(new))
        found.last = last

    def line_of(self, plain: Plain) -> CertificateLine:
        """PatternError: the certificate is not in memory."""
        assert isinstance(plain, list)
        options, filters = plain[1], plain[2]
        assert isinstance(options, list) and isinstance(filters, list)
        said = {}
        for option in options:
            assert isinstance(option, list)
            said[text(option, 0)] = _value(option[1])
        return CertificateLine(
            files=self._found(text(plain, 0)).files,
            options=FrontOptions(**said),  # type: ignore[arg-type]
            filters=tuple(text(filters, place) for place in range(len(filters))),
            default=plain[3] is True,
            number=number(plain, 4),
        )

    # For processes that begin anew.

    def snapshot(self) -> list[Change]:
        store = self.store
        found: list[Change] = [[KIND, "new", "cert", name] for name in sorted(store.empty)]
        for name, one in store.certificates.items():
            if one.changed:
                found.append([KIND, "cert", name, plain_material(one.material)])
            if one.jwt != one.files.jwt:
                found.append([KIND, "jwt", name, one.jwt])
        found += [[KIND, "jwt", name, one.jwt] for name, one in store.public.items() if one.jwt != one.files.jwt]
        for key in sorted(self.responded):
            sharing = self.store.by_ocsp_key.get(key)
            if sharing and sharing[0].material.ocsp:
                found.append([KIND, OCSP, key, base64.b64encode(sharing[0].material.ocsp).decode()])
        for kind in (CA, CRL):
            found += [
                [KIND, kind, name, one.pem.decode("latin-1")] for name, one in self.table(kind).items() if one.changed
            ]
        for name, lines in store.lists.items():
            if lines.changed:
                plain: list[Plain] = [plain_line(line) for line in lines.lines]
                found.append([KIND, "list", name, lines.last, plain])
        found += [[KIND, "del", kind, name] for kind, name in sorted(self.deleted)]
        return found


def plain_material(material: Material) -> Plain:
    return [
        material.chain.decode("latin-1"),
        material.key.decode("latin-1"),
        material.parameters.decode("latin-1"),
        material.issuer.decode("latin-1"),
        base64.b64encode(material.ocsp).decode(),
        base64.b64encode(material.sctl).decode(),
        material.wants_ocsp,
    ]


def material_of(plain: Plain) -> Material:
    assert isinstance(plain, list)
    return Material(
        chain=text(plain, 0).encode("latin-1"),
        key=text(plain, 1).encode("latin-1"),
        parameters=text(plain, 2).encode("latin-1"),
        issuer=text(plain, 3).encode("latin-1"),
        ocsp=base64.b64decode(text(plain, 4)),
        sctl=base64.b64decode(text(plain, 5)),
        wants_ocsp=plain[6] is True,
    )


def plain_line(line: CertificateLine) -> Plain:
    options: list[Plain] = []
    for field in fields(FrontOptions):
        value = getattr(line.options, field.name)
        if value is not None:
            options.append([field.name, _plain(value)])
    return [line.files.name, options, list(line.filters), line.default, line.number]


def _plain(value: str | bool | bytes | frozenset[str]) -> Plain:
    if isinstance(value, bytes):
        return [_BYTES, value.decode("latin-1")]
    if isinstance(value, frozenset):
        return [_SET, *sorted(value)]
    return value


def _value(plain: Plain) -> str | bool | bytes | frozenset[str]:
    if isinstance(plain, list):
        words = [text(plain, place) for place in range(1, len(plain))]
        return words[0].encode("latin-1") if plain[0] == _BYTES else frozenset(words)
    assert isinstance(plain, str | bool)
    return plain
