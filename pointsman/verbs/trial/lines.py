"""Lines as they are read: what names a file, a user or a machine that is not here is changed before it is parsed.

Words are changed, not text: each keeps the place of the word that it stands for, so that what is said about a line
shows the user's own. What a parser takes without looking outside is left alone here (see amend.py).
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pointsman.config.addresses import expand
from pointsman.config.setting import Configuration, In, Section
from pointsman.config.tls_paths import CaBase, CrtBase, KeyBase, behind
from pointsman.core.address import is_ip
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Line, Word
from pointsman.verbs.trial.material import AUTHORITY, CERTIFICATE, CHAIN, KEY, LIST, REVOKED, Material
from pointsman.verbs.trial.order import LOG, Order

HERE: Final = "127.0.0.1"
DROPPED: Final = frozenset(  # of the global section: what needs rights, or a machine of its own
    (
        *(
            "chroot",
            "user",
            "group",
            "uid",
            "gid",
            "setcap",
            "daemon",
            "pidfile",
            "master-worker",
            "mworker-max-reloads",
        ),
        *("nbthread", "nbproc", "thread-groups", "thread-group", "thread-hard-limit"),
        *("cpu-map", "cpu-set", "cpu-policy", "cpu-affinity", "numa-cpu-mapping"),
        *("ulimit-n", "fd-hard-limit", "strict-limits", "maxconn", "maxsslconn", "unix-bind"),
        *("server-state-file", "server-state-base", "stats-file", "external-check", "insecure-fork-wanted"),
        *("zero-warning", "quiet", "issuers-chain-path", "ssl-engine", "ssl-provider", "ssl-provider-path"),
    )
)
DROPPED_OF_PROXIES: Final = frozenset(
    (
        *("load-server-state-from-file", "server-state-file-name", "email-alert", "external-check", "source"),
        "bind-process",
    )
)
CRT: Final = frozenset(("crt", "default-crt"))
CA: Final = frozenset(("ca-file", "ca-verify-file", "ca-sign-file"))
FILES: Final = frozenset(("file", "lf-file", "errorfile", "-f"))
MAPPED: Final = re.compile(r"\b(map\w*|(?:add|del)-acl)\(([^,()]+)")
NAMED: Final = re.compile(r"(?:sni|hdr[a-z_]*\(host|host_only)", re.IGNORECASE)
DOMAIN: Final = re.compile(r"(?:\*\.|\.)?[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
HELLO: Final = re.compile(r"\breq[._]ssl_(?:sni|hello_type)\b")
PORT: Final = re.compile(r"\b(?:dst_port|fc_dst_port|dst_is_local)\b")
FILE_ENDINGS: Final = (".lst", ".txt", ".map", ".acl", ".list", ".cfg", ".conf", ".pem", ".lua", ".http")

Change = Callable[[Sequence[Word], Section, Configuration], Sequence[Word] | None]


class Lines:
    """Changes lines, one after the other. `left_out`: the keywords of those that were."""

    def __init__(self, order: Order, material: Material) -> None:
        self.order = order
        self.material = material
        self.left_out: dict[str, None] = {}
        self.quic: list[str] = []
        self.names: dict[str, None] = {}  # host names that rules ask for
        self.looks_at_hellos: set[str] = set()  # proxies whose rules look at the names in hellos of TLS
        self.asks_port = ""  # where a rule does
        self.sockets: list[tuple[str, str]] = []  # stats sockets: as the file has them, and where they are
        self._kinds: dict[str, Change] = {
            "bind": self._bind,
            "server": self._server,
            "server-template": self._server,
            "default-server": self._server,
            "log": self._log,
            "mailer": self._mute,
            "nameserver": self._mute,
            "stats": self._stats,
            "stick-table": self._stick_table,
            "load": self._load,
            "ssl-f-use": self._use_certificate,
            "errorfile": self._error_file,
        }

    def __call__(self, line: Line, section: Section, configuration: Configuration) -> Line | None:
        words: Sequence[Word] = line.words
        first = words[0].text
        if self._is_left_out(words, section):
            return None
        change = self._kinds.get(first)
        if change is not None:
            changed = change(words, section, configuration)
            if changed is None:
                return None
            words = changed
        elif section.kind == In.GLOBAL:
            words = self._global(words, configuration)
        words = self._rules(words, section)
        return line if words is line.words else Line(tuple(words))

    def _is_left_out(self, words: Sequence[Word], section: Section) -> bool:
        first = words[1] if words[0].text in ("no", "default") and len(words) > 1 else words[0]
        name = first.text
        if section.kind == In.GLOBAL:
            left = name in DROPPED
        elif section.kind == In.PEERS:
            left, name = name != "table", "peers"
        elif section.kind == In.RESOLVERS:
            left = name == "parse-resolv-conf"
        elif name == "option" and words[-1].text == "external-check":
            left, name = True, "external-check"
        else:
            left = name in DROPPED_OF_PROXIES
        if left:
            self.left_out.setdefault(name)
        return left

    # Addresses.

    def _bind(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word] | None:
        if len(words) < 2:
            return words
        try:
            address = expand(words[1], configuration.environment)
        except ConfigError:
            return words
        if "quic" in address.text.partition("@")[0]:
            self.quic.append("{}:{}".format(*words[0].source))
            return None
        parts = ",".join(_here(part) for part in address.text.split(","))
        changed = [words[0], _word(words[1], parts), *words[2:]]
        return self._encrypted(_without(changed, {"user": 1, "group": 1, "uid": 1, "gid": 1}), configuration)

    def _server(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word]:
        start = {"server": 3, "server-template": 4}.get(words[0].text, 1)
        kept = _without(words[start:], {"addr": 1, "agent-addr": 1, "socks4": 1, "namespace": 1}, "source")
        return self._encrypted([*words[:start], *kept], configuration)

    def _log(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word]:
        if len(words) < 2 or words[1].text == "global" and len(words) == 2:
            return words
        return [words[0], _word(words[1], os.path.join(self.order.folder, LOG)), *words[2:]]

    def _mute(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word]:
        """A server of mails or names: what is sent to it stays in the run."""
        return [*words[:2], *[_word(word, f"{HERE}:{self.order.checks}") for word in words[2:3]], *words[3:]]

    def _stats(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word] | None:
        """stats socket: a path in the run's folder."""
        if section.kind != In.GLOBAL or len(words) < 3 or words[1].text != "socket":
            return words
        path = os.path.join(self.order.folder, f"stats-{len(self.sockets) + 1}.sock")
        self.sockets.append((words[2].text, path))
        kept = _without(words[3:], {"user": 1, "group": 1, "uid": 1, "gid": 1, "mode": 1, "process": 1, "thread": 1})
        return [*words[:2], _word(words[2], path), *self._encrypted(kept, configuration)]

    def _stick_table(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word]:
        return _without(words, {"peers": 1})

    # Files.

    def _global(self, words: Sequence[Word], configuration: Configuration) -> Sequence[Word]:
        first = words[0].text
        if first in ("lua-load", "lua-load-per-thread", "ssl-dh-param-file", "h1-case-adjust-file") and len(words) > 1:
            kind = "dh" if first == "ssl-dh-param-file" else ""
            return [words[0], _word(words[1], self.material.file(words[1].text, kind)), *words[2:]]
        if first in ("ssl-default-bind-options", "ssl-default-server-options"):
            return self._encrypted(words, configuration)
        return words

    def _load(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word]:
        """load crt <file> key <file> ...: of a crt-store, whose own bases come first."""
        if section.kind != In.CRT_STORE or any(word.text == "generate-dummy" for word in words):
            return words
        changed = list(words)
        crt = section.one(CrtBase) or configuration.main.one(CrtBase)
        key = section.one(KeyBase) or configuration.main.one(KeyBase)
        own_key = any(word.text == "key" for word in words)
        for index, name, word in _pairs(words):
            if name == "crt":
                path = behind(crt.folder if crt is not None else None, word.text)
                changed[index] = _word(word, self.material.file(path, CHAIN if own_key else CERTIFICATE))
            elif name == "key":
                path = behind(key.folder if key is not None else None, word.text)
                changed[index] = _word(word, self.material.file(path, KEY))
            elif name == "issuer":
                changed[index] = _word(word, self.material.file(word.text, AUTHORITY))
        return _without(changed, {"ocsp": 1, "sctl": 1, "ocsp-update": 1})

    def _use_certificate(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word]:
        return self._encrypted(words, configuration)

    def _encrypted(self, words: Sequence[Word], configuration: Configuration) -> list[Word]:
        """Words of TLS that name files."""
        changed = list(words)
        crt, ca = configuration.main.one(CrtBase), configuration.main.one(CaBase)
        for index, name, word in _pairs(words):
            if word.text.startswith("@"):
                continue
            if name in CRT:
                path = behind(crt.folder if crt is not None else None, word.text)
                changed[index] = self._changed(word, path, CERTIFICATE)
            elif name == "crt-list":
                changed[index] = self._changed(word, word.text, LIST, crt.folder if crt is not None else None)
            elif name in CA or name == "crl-file":
                path = behind(ca.folder if ca is not None else None, word.text)
                changed[index] = self._changed(word, path, AUTHORITY if name in CA else REVOKED)
            elif name == "tls-ticket-keys":
                changed[index] = self._changed(word, word.text, "tickets")
        return changed

    def _changed(self, word: Word, path: str, kind: str, base: str | None = None) -> Word:
        made = self.material.file(path, kind, base)
        return word if made == path else _word(word, made)

    def _error_file(self, words: Sequence[Word], section: Section, configuration: Configuration) -> Sequence[Word]:
        if len(words) < 3:
            return words
        return [*words[:2], self._changed(words[2], words[2].text, f"error {words[1].text}"), *words[3:]]

    def _rules(self, words: Sequence[Word], section: Section) -> Sequence[Word]:
        """Maps, lists of patterns and replies that conditions and rules name; and the host names that they ask for."""
        changed: list[Word] | None = None
        for index, word in enumerate(words):
            text = word.text
            new = text
            if index and words[index - 1].text in FILES and not text.startswith(("@", "{", "virt@", "opt@")):
                if words[index - 1].text == "-f" or words[0].text.startswith("http-"):
                    new = self.material.file(text, "error 503" if words[index - 1].text == "errorfile" else "")
            elif "(" in text and ("map" in text or "-acl(" in text):
                new = MAPPED.sub(self._map, text)
            if new != text:
                changed = list(words) if changed is None else changed
                changed[index] = _word(word, new)
        if not self.asks_port and any(PORT.search(word.text) for word in words):
            self.asks_port = "{}:{}".format(*words[0].source)
        if any(HELLO.search(word.text) for word in words):
            self.looks_at_hellos.add(section.name)
        if any(NAMED.search(word.text) for word in words):
            for word in words[1:]:
                if DOMAIN.fullmatch(word.text) and not word.text.endswith(FILE_ENDINGS):
                    name = word.text.lower()
                    self.names.setdefault("*" + name if name.startswith(".") else name)
        return words if changed is None else changed

    def _map(self, found: re.Match[str]) -> str:
        path = found[2]
        if path.startswith(("virt@", "opt@")):
            return found[0]
        return f"{found[1]}({self.material.file(path)}"


def _word(word: Word, text: str) -> Word:
    return Word(text, word.at)


def _pairs(words: Sequence[Word]) -> Iterator[tuple[int, str, Word]]:
    """Each word with the one before it."""
    for index in range(1, len(words)):
        yield index, words[index - 1].text, words[index]


def _without(words: Sequence[Word], parameters: dict[str, int], until: str = "") -> list[Word]:
    """The words without these parameters and their values. `until`: one with values of its own kind: `source`."""
    kept: list[Word] = []
    index = 0
    while index < len(words):
        text = words[index].text
        if text in parameters and index + parameters[text] < len(words):
            index += 1 + parameters[text]
        elif until and text == until:
            index += 2
            while index + 1 < len(words) and words[index].text in ("usesrc", "interface"):
                index += 2
        else:
            kept.append(words[index])
            index += 1
    return kept


def _here(address: str) -> str:
    """An address to listen at whose host need not be looked up, and whose descriptor need not be there."""
    prefix, mark, rest = address.partition("@")
    if mark and prefix.rpartition("+")[2] in ("fd", "sockpair", "rhttp"):
        return f"{HERE}:65535"
    if mark and prefix.rpartition("+")[2] in ("abns", "abnsz", "unix", "uxst", "uxdg") or address.startswith("/"):
        return address
    text = rest if mark else address
    host, colon, port = text.rpartition(":")
    if not colon or host in ("", "*") or ":" in host or is_ip(host) or host.startswith("["):
        return address
    if host.replace(".", "").isdigit():
        return address
    return f"{HERE}:{port}"
