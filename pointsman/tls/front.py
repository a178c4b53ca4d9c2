"""Contexts of a `bind` line: which certificate a client gets for which name, and what it may speak (manual 5.1).

One Context is where every connection begins. Names of hellos choose among the identities of the store; lines of a
crt-list that say more than the bind line have a Context of their own, and those that say the same share one.

While it serves, a certificate may be replaced, a line of a list may come or go, and CAs may change (changes.py). Only
the names that this concerns are chosen anew: with ten thousand certificates nobody waits for the others.
"""

from bisect import insort
from collections.abc import Iterable, Iterator
from typing import Final

from pointsman.core.tls import Choice, Context, Identity
from pointsman.net.tls import TlsTransports
from pointsman.tls.contexts import MODES, TlsSetupError, fill, ignored, trust
from pointsman.tls.options import BindTls, CertificateLine, CertificateList, FrontOptions, narrowed, under
from pointsman.tls.resumption import Resumption
from pointsman.tls.store import Certificate, Store

ORDER: Final = ("EC", "RSA", "ED25519", "ED448", "DSA", "other")  # what clients get that can verify several
EXCLUDED: Final = "!"
EVERYTHING: Final = "*"
UNSAID: Final = FrontOptions()
GROUPS: Final = (2048, 3072, 4096, 6144, 8192)  # bits of those of RFC 7919

Pair = tuple[Context | None, Identity]


class Shown:
    """A line that shows a certificate on a bind line."""

    __slots__ = ("certificate", "front", "line", "options", "order")

    def __init__(
        self, front: "FrontTls", order: int, line: CertificateLine, certificate: Certificate, options: FrontOptions
    ) -> None:
        self.front = front
        self.order = order  # among all lines of the bind line
        self.line = line
        self.certificate = certificate
        self.options = options  # the bind line's where the line says nothing

    def names(self, identity: Identity) -> list[bytes]:
        """For which it is shown: filters stand for a certificate's own names, and "*" is one of them."""
        filters = self.line.filters
        if filters:
            return [_name(word) for word in filters if word[:1] != EXCLUDED and word != EVERYTHING]
        return [name.lower() for name in dict.fromkeys(identity.names)]

    def concerned(self, identity: Identity) -> list[bytes]:
        """Names whose choice is another one without it."""
        return self.names(identity) + [name for _, name in _exclusions(self)]

    def check(self, identity: Identity) -> None:
        """TlsSetupError: it could not be shown in place of the certificate's."""
        self.front.check(self.options, identity, self.certificate.name)

    def renew(self, before: Identity) -> None:
        """The certificate has another identity than before."""
        self.front.renew(self, before)


class FrontTls(TlsTransports):
    """Of one bind line, whatever addresses it has."""

    def __init__(self, bind: BindTls, store: Store, dh: bytes | int = 0) -> None:
        """TlsFileError, TlsSetupError: it cannot serve like that. `dh`: as Context.dh has it; 0: no suites with DHE."""
        self.bind = bind
        self.store = store
        self.dh = dh
        self.proxy = ""  # whose it is, and where its line stands, for those who list names
        self.place = ""
        self.resumption: Resumption | None = None
        self.own = narrowed(bind)
        self.lines: list[Shown] = []
        self.defaults: list[Shown] = []  # those that say so: looking at all lines takes time, and copies shared memory
        self.entered = 0  # lines so far, also those that are gone
        self.contexts = {self.own: self._base()}  # by what lines say
        self.interned = {self.own: self.own}  # what lines say, each once
        self.found: dict[bytes, list[Shown]] = {}  # by name, each in the order of lines
        self.excluded: dict[bytes, dict[bytes, list[Shown]]] = {}  # by wildcard and name, lines with that wildcard
        self.names: dict[bytes, Choice] = {}  # as the context has them
        self.stamps = False
        super().__init__(self.contexts[self.own])
        for one in bind.certificates:
            if isinstance(one, CertificateList):
                known = store.crt_list(one)
                if self not in known.fronts:
                    known.fronts.append(self)
                for line in known.lines:
                    self._enter(line)
            else:
                self._enter(one)
        if not self.lines and not bind.strict:
            raise TlsSetupError("no SSL certificate specified")
        if self.lines:
            for context in self.contexts.values():
                self._give_dh(context)
        self.names = {name: choice for name in self._all_names() if (choice := self._choice(name)) is not None}
        self.context.names = self.names
        self._set_defaults()

    def resume(self, resumption: Resumption) -> None:
        """Clients resume like that."""
        self.resumption = resumption
        resumption.prepare(self.context)
        if resumption.tickets is not None:
            resumption.tickets.users.append(self._take_keys)

    def _take_keys(self) -> None:
        """The keys of its tickets have changed."""
        assert self.resumption is not None and self.resumption.tickets is not None
        self.resumption.tickets.give(self.context)

    # Changes. Those that can fail change nothing then.

    def add(self, line: CertificateLine) -> None:
        """One more, from now on. TlsFileError, TlsSetupError: it cannot be."""
        try:
            shown = self._enter(line)
        except TlsSetupError as error:
            raise TlsSetupError(f"Proxy '{self.proxy}': {error} for bind at [{self.place}].") from None
        self._choose_anew(shown.concerned(shown.certificate.identity))
        self._set_defaults()

    def remove(self, line: CertificateLine) -> None:
        """It is shown no more."""
        for shown in [one for one in self.lines if one.line is line]:
            identity = shown.certificate.identity
            self.lines.remove(shown)
            if line.default:
                self.defaults.remove(shown)
            shown.certificate.lines.remove(shown)
            self._forget(shown, identity)
            self._choose_anew(shown.concerned(identity))
        self._set_defaults()
        said = {id(shown.options) for shown in self.lines}
        for gone in [one for one in self.contexts if one is not self.own and id(one) not in said]:
            del self.contexts[gone], self.interned[gone]
        for known in (self.store.authorities, self.store.revocations):
            for authorities in known.values():
                if self.rebuild in authorities.users and not self._trusts(authorities.name):
                    authorities.users.remove(self.rebuild)

    def rests_on(self, line: CertificateLine) -> bool:
        """It is the default certificate because it is the first one: without it another one would be."""
        return bool(self.lines) and self.lines[0].line is line and not line.default

    def check(self, options: FrontOptions, identity: Identity, name: str) -> None:
        """TlsSetupError: connections cannot show that."""
        try:
            self.contexts[options].check(identity)
        except ValueError as error:
            raise TlsSetupError(f"unable to use certificate '{name}': {error}") from None

    def renew(self, shown: Shown, before: Identity) -> None:
        """Its certificate has another identity than before."""
        identity = shown.certificate.identity
        self._announce(identity)
        old, new = shown.names(before), shown.names(identity)
        if old != new:
            self._forget(shown, before)
            self._index(shown, identity)
        self._choose_anew({*old, *new})
        self._set_defaults()

    def rebuild(self) -> None:
        """CAs, or lists of what they have revoked, have changed. TlsSetupError: all stays as it was."""
        fresh = {
            options: self._base() if options is self.own else self._filled(options)
            for options in self.contexts
            if MODES[options.verify or "none"]
        }
        for context in fresh.values():
            if self.stamps:
                context.announce()
        self.contexts |= fresh
        made = {id(options) for options in fresh if options is not self.own}
        if self.own in fresh:
            self.context = fresh[self.own]
            self.context.names = self.names
        if made:
            lines = [shown for shown in self.lines if id(shown.options) in made]
            self._choose_anew({name for shown in lines for name in shown.names(shown.certificate.identity)})
        self._set_defaults()

    def served(self) -> Iterator[tuple[str, Shown]]:
        """All names with the lines that show a certificate for them: wildcards behind others, "*" before these."""
        named = {name.decode("utf-8", "replace"): lines for name, lines in self.found.items()}
        for name in sorted(name for name in named if name[:1] != EVERYTHING):
            for shown in named[name]:
                yield name, shown
        if not self.bind.strict:
            for shown in self._fallbacks():
                yield EVERYTHING, shown
        for name in sorted(name for name in named if name[:1] == EVERYTHING):
            for shown in named[name]:
                yield name, shown

    # What each name chooses.

    def _enter(self, line: CertificateLine) -> Shown:
        certificate = self.store.certificate(line.files)
        if certificate.subject is None:
            self.store.check_issuer(line.files, certificate.material, certificate.changed)
        said = line.options
        options = self._interned(self.own if said == UNSAID else under(self.own, said))
        self.check(options, certificate.identity, certificate.name)
        self._announce(certificate.identity)
        self.entered += 1
        shown = Shown(self, self.entered, line, certificate, options)
        self.lines.append(shown)
        if line.default:
            self.defaults.append(shown)
        certificate.lines.append(shown)
        self._index(shown, certificate.identity)
        return shown

    def _interned(self, options: FrontOptions) -> FrontOptions:
        """The same, one object for all that say the same; it has its context."""
        if options is not self.own and options not in self.interned:
            context = self._filled(options)
            if self.stamps:
                context.announce()
            self.contexts[options] = context
            self.interned[options] = options
        return self.interned[options]

    def _index(self, shown: Shown, identity: Identity) -> None:
        for name in shown.names(identity):
            insort(self.found.setdefault(name, []), shown, key=_order)
        for wildcard, name in _exclusions(shown):
            self.excluded.setdefault(wildcard, {}).setdefault(name, []).append(shown)

    def _forget(self, shown: Shown, identity: Identity) -> None:
        for name in shown.names(identity):
            self.found[name].remove(shown)
            if not self.found[name]:
                del self.found[name]
        for wildcard, name in _exclusions(shown):
            self.excluded[wildcard][name].remove(shown)
            if not self.excluded[wildcard][name]:
                del self.excluded[wildcard][name]
            if not self.excluded[wildcard]:
                del self.excluded[wildcard]

    def _all_names(self) -> Iterable[bytes]:
        yield from self.found
        for names in self.excluded.values():
            yield from names

    def _choose_anew(self, names: Iterable[bytes]) -> None:
        concerned = set(names)
        wildcards = {name for name in concerned if name[:1] == b"*"}
        for name in wildcards:
            concerned.update(self.excluded.get(name, ()))
        if wildcards:
            concerned.update([name for name in self.found if _wildcard(name) in wildcards])
        for name in concerned:
            choice = self._choice(name)
            if choice is None:
                self.names.pop(name, None)
                self.context.drop(name)
            else:
                self.names[name] = choice
                self.context.put(name, choice)

    def _choice(self, name: bytes) -> Choice | None:
        """None: the name is nobody's. Lines with a wildcard serve it as well, behind those that name it: with a key of
        another kind, say. Not those that exclude it, which is no name of theirs (manual 5.1, crt-list)."""
        wildcard = _wildcard(name)
        lines = self.found.get(name, [])
        above = self.found.get(wildcard, [])
        without = self.excluded.get(wildcard, {}).get(name, [])
        if not lines and not without:
            return None
        return _best([self._pair(shown) for shown in (*lines, *(one for one in above if one not in without))])

    def _pair(self, shown: Shown) -> Pair:
        context = None if shown.options is self.own else self.contexts[shown.options]
        return context, shown.certificate.identity

    def _fallbacks(self) -> list[Shown]:
        """For names that are nobody's."""
        if self.lines and not self.lines[0].line.default:
            return [self.lines[0], *self.defaults]
        return self.defaults

    def _set_defaults(self) -> None:
        self.context.defaults = _best([self._pair(shown) for shown in self._fallbacks()]) or None

    # Contexts.

    def _base(self) -> Context:
        """The one where connections begin, without names."""
        context = self._filled(self.own)
        context.strict = bool(self.bind.strict)
        if self.resumption is not None:
            self.resumption.prepare(context)
        return context

    def _announce(self, identity: Identity) -> None:
        """As soon as there are timestamps."""
        if not self.stamps and identity.timestamps is not None:
            self.stamps = True
            for context in self.contexts.values():
                context.announce()

    def _filled(self, options: FrontOptions) -> Context:
        """One without certificates."""
        context = Context(True)
        fill(context, options, self.store.kept)
        if options.early_data:
            context.early = self.store.early_data
        if options.ecdhe and not options.curves:
            try:
                context.set("Groups", options.ecdhe)
            except ValueError:
                raise TlsSetupError(f"unable to set elliptic named curve to '{options.ecdhe}'") from None
        context.set("Options", "PrioritizeChaCha")  # for clients that name it first (manual 5.1, prefer-client-ciphers)
        if self.bind.prefer_client_ciphers:
            context.set("Options", "-ServerPreference")
        self._verify(context, options)
        if self.lines:
            self._give_dh(context)
        return context

    def _give_dh(self, context: Context) -> None:
        """A group for suites with DHE: of the first certificate's file, of another one, or one of a size that fits its
        key (manual 3.2, tune.ssl.default-dh-param)."""
        first = self.lines[0].certificate
        source: bytes | int = first.material.parameters or self.dh
        if isinstance(source, int) and source:
            bits = first.identity.bits if first.identity.kind == "RSA" else source
            source = max(GROUPS[0], *(size for size in GROUPS if size <= min(source, bits)), GROUPS[0])
        if source:
            try:
                context.dh(source)
            except ValueError as error:
                raise TlsSetupError(f"unable to set DH parameters: {error}") from None

    def _verify(self, context: Context, options: FrontOptions) -> None:
        mode = MODES[options.verify or "none"]
        if not mode:
            for path in (options.ca_file, options.ca_verify_file):
                if path:
                    self.store.trusted(path)  # it has to be there all the same, and is shown
            if options.crl_file:
                self.store.revoked(options.crl_file)
            return
        if not options.ca_file and not options.ca_verify_file:
            raise TlsSetupError("verify is enabled but no CA file specified")
        named = options.names_of_authorities is not False
        for path, told in ((options.ca_file, named), (options.ca_verify_file, False)):
            if path:
                trust(context, self.store.trusted(path), told, self.rebuild)
        if options.crl_file:
            trust(context, self.store.revoked(options.crl_file), False, self.rebuild)
        context.verify(mode, ignored(self.bind.ignored_of_client), ignored(self.bind.ignored_of_authorities), 0)

    def _trusts(self, name: str) -> bool:
        return any(
            name in (options.ca_file, options.ca_verify_file, options.crl_file)
            for options in self.contexts
            if MODES[options.verify or "none"]
        )


def _order(shown: Shown) -> int:
    return shown.order


def _best(pairs: list[Pair]) -> tuple[Pair, ...]:
    """The first one of each kind of key."""
    if len(pairs) == 1:
        return (pairs[0],)
    kinds: dict[str, Pair] = {}
    for pair in pairs:
        kinds.setdefault(pair[1].kind, pair)
    return tuple(kinds[kind] for kind in ORDER if kind in kinds)


def _exclusions(shown: Shown) -> list[tuple[bytes, bytes]]:
    """Names that the line does not serve, each with the wildcard that would hold."""
    names = [_name(word[1:]) for word in shown.line.filters if word[:1] == EXCLUDED and word[:2] != "!*"]
    return [(_wildcard(name), name) for name in names]


def _wildcard(name: bytes) -> bytes:
    """Under which a name may be, which is no wildcard itself; of others nothing is."""
    return b"" if name[:1] == b"*" else b"*." + name.partition(b".")[2]


def _name(word: str) -> bytes:
    return word.lower().encode("utf-8", "surrogateescape")
