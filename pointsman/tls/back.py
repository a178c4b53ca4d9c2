"""TLS towards a server: its context, what each connection is for, and the sessions that can be resumed (manual 5.2).

A context costs memory and time, so servers that say the same share one (`ServerContexts`). What a connection says in
its hello, and whose certificate it expects, differs by the name that its exchange wants: each name has a Purpose. The
last session of each is kept for all lanes (sessions.py). The server was verified for that name, by what was trusted
then, so it is resumed for the same alone.
"""

from collections.abc import Collection
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from pointsman.core.address import is_ip
from pointsman.core.tls import Context
from pointsman.net.tls import Purpose, TlsTransport, begin
from pointsman.net.transport import Transports
from pointsman.tls.contexts import MODES, TlsSetupError, fill, trust
from pointsman.tls.files import TlsFileError
from pointsman.tls.options import ServerTls
from pointsman.tls.sessions import ServerSessions
from pointsman.tls.store import Store, enlist

MOST_NAMES: Final = 1_024  # of a server, that a lane keeps ready
NOTHING_SAID: Final = ServerTls()


class ServerContext:
    """A context, by what servers say that have it in common."""

    def __init__(self, options: ServerTls, store: Store) -> None:
        """TlsFileError, TlsSetupError: it cannot be had."""
        self.options = options
        self.store = store
        self.digest = b""  # of what it is made of: sessions of before a change are not resumed behind it
        self.context = self._made()

    def rebuild(self) -> None:
        """For connections yet to come, after a change of what it is made of. TlsFileError, TlsSetupError: all stays as
        it was."""
        self.context = self._made()

    def _made(self) -> Context:
        options, store = self.options, self.store
        parts: list[bytes] = []
        context = Context(False)
        fill(context, options, store.kept)
        context.sessions = True
        if options.renegotiate is not False:
            context.set("Options", "-NoRenegotiation")
        if options.crt is not None:
            certificate = store.certificate(options.crt)
            enlist(certificate.users, self.rebuild)
            parts.append(certificate.identity.leaf)
            try:
                context.use(certificate.identity)
            except ValueError as error:
                raise TlsSetupError(f"unable to use certificate '{certificate.name}': {error}") from None
        if options.ca_file:
            authorities = store.trusted(options.ca_file)
            parts.append(authorities.pem)
            trust(context, authorities, False, self.rebuild)
        if options.crl_file:
            revoked = store.revoked(options.crl_file)
            parts.append(revoked.pem)
            trust(context, revoked, False, self.rebuild)
        context.verify(MODES[options.verify or "required"], (), (), 0)
        self.digest = blake2b(b"".join(b"%d:%b" % (len(part), part) for part in parts), digest_size=16).digest()
        return context


class Remembered(Purpose):
    """Its sessions are those of all lanes."""

    def __init__(self, name: str | None, host: str | None, sessions: ServerSessions, key: bytes, wanted: bytes) -> None:
        super().__init__(name, host)
        self.sessions = sessions
        self.key = key
        self.wanted = wanted  # the name that exchanges want, be it one for a hello or not

    def resumable(self) -> bytes | None:
        return self.sessions.find(self.key, self.wanted)

    def keep(self, session: bytes) -> None:
        self.sessions.store(self.key, self.wanted, session)

    def forget(self) -> None:
        self.sessions.remove(self.key, self.wanted)


class Unremembered(Purpose):
    """Each connection begins with a full handshake (no-ssl-reuse)."""

    def keep(self, session: bytes) -> None:
        pass


class BackTls(Transports):
    """Of one server. `route`: what it is called, with its backend."""

    def __init__(self, route: bytes, shared: ServerContext, said: ServerTls, sessions: ServerSessions) -> None:
        self.route = route
        self.shared = shared
        self.digest = shared.digest
        self.verifies = shared.options.verify != "none"
        self.verify_host = said.verify_host
        self.sessions = sessions if said.reuse else None
        self.purposes: dict[bytes, Purpose] = {}  # by the name that the exchange wants, the oldest first

    def connect(self, fd: int, name: bytes) -> TlsTransport:
        return begin(self.shared.context, fd, self.purpose(name))

    def purpose(self, name: bytes) -> Purpose:
        """Of connections for that name; b"": for none."""
        if self.digest != self.shared.digest:
            self.digest = self.shared.digest
            self.purposes.clear()
        found = self.purposes.get(name)
        if found is None:
            if len(self.purposes) >= MOST_NAMES:
                del self.purposes[next(iter(self.purposes))]
            found = self.purposes[name] = self._purpose(name)
        return found

    def _purpose(self, wanted: bytes) -> Purpose:
        name = wanted.decode("ascii")
        # An address is no name for a hello (RFC 6066 3), but a certificate can be compared with it.
        said = name if name and not is_ip(name) else None
        host = (name or self.verify_host or None) if self.verifies else None
        made: Purpose = Unremembered(said, host)
        if self.sessions is not None:
            made = Remembered(said, host, self.sessions, self.digest + self.route, wanted)
        made.asked = len(wanted) > 0
        return made


class ServerContexts:
    """Of all servers of a process."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sessions: ServerSessions | None = None  # made with the first server that has TLS, before lanes are
        self.made: dict[ServerTls, ServerContext] = {}

    def transports(self, route: bytes, said: ServerTls) -> BackTls:
        """For a server that says so. TlsFileError, TlsSetupError: it cannot be had."""
        shared = self._shared(said)
        if self.sessions is None:
            self.sessions = ServerSessions()
        return BackTls(route, shared, said, self.sessions)

    def keep_only(self, used: Collection[ServerContext]) -> None:
        """Servers are gone: the other contexts are nobody's, and do not use any more what they are made of."""
        for options, context in list(self.made.items()):
            if context in used:
                continue
            del self.made[options]
            store = self.store
            users = [one.users for one in store.certificates.values()]
            users += [one.users for one in (*store.authorities.values(), *store.revocations.values())]
            for known in users:
                if context.rebuild in known:
                    known.remove(context.rebuild)

    def _shared(self, said: ServerTls) -> ServerContext:
        crt = replace(said.crt, at=None) if said.crt is not None else None
        if said.verify != "none" and not said.ca_file:
            raise TlsSetupError(
                "verify is enabled by default but no CA file specified: say 'ca-file', or, if the server's certificate "
                "need not be verified, an explicit 'verify none' (manual 5.2)"
            )
        own = NOTHING_SAID  # of what differs between servers that share a context
        options = replace(
            said,
            crt=crt,
            alpn=said.alpn or None,
            ssl=own.ssl,
            ready=own.ready,
            verify_host=own.verify_host,
            reuse=own.reuse,
            sni_auto=own.sni_auto,
            early_data=own.early_data,
            check=own.check,
            check_sni=own.check_sni,
            check_sni_auto=own.check_sni_auto,
            check_alpn=own.check_alpn,
        )
        found = self.made.get(options)
        if found is None:
            found = self.made[options] = ServerContext(options, self.store)
        return found


__all__ = ["BackTls", "ServerContext", "ServerContexts", "TlsFileError", "TlsSetupError"]
