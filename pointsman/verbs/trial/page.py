"""The page of what happened, on a port of its own on 127.0.0.1.

    GET /               HTML, which asks for the rest by a script
    GET /page.js, /page.css
    GET /state?since=N  requests behind that number, states of servers, faults, ports: JSON
    POST /fault         token=...&fault=SERVER=FAULT

Only requests whose Host is this page's are answered: a name of somebody else's that leads here (DNS rebinding) is not.
Faults change only for who has the page's token, which other sites cannot read. Nothing comes from elsewhere.
"""

import asyncio
import contextlib
import csv
import html
import io
import json
import secrets
from dataclasses import asdict
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pointsman.config.keyword import is_number
from pointsman.verbs.trial.echo import Got, read_request
from pointsman.verbs.trial.faults import FaultError, parse_fault
from pointsman.verbs.trial.page_text import HTML, SCRIPT, STYLE
from pointsman.verbs.trial.running import Running
from pointsman.verbs.trial.seen import Seen

IDLE: Final = 30.0  # s that a connection may be silent
SERVERS_PER_SECOND: Final = 500
SHOWN: Final = 500  # servers
LONGEST_BODY: Final = 4_096
POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'"
Reply = tuple[int, str, str]  # status, type, body


class Page:
    def __init__(self, running: Running, seen: Seen) -> None:
        self.running = running
        self.seen = seen
        self.token = secrets.token_urlsafe(24)
        self.port = 0
        self.states: dict[str, tuple[str, str]] = {}
        self.fresh_until = 0.0
        self.server: asyncio.Server | None = None

    async def start(self) -> str:
        """Its URL."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{self.port}/"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                got = await asyncio.wait_for(read_request(reader, writer), IDLE)
                status, kind, body = await self.reply(got)
                text = body.encode("utf-8", "replace")
                head = (
                    f"HTTP/1.1 {status} Page\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(text)}\r\n"
                    f"Content-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\n"
                    "X-Frame-Options: DENY\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\r\n"
                )
                writer.write(head.encode() + text)
                await writer.drain()
        except (TimeoutError, OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def reply(self, got: Got) -> Reply:
        host = got.header("host")
        if host not in (f"127.0.0.1:{self.port}", f"localhost:{self.port}"):
            return 403, "text/plain", "this page is asked as 127.0.0.1 or localhost\n"
        path = urlsplit(got.uri)
        if got.method == "POST" and path.path == "/fault":
            return self._fault(got)
        if got.method != "GET":
            return 405, "text/plain", "GET, or POST /fault\n"
        if path.path == "/":
            files = ", ".join(self.running.order.files)
            text = HTML.replace("{files}", html.escape(files)).replace("{token}", html.escape(self.token))
            return 200, "text/html", text
        if path.path == "/page.js":
            return 200, "text/javascript", SCRIPT
        if path.path == "/page.css":
            return 200, "text/css", STYLE
        if path.path == "/state":
            since = parse_qs(path.query).get("since", ["0"])[0]
            return 200, "application/json", json.dumps(await self._state(int(since) if is_number(since) else 0))
        return 404, "text/plain", "there is /, and /state\n"

    def _fault(self, got: Got) -> Reply:
        said = parse_qs(got.body[:LONGEST_BODY].decode("utf-8", "replace"))
        if not secrets.compare_digest(said.get("token", [""])[0].encode(), self.token.encode()):
            return 403, "text/plain", "this is not the page's token\n"
        try:
            self.running.faults.add(parse_fault(said.get("fault", [""])[0]))
        except FaultError as error:
            return 400, "text/plain", f"{error}\n"
        return 200, "text/plain", "done\n"

    async def _state(self, since: int) -> dict[str, object]:
        running = self.running
        states = await self._states()
        faults = running.faults
        return {
            "number": self.seen.number,
            "requests": self.seen.since(since),
            "lines": self.seen.lines_since(since),
            "listening": [{**asdict(one), "place": one.place, "url": one.url} for one in running.plan.listening],
            "servers": [
                {
                    "title": one.title,
                    "wanted": one.wanted,
                    "kind": one.kind,
                    "state": states.get(one.title, ("", ""))[0],
                    "requests": states.get(one.title, ("", ""))[1],
                    "faults": ", ".join(fault.text for fault in faults.of(one)),
                }
                for one in running.plan.servers[:SHOWN]
            ],
            "notices": running.plan.notices,
        }

    async def _states(self) -> dict[str, tuple[str, str]]:
        """Status and number of sessions of each server, of `show stat` (management manual 9.1). Of thousands of servers
        that takes a while, so it is asked less often."""
        now = self.running.loop.time()
        if now < self.fresh_until:
            return self.states
        self.fresh_until = now + len(self.running.plan.servers) / SERVERS_PER_SECOND
        text = await self.running.command("show stat -1 4 -1")
        found: dict[str, tuple[str, str]] = {}
        with contextlib.suppress(KeyError, csv.Error):
            for row in csv.DictReader(io.StringIO(text.lstrip("# "))):
                found[f"{row['pxname']}/{row['svname']}"] = (row["status"], row["stot"])
        self.states = found
        return found
