"""OCSP responses are kept up to date (manual 12.7.1 ocsp-update, 3.2 ocsp-update.*).

    control: due --> a responder is asked (ocsp_client.py) --> looked at, verified --> a change of all processes

What is kept here (times, counts) is control's own: a control process that replaces another begins to count anew, and
knows all responses from the log of changes. What is updated is looked up when certificates change.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pointsman.admin.ocsp_client import ClientSettings, Exchange, ResponderError, ask
from pointsman.core.tls import ocsp_request
from pointsman.log.dates import local_date
from pointsman.log.target import INFO, NOTICE
from pointsman.net.clock import monotonic_ms, wall_ms
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import PatternError
from pointsman.tls.changes import KIND, OCSP
from pointsman.tls.ocsp import OcspError, Subject, parsed, usable
from pointsman.tls.store import Certificate, Store

TEXTS: Final = (  # management manual 9.3, show ssl ocsp-updates
    "Unknown",
    "Update successful",
    "HTTP error",
    'Missing "ocsp-response" header',
    "OCSP response check failure",
    "Error during insertion",
)
SUCCESS: Final = 1
CHECK_FAILED: Final = 4
NOT_INSERTED: Final = 5
EARLY: Final = 60  # s before its end that a response is replaced
FIRST_DELAY: Final = 60  # s; twice as long after the first failure, and so on
AT_ONCE: Final = 8  # responders that are asked at the same time


Publish = Callable[[Change], Awaitable[object]]


@dataclass(slots=True)
class Entry:
    """One identifier."""

    key: str
    path: str  # of the first certificate that it is of
    subject: Subject
    uri: str  # of the responder
    due: int = 0  # seconds of the epoch
    last: int = 0  # when it was updated; 0: not yet
    successes: int = 0
    failures: int = 0
    in_a_row: int = 0  # of failures, up to now
    status: int = 0
    detail: str = ""

    @property
    def text(self) -> str:
        return TEXTS[self.status] + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSettings:
    shortest: int = 300  # s between two updates
    longest: int = 3600
    client: ClientSettings = field(default_factory=ClientSettings)


class Updater:
    """`log`: (level, line). `publish`: makes a change in all processes; PatternError."""

    def __init__(
        self, store: Store, settings: UpdateSettings, log: Callable[[int, bytes], None], publish: Publish
    ) -> None:
        self.store = store
        self.settings = settings
        self.log = log
        self.publish = publish
        self.entries: dict[str, Entry] = {}
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        CHANGES.watchers.append(self._look)
        self.task = loop.create_task(self._run())

    def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def _look(self, kind: str) -> None:
        if kind == KIND:
            self.changed.set()

    async def _run(self) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(entry: Entry) -> None:
            async with gate:
                await self.update(entry)

        while True:
            self.changed.clear()
            self.find()
            now = wall_ms() // 1000
            await asyncio.gather(*[one(entry) for entry in self.entries.values() if entry.due <= now])
            due = min((entry.due for entry in self.entries.values()), default=None)
            wait = None if due is None else max(due - wall_ms() / 1000, 0.1)
            try:
                await asyncio.wait_for(self.changed.wait(), wait)
            except TimeoutError:
                continue

    def find(self) -> None:
        """Which identifiers are updated: of what bind lines show. New ones without a response are due at once."""
        before, self.entries = self.entries, {}
        for key, certificates in self.store.by_ocsp_key.items():
            first = certificates[0]
            if not any(one.lines and self.store.updates(one.files) for one in certificates):
                continue
            entry = before.get(key) or self.entry(first)
            if entry is not None:
                entry.path = first.name
                self.entries[key] = entry

    def entry(self, certificate: Certificate) -> Entry | None:
        """None: the certificate names no responder."""
        subject = certificate.subject
        uris = () if subject is None else subject.leaf.ocsp_uris
        if subject is None or not uris:
            return None
        entry = Entry(certificate.ocsp_key, certificate.name, subject, uris[0].decode("utf-8", "replace"))
        if certificate.material.ocsp:
            entry.due = self._after(certificate.identity.staple_until)
        return entry

    def _after(self, until: int) -> int:
        """When a response is replaced that is valid until then."""
        now = wall_ms() // 1000
        return min(max(until - EARLY, now + self.settings.shortest), now + self.settings.longest)

    async def update(self, entry: Entry) -> str:
        """Ask its responder now. The text of the response; "": there is none, and `entry` says why."""
        shown, exchange = "", None
        try:
            der = await ask(entry.uri, ocsp_request(entry.subject.leaf, entry.subject.issuer), self.settings.client)
            shown, until = _checked(der, entry.subject)
            await self.publish([KIND, OCSP, entry.key, _plain(der)])
        except ResponderError as error:
            entry.status, entry.detail = error.number, ""
            exchange = error.exchange
        except OcspError as error:
            entry.status, entry.detail = CHECK_FAILED, str(error)
        except PatternError as error:
            shown = ""
            entry.status, entry.detail = NOT_INSERTED, str(error).rstrip(".")
        else:
            entry.status, entry.detail = SUCCESS, ""
            entry.last = wall_ms() // 1000
            entry.successes += 1
            entry.in_a_row = 0
            entry.due = self._after(until)
        if entry.status != SUCCESS:
            entry.failures += 1
            entry.in_a_row += 1
            base = min(FIRST_DELAY, max(self.settings.shortest, 1))
            entry.due = wall_ms() // 1000 + min(base << min(entry.in_a_row, 16), max(self.settings.longest, base))
        self._tell(entry, exchange)
        return shown

    def _tell(self, entry: Entry, exchange: Exchange | None) -> None:
        """The log's lines (manual 12.7.1)."""
        line = f'<OCSP-UPDATE> {entry.path} {entry.status} "{entry.text}" {entry.failures} {entry.successes}'
        self.log(NOTICE, line.encode("utf-8", "surrogateescape"))
        if exchange is not None and exchange.fault:
            total = exchange.took()
            began = local_date(wall_ms() - (monotonic_ms() - exchange.began)).decode()
            times = f"0/0/{exchange.connected}/{exchange.answered}/{total}"
            line = (
                f"-:- [{began}] <OCSP-UPDATE> -/- {times} {exchange.status} {exchange.size} - - {exchange.state} "
                f'0/0/0/0/{exchange.retries} 0/0 {{}} "{exchange.line}"'
            )
            self.log(INFO, line.encode("utf-8", "replace"))


def _plain(der: bytes) -> str:
    return base64.b64encode(der).decode()


def _checked(der: bytes, subject: Subject) -> tuple[str, int]:
    """Its text, and until when it is valid. OcspError: it may not be sent, or nobody has signed it who may."""
    response = usable(der, subject, wall_ms() // 1000)
    made = parsed(der)
    try:
        made.verify(subject.issuer)
    except ValueError as error:
        raise OcspError(str(error)) from None
    return response_text(made.text), response.next_update


def response_text(text: bytes) -> str:
    """Of a response. An empty line would end a command's answer."""
    return "".join((line or " ") + "\n" for line in text.decode("utf-8", "replace").splitlines())
