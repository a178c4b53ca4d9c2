"""Contexts of a `bind` line: which certificate a client gets for which name, and what it may speak (manual 5.1).

One Context is where every connection begins. Names of hellos choose among the identities of the store; lines of a
crt-list that say more than the bind line have a Context of their own, and those that say the same share one.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Final

from pointsman.core.tls import Choice, Context, Identity
from pointsman.net.tls import TlsTransports
from pointsman.tls.contexts import MODES, TlsSetupError, fill, ignored, trust
from pointsman.tls.options import BindTls, CertificateLine, CertificateList, FrontOptions, over
from pointsman.tls.resumption import Resumption
from pointsman.tls.store import Certificate, Store

ORDER: Final = ("EC", "ED25519", "ED448", "RSA", "DSA", "other")  # the best kind of key first
EXCLUDED: Final = "!"
EVERYTHING: Final = "*"

Pair = tuple[Context | None, Identity]


class Shown:
    """A line that shows a certificate, with what it has in common with the bind line worked out."""

    def __init__(self, line: CertificateLine, certificate: Certificate, options: FrontOptions) -> None:
        self.line = line
        self.certificate = certificate
        self.options = options


class FrontTls(TlsTransports):
    """Of one bind line, whatever addresses it has."""

    def __init__(self, bind: BindTls, store: Store, dh: bytes | int = 0) -> None:
        """TlsFileError, TlsSetupError: it cannot serve like that. `dh`: as Context.dh has it; 0: no suites with DHE."""
        self.bind = bind
        self.store = store
        self.dh = dh
        self.resumption: Resumption | None = None
        self.own = _options_of(bind)
        self.lines: list[Shown] = []
        for one in bind.certificates:
            for line in one.lines if isinstance(one, CertificateList) else (one,):
                self.add(line)
        if not self.lines and not bind.strict:
            raise TlsSetupError("no SSL certificate specified")
        super().__init__(self._context())

    def add(self, line: CertificateLine) -> Shown:
        """One more; `rebuild` makes it count."""
        certificate = self.store.certificate(line.files)
        shown = Shown(line, certificate, over(self.own, line.options))
        self.lines.append(shown)
        if self.rebuild not in certificate.users:
            certificate.users.append(self.rebuild)
        return shown

    def rebuild(self) -> None:
        """For connections yet to come, after a change. TlsSetupError: all stays as it was."""
        self.context = self._context()

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

    def _context(self) -> Context:
        context = self._filled(self.own)
        if self.resumption is not None:
            self.resumption.prepare(context)
        contexts: dict[FrontOptions, Context | None] = {self.own: None}
        pairs: list[Pair] = []
        stamps = False
        for shown in self.lines:
            if shown.options not in contexts:
                contexts[shown.options] = self._filled(shown.options)
            pairs.append((contexts[shown.options], shown.certificate.identity))
            stamps = stamps or shown.certificate.identity.timestamps is not None
        if stamps:
            context.announce()
            for other in contexts.values():
                if other is not None:
                    other.announce()
        names = _names(self.lines, pairs)
        defaults = [pair for shown, pair in zip(self.lines, pairs) if shown.line.default]
        if pairs and not self.lines[0].line.default:
            defaults.insert(0, pairs[0])
        context.names = names
        if defaults:
            if defaults[0][0] is None:
                context.use(defaults[0][1])
            context.defaults = _best(defaults)
        context.strict = bool(self.bind.strict)
        return context

    def _filled(self, options: FrontOptions) -> Context:
        """One without certificates."""
        context = Context(True)
        fill(context, options, self.store.kept)
        if options.ecdhe and not options.curves:
            try:
                context.set("Groups", options.ecdhe)
            except ValueError:
                raise TlsSetupError(f"unable to set elliptic named curve to '{options.ecdhe}'") from None
        if self.bind.prefer_client_ciphers:
            context.set("Options", "-ServerPreference")
        if self.dh:
            context.dh(self.dh)
        self._verify(context, options)
        return context

    def _verify(self, context: Context, options: FrontOptions) -> None:
        mode = MODES[options.verify or "none"]
        if not mode:
            return
        if not options.ca_file and not options.ca_verify_file:
            raise TlsSetupError("verify is enabled but no CA file specified")
        named = options.names_of_authorities is not False
        for path, told in ((options.ca_file, named), (options.ca_verify_file, False)):
            if path:
                authorities = self.store.trusted(path)
                trust(context, authorities, told)
                self._follow(authorities.users)
        if options.crl_file:
            revoked = self.store.revoked(options.crl_file)
            trust(context, revoked, False)
            self._follow(revoked.users)
        context.verify(mode, ignored(self.bind.ignored_of_client), ignored(self.bind.ignored_of_authorities), 0)

    def _follow(self, users: list[Callable[[], None]]) -> None:
        if self.rebuild not in users:
            users.append(self.rebuild)


def _options_of(bind: BindTls) -> FrontOptions:
    """What lines of crt-lists may say instead."""
    return FrontOptions(**{field.name: getattr(bind, field.name) for field in fields(FrontOptions)})


def _best(pairs: list[Pair]) -> Choice:
    """The first one of each kind of key."""
    kinds: dict[str, Pair] = {}
    for pair in pairs:
        kinds.setdefault(pair[1].kind, pair)
    return tuple(kinds[kind] for kind in ORDER if kind in kinds)


def _names(lines: list[Shown], pairs: list[Pair]) -> dict[bytes, Choice]:
    """What each name chooses. Filters stand for a certificate's own names; one that is excluded is no name of its line,
    which matters where a wildcard of that very line would hold (manual 5.1, crt-list)."""
    found: dict[bytes, list[int]] = {}
    excluded: dict[bytes, set[int]] = {}
    for index, shown in enumerate(lines):
        for name in _positive(shown):
            found.setdefault(name, []).append(index)
        for word in shown.line.filters:
            if word.startswith(EXCLUDED) and not word.startswith("!*"):
                excluded.setdefault(_name(word[1:]), set()).add(index)
    names: dict[bytes, Choice] = {name: _best([pairs[i] for i in indexes]) for name, indexes in found.items()}
    for name, without in excluded.items():
        if name not in found:
            wildcard = found.get(b"*." + name.partition(b".")[2], [])
            names[name] = _best([pairs[i] for i in wildcard if i not in without])
    return names


def _positive(shown: Shown) -> list[bytes]:
    filters = shown.line.filters
    if filters and filters != (EVERYTHING,):
        return [_name(word) for word in filters if word[:1] != EXCLUDED and word != EVERYTHING]
    return [name.lower() for name in dict.fromkeys(shown.certificate.identity.names)]


def _name(word: str) -> bytes:
    return word.lower().encode("utf-8", "surrogateescape")
