"""What a line means: headline, timers, letters, counts, what stands out, what the configuration says. Plain data."""

import re
from dataclasses import dataclass, field
from typing import Final

from pointsman.core.connection_faults import FAULTS
from pointsman.verbs.logs.configured import Configured, place
from pointsman.verbs.logs.letters import FIRST, FOURTH, SECOND, THIRD, Ending, ending_of, persistence_of
from pointsman.verbs.logs.reader import Entry
from pointsman.verbs.logs.times import Timers, timers_of

SPECIAL: Final[dict[str, str]] = {
    "<NOSRV>": "no server was chosen",
    "<STATS>": "the statistics page answered",
    "<BADREQ>": "the request line was not whole, or broke the rules of HTTP",
}
LIMITED: Final[dict[str, str]] = {"TR": "http-request", "Tw": "queue", "Tc": "connect", "Tr": "server", "Td": "server"}
_MARK: Final = re.compile(r"\{([a-z-]+)\}")


@dataclass(slots=True)
class Letters:
    """The termination state in words."""

    text: str
    ending: Ending
    first: str
    second: str
    look: list[str]
    third: str = ""
    fourth: str = ""
    persistence: str = ""


@dataclass(slots=True)
class Reading:
    entry: Entry
    headline: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    timers: Timers | None = None
    letters: Letters | None = None
    counts: list[tuple[str, str]] = field(default_factory=list)
    captured: list[tuple[str, str]] = field(default_factory=list)
    secured: list[tuple[str, str]] = field(default_factory=list)  # TLS
    others: list[tuple[str, str]] = field(default_factory=list)  # fields that are told as they are
    striking: list[str] = field(default_factory=list)  # what stands out
    unsure: list[str] = field(default_factory=list)
    configured: list[str] = field(default_factory=list)


def read_meaning(entry: Entry, configured: Configured | None = None) -> Reading:
    if entry.event is not None:
        return Reading(entry, entry.event.headline, unsure=[])
    return _Meaning(entry, configured).made()


class _Meaning:
    def __init__(self, entry: Entry, configured: Configured | None) -> None:
        self.entry = entry
        self.configured = configured
        self.frontend = (entry.get("ft") or entry.get("f")).removesuffix("~")
        self.backend = entry.get("b")
        self.server = entry.get("s")
        self.state = entry.get("tsc") or entry.get("ts")
        self.told: set[str] = {"ci", "cp", "ft", "f", "b", "s", "tsc", "ts", "ST", "B", "U"}
        self.reading = Reading(entry, "")

    def made(self) -> Reading:
        reading = self.reading
        reading.timers = timers_of(self.entry.fields)
        if self.state:
            reading.letters = self._letters()
        reading.headline = self._headline()
        reading.facts = self._facts()
        reading.counts = self._counts()
        self._captures()
        self._tls()
        self._strike()
        if self.configured is not None:
            self._place(self.configured)
        self._doubts()
        self._rest()
        return reading

    # The ending.

    def _letters(self) -> Letters:
        text = self.state
        ending = ending_of(text[:2])
        letters = Letters(
            text, ending, FIRST.get(text[:1], ""), SECOND.get(text[1:2], ""), [self._filled(one) for one in ending.look]
        )
        if len(text) == 4:
            letters.third, letters.fourth = THIRD.get(text[2], ""), FOURTH.get(text[3], "")
            letters.persistence = persistence_of(text[2:])
        return letters

    def _filled(self, look: str) -> str:
        def fill(found: re.Match[str]) -> str:
            name = found.group(1)
            said = ""
            if self.configured is not None:
                said = self.configured.timeout(name, self.frontend, self.backend)
            return said or f"`timeout {name}`"

        return _MARK.sub(fill, look)

    def _headline(self) -> str:
        if self.reading.letters is None:
            status = self.entry.get("ST")
            return f"It was answered with status {status}." if status and status not in ("-1", "0") else ""
        ending = self.reading.letters.ending
        if self.state[:2] == "--" and self.entry.number("ST"):
            return self._ended_well()
        if self.state[:2] == "SC" and self.server == "<NOSRV>":
            return "There was no server to connect to: all of the backend are down, or it has none."
        timer = self.reading.timers
        if ending.timeout and timer is not None and timer.open is not None and timer.open.ms is not None:
            return f"{ending.meaning.rstrip('.')}: given up after {duration(timer.open.ms)}."
        return ending.meaning

    def _ended_well(self) -> str:
        status = self.entry.number("ST") or 0
        if status >= 500:
            return f"The server itself answered with {status}: the exchange was complete, the failure is the server's."
        if status >= 400:
            return f"The server answered with {status}; the exchange was complete."
        return "It ended as it should: request and response were complete."

    # Who and what.

    def _facts(self) -> list[tuple[str, str]]:
        entry = self.entry
        facts = []
        request = entry.get("r") or " ".join(entry.get(key) for key in ("HM", "HU", "HV") if entry.get(key))
        self.told.update(("r", "HM", "HU", "HV"))
        if request:
            facts.append(("request", request + (f" ({SPECIAL[request]})" if request in SPECIAL else "")))
        answer = self._answer()
        if answer:
            facts.append(("answer", answer))
        if entry.get("ci"):
            port = f", port {entry.get('cp')}" if entry.get("cp") else ""
            facts.append(("client", ("a UNIX socket" if entry.get("ci") == "unix" else entry.get("ci")) + port))
        facts += self._when()
        if self.frontend or self.backend:
            facts.append(("way", self._way()))
        if entry.get("ID"):
            facts.append(("unique id", entry.get("ID")))
            self.told.add("ID")
        return facts

    def _answer(self) -> str:
        status, size, up = self.entry.get("ST"), self.entry.get("B"), self.entry.get("U")
        parts = []
        if status == "-1":
            parts.append("none was sent")
        elif status and status.strip("0"):
            parts.append(f"status {status}{self._by(status)}")
        if size:
            more = " so far" if size.startswith("+") else ""
            parts.append(f"{size.removeprefix('+')} bytes to the client{more}")
        if up:
            parts.append(f"{up.removeprefix('+')} from it")
        return ", ".join(parts)

    def _by(self, status: str) -> str:
        """Whose status it is."""
        if self.state[:1] in ("-", "") or not self.state:
            return " (the server's)" if self.state and not self.server.startswith("<") else ""
        if self.state[1:2] in ("D", "L") and self.state[0] != "L":
            return " (the server's)"
        return " (the proxy's)"

    def _when(self) -> list[tuple[str, str]]:
        told = []
        for keys, label in ((("tr", "trg", "trl"), "begun"), (("t", "T", "Tl"), "accepted")):
            self.told.update(keys)
            value = next((self.entry.get(key) for key in keys if self.entry.get(key)), "")
            if value:
                milliseconds = self.entry.get("ms")
                if milliseconds and "." not in value:
                    value += f", {milliseconds} ms"
                told.append((label, value.replace(":", " ", 1)))
        self.told.add("ms")
        return told

    def _way(self) -> str:
        parts = []
        if self.frontend:
            secure = " (TLS)" if self.entry.get("ft").endswith("~") else ""
            parts.append(f"frontend {self.frontend}{secure}")
        if self.backend and (self.backend != self.frontend or not self.server.startswith("<")):
            parts.append(f"backend {self.backend}")
        if self.server:
            parts.append(SPECIAL.get(self.server, f"server {self.server}"))
        return ", ".join(parts)

    # Counts.

    def _counts(self) -> list[tuple[str, str]]:
        entry = self.entry
        self.told.update(("ac", "fc", "bc", "sc", "rc", "sq", "bq"))
        found = []
        told = [
            f"{entry.get(key)} of the {whose}"
            for key, whose in (("ac", "process"), ("fc", "frontend"), ("bc", "backend"), ("sc", "server"))
            if entry.get(key)
        ]
        if told:
            found.append(("connections", ", ".join(told)))
        retries = entry.get("rc")
        if retries:
            moved = ", and then another server was chosen" if retries.startswith("+") else ""
            found.append(("retries", retries.removeprefix("+") + moved))
        told = [
            f"{entry.get(key)} at the {whose}" for key, whose in (("sq", "server"), ("bq", "backend")) if entry.get(key)
        ]
        if told:
            found.append(("queued before", ", ".join(told)))
        return found

    # Captures, TLS.

    def _captures(self) -> None:
        entry = self.entry
        for key, label in (("CC", "request cookie"), ("CS", "response cookie")):
            if entry.get(key):
                self.reading.captured.append((label, entry.get(key)))
        for key, label in (("hr", "request headers"), ("hs", "response headers")):
            if entry.get(key):
                values = entry.get(key)[1:-1].split("|")
                self.reading.captured.append((label, "  ".join(one or "-" for one in values)))
        for key, label in (("hrl", "request headers"), ("hsl", "response headers")):
            if entry.get(key):
                self.reading.captured.append((label, entry.get(key)))
        self.told.update(("CC", "CS", "hr", "hs", "hrl", "hsl"))

    def _tls(self) -> None:
        told = (
            ("sslv", "version"),
            ("sslc", "cipher"),
            ("[ssl_fc_sni]", "server name (SNI)"),
            ("[fc_err]", "connection error"),
            ("[ssl_fc_err,hex]", "handshake error"),
            ("[ssl_c_err]", "client certificate"),
            ("[ssl_c_ca_err]", "its chain"),
            ("[ssl_fc_is_resumed]", "session"),
        )
        for key, label in told:
            value = self.entry.get(key)
            if not value:
                continue
            if key == "[fc_err]":
                value = _fault(value)
            elif key in ("[ssl_c_err]", "[ssl_c_ca_err]"):
                value = "no error" if value == "0" else f"error {value} (see X509_V_ERR codes of OpenSSL)"
            elif key == "[ssl_fc_err,hex]":
                value = f"0x{value} (`openssl errstr {value}`)" if value.strip("0") else "none"
            elif key == "[ssl_fc_is_resumed]":
                value = "resumed" if value == "1" else "new"
            self.reading.secured.append((label, value))
        self.told.update(key for key, _ in told)

    # What stands out.

    def _strike(self) -> None:
        entry, striking = self.entry, self.reading.striking
        retries = entry.get("rc")
        if retries.startswith("+"):
            striking.append(
                "The connection was redispatched: the server named is the last one tried; retries are not its fault."
            )
        if (entry.number("rc") or 0) > 0:
            striking.append("Connecting was tried again: a server that restarts, packet loss, or a full backlog.")
        self._queues()
        timers = self.reading.timers
        if timers is not None:
            striking += timers.striking
        if entry.number("B") == 0 and self.state[:2] == "--":
            striking.append("Nothing was sent to the client.")
        if any(value.startswith("+") for key in ("B", "Ta", "Tt", "Tu") if (value := entry.get(key))):
            striking.append("The line was written before the end (option logasap): sizes and times marked + go on.")

    def _queues(self) -> None:
        waited = self.entry.number("Tw") or 0
        for key, whose in (("sq", "server"), ("bq", "backend")):
            before = self.entry.number(key) or 0
            if before > 0:
                each = f", about {duration(waited // before)} for each" if waited > before else ""
                plural = "s were" if before > 1 else " was"
                self.reading.striking.append(f"{before} request{plural} before it in the {whose}'s queue{each}.")

    # The configuration.

    def _place(self, configured: Configured) -> None:
        told = self.reading.configured
        if self.entry.foreign:
            same = self.entry.form is not None and self.entry.form.kind in configured.kinds()
            told.append(
                "Proxies of this configuration write this format, but capture other headers."
                if same
                else "No proxy of this configuration writes lines of this form."
            )
        elif self.entry.form is not None and self.entry.form.at.line:
            told.append(f"the format: {place(self.entry.form.at)}")
        if self.backend and configured.backend(self.backend) is None and self.backend != self.frontend:
            told.append(f"There is no backend '{self.backend}' in this configuration.")
        line = configured.server(self.backend, self.server)
        if line is not None:
            told.append(f"`{' '.join(line.at.text.split('#')[0].split())}`, {place(line.at)}")
            self._full("srv_conn", self.entry.number("sc"), line.parameters.maxconn, f"server {self.server}")
        elif self.server and not self.server.startswith("<") and configured.backend(self.backend) is not None:
            told.append(f"There is no server '{self.server}' in backend '{self.backend}' now.")
        limit, said = configured.limit(self.frontend)
        self._full("feconn", self.entry.number("fc"), limit, said or "the frontend")
        self._near(configured)

    def _full(self, name: str, value: int | None, limit: int, whose: str) -> None:
        if limit and value is not None and value * 10 >= limit * 9:
            self.reading.striking.append(f"{name} {value} is at the limit of {whose} (maxconn {limit}).")

    def _near(self, configured: Configured) -> None:
        """A time that is close to the timeout that limits it (manual 8.4), where the letters do not say so."""
        timers = self.reading.timers
        if timers is None or (self.reading.letters and self.reading.letters.ending.timeout):
            return
        for span in timers.spans:
            name = LIMITED.get(span.name, "")
            limit = configured.milliseconds(name, self.frontend, self.backend) if name else 0
            if limit and span.ms is not None and limit <= span.ms <= limit + max(20, limit // 100):
                said = configured.timeout(name, self.frontend, self.backend)
                self.reading.striking.append(f"{span.name} is just above {said}.")

    # What is left.

    def _doubts(self) -> None:
        entry, unsure = self.entry, self.reading.unsure
        for name, first, second in entry.unsure:
            unsure.append(f"{name}: {first!r}, or {second!r}")
        for other in entry.others:
            unsure.append(f"the line also fits {other.title}")
        if entry.cut:
            unsure.append("the line was cut within its last field (len of the log line, or the syslog server)")

    def _rest(self) -> None:
        self.told.update(("TR", "Tw", "Tc", "Tr", "Ta", "Tt", "Th", "Ti", "Tq", "Td", "Tu"))
        for slot, value in zip(self.entry.slots, self.entry.values, strict=True):
            if slot.key not in self.told and value:
                self.reading.others.append((slot.name, value))
        structured = self.entry.heading.structured
        if structured:
            self.reading.others += self._structured(structured)

    def _structured(self, text: str) -> list[tuple[str, str]]:
        """The data of RFC 5424: by the format that log-format-sd gives, else as it is."""
        form = None if self.configured is None else self.configured.structured(self.frontend)
        readings = [] if form is None else form.readings(text.encode("utf-8", "surrogateescape"))
        if form is None or not readings:
            return [("structured data", text)]
        return [(slot.name, value) for slot, value in zip(form.slots, readings[0], strict=True) if value]


def _fault(value: str) -> str:
    number = int(value) if value.isdecimal() else -1
    if number == 0:
        return "none"
    if 0 < number < len(FAULTS):
        return f"{number} ({FAULTS[number][1].decode()})"
    return value


def duration(milliseconds: int) -> str:
    """ "109 ms", "30.0 s", "2 min 5 s"."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.1f} s" if milliseconds < 100_000 else f"{milliseconds // 1000} s"
    seconds = milliseconds // 1000
    if seconds < 7200:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
