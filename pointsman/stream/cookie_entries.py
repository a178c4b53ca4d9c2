"""How an exchange reads, writes and takes out the persistence cookie of its backend (manual 4.2, cookie; 8.5).

      request    behind the backend's rules and use-server: the Cookie fields name a server, and are changed (prefix,
                 insert indirect); third letter
      response   behind its rules: Set-Cookie of the server is left, changed or taken out (ServerCookie); then, behind
                 option checkcache, ours is set (SetCookie); fourth letter

The server depends on states, the date and use-server, and the response on the server: nothing of such an exchange is
remembered (`MOVING`). Backends without `cookie` have none of these entries.
"""

from typing import Final

from pointsman.config.verdict import FAILED
from pointsman.proto.cookies import cookie_parts, rewritten, set_cookie_part, tidied
from pointsman.proto.message import Field, field
from pointsman.proto.weight import PIECE
from pointsman.rules.plan import MOVING
from pointsman.rules.room import add_field, failed, take
from pointsman.sample.context import Context
from pointsman.server.backend import LiveServer
from pointsman.stream.cookies import (
    DOWN,
    INSERT,
    INVALID,
    NO,
    NOT_ASKED,
    PREFIX,
    PROVIDED,
    REWRITE,
    REWRITTEN,
    UNUSED,
    VALID,
    CookieDates,
    PersistenceCookie,
    is_cacheable,
)
from pointsman.stream.entries import NEXT, Deciding, Entry, Routing
from pointsman.stream.proxies import IGNORED, BackendProxy

_PRIVATE: Final = field(b"cache-control", b"private")


def seconds_now(one: Deciding) -> int:
    """The date, in seconds since 1970. A response may come long after its request."""
    program = one.frontend.program
    return (program.process.reactor.now + program.date_offset) // 1000


def clear_letters(context: Context, letter: int) -> None:
    """NO: nothing is known of a cookie yet; NOT_ASKED: nobody asks for one."""
    context.record.cookie_request = context.record.cookie_response = letter


class CookieLetters(Entry):
    """From here on the log shows letters."""

    name = "cookie"

    def decide(self, one: Deciding) -> int:
        if one.context.record.cookie_request == NOT_ASKED:
            clear_letters(one.context, NO)
        return NEXT


class RoutingOfListen(Routing):
    """Out of a listen section with a cookie: into its own backend, or another one."""

    def decide(self, one: Deciding) -> int:
        outcome = super().decide(one)
        if one.backend is not None and one.backend is not one.frontend.twin:
            clear_letters(one.context, NOT_ASKED)
        return outcome


class ReadCookie(Entry):
    name = "cookie"

    def __init__(self, cookie: PersistenceCookie) -> None:
        self.cookie = cookie

    def decide(self, one: Deciding) -> int:
        context = one.context
        request = context.request
        backend = one.backend
        assert request is not None and backend is not None
        context.asked |= MOVING
        one.dates = None
        for each in request.fields:
            if each.name == b"cookie":
                self._change(one, backend, request.fields)
                break
        return NEXT

    def _change(self, one: Deciding, backend: BackendProxy, fields: list[Field]) -> None:
        """All Cookie fields in their order."""
        reading = Reading(self.cookie, backend, one)
        kept: list[Field] = []
        changed = False
        for each in fields:
            if each.name != b"cookie":
                kept.append(each)
                continue
            value = reading.read(each.value)
            if value == each.value:
                kept.append(each)
                continue
            changed = True
            if value is not None:
                kept.append(field(b"cookie", value))
        request = one.context.request
        assert request is not None
        if changed:
            request.fields = kept
        one.dates = reading.dates
        if reading.server is not None:
            one.forced = reading.server
        if self.cookie.acts:
            one.context.record.cookie_request = reading.letter


def look_for_log(backend: BackendProxy, one: Deciding) -> None:
    """Of a request that was denied, the log shows what its cookie would have meant, and the server that it names."""
    cookie = backend.cookie
    request = one.context.request
    if cookie is None or request is None:
        return
    reading = Reading(cookie, backend, one)
    for each in request.fields:
        if each.name == b"cookie":
            reading.read(each.value)
    if cookie.acts:
        one.context.record.cookie_request = reading.letter
    if reading.server is not None:
        one.context.server = reading.server


class Reading:
    """The cookies of one request, one after the other."""

    def __init__(self, cookie: PersistenceCookie, backend: BackendProxy, one: Deciding) -> None:
        self.cookie = cookie
        self.backend = backend
        self.persistence = one.persistence
        self.named = one.forced is not None or one.persistence == IGNORED  # the cookie has no say
        self.now = seconds_now(one)
        self.dates = CookieDates()
        self.letter = NO
        self.server: LiveServer | None = None

    def read(self, value: bytes) -> bytes | None:
        """A Cookie field as it goes on. None: it does not."""
        cookie = self.cookie
        value = tidied(value)
        if value.find(cookie.name) < 0:
            return value
        parts = cookie_parts(value)
        change = False
        for part in parts:
            if part.value_at < 0 or value[part.name_at : part.name_end] != cookie.name:
                continue
            content = value[part.value_at : part.value_end]
            if cookie.mode == PREFIX:
                mark = content.find(b"~")
                if mark >= 0:
                    part.cut = mark + 1
                    change = True
                    content = content[:mark]
                self._use(content)
            else:
                mark = content.find(b"|")
                if mark >= 0:
                    cookie.dates(content, mark, self.dates)
                    content = content[:mark]
                old = cookie.too_old(self.dates, self.now) if mark >= 0 else 0
                if old:
                    self.letter = old
                    self.dates.last = self.dates.first = 0
                else:
                    self._use(content)
            if cookie.mode == INSERT and cookie.indirect:
                part.drop = True
                change = True
        return rewritten(value, parts) if change else value

    def _use(self, value: bytes) -> None:
        """The first server with this value that may be used. One that is down is used where something says so."""
        if self.named:
            if self.letter == NO:
                self.letter = UNUSED
            return
        if self.server is not None:
            return
        backend = self.backend
        backend.keep_up()
        found = False
        for server in backend.servers:
            if not server.cookie or server.cookie != value:
                continue
            found = True
            if backend.honours(server, self.persistence):
                self.letter = VALID if server.up else DOWN
                self.server = server
                return
            self.letter = DOWN
        if not found and self.letter == NO:
            self.letter = INVALID


class ServerCookie(Entry):
    """What becomes of the cookie where the server sets it."""

    name = "cookie"

    def __init__(self, cookie: PersistenceCookie) -> None:
        self.cookie = cookie

    def decide(self, one: Deciding) -> int:
        context = one.context
        response = context.response
        assert response is not None
        context.asked |= MOVING
        one.provided = False
        if one.persistence == IGNORED:  # then it is the application's
            return NEXT
        for each in response.fields:
            if each.name == b"set-cookie":
                return self._change(one, response.fields)
        return NEXT

    def _change(self, one: Deciding, fields: list[Field]) -> int:
        context = one.context
        response = context.response
        assert response is not None
        ours = one.persistence != IGNORED
        kept: list[Field] = []
        for each in fields:
            if each.name != b"set-cookie":
                kept.append(each)
                continue
            value = tidied_setting(each.value)
            part = set_cookie_part(value)
            if ours and part.value_at >= 0 and value[part.name_at : part.name_end] == self.cookie.name:
                made = self._of_ours(one, value, part.value_at, part.value_end)
                if made is None:
                    continue
                value = made
            if value == each.value:
                kept.append(each)
                continue
            if not take(context, response, max(0, len(value) - len(each.value))) and failed(context) == FAILED:
                return FAILED
            kept.append(field(b"set-cookie", value))
        response.fields = kept
        return NEXT

    def _of_ours(self, one: Deciding, value: bytes, first: int, end: int) -> bytes | None:
        """A field that sets our cookie, as it goes on. None: it does not."""
        cookie = self.cookie
        record = one.context.record
        one.provided = True
        letter = PROVIDED
        made: bytes | None = value
        server = one.context.server
        own = server.cookie if isinstance(server, LiveServer) else b""
        if cookie.preserve and (cookie.mode == INSERT or cookie.indirect):
            pass
        elif cookie.mode == INSERT or cookie.indirect and is_direct(one):
            letter = DOWN
            made = None
        elif own and cookie.mode == REWRITE:
            letter = REWRITTEN
            made = value[:first] + own + value[end:]
        elif own and cookie.mode == PREFIX:
            letter = REWRITTEN
            made = value[:first] + own + b"~" + value[first:]
        if cookie.acts:
            record.cookie_response = letter
        return made


def tidied_setting(value: bytes) -> bytes:
    """A Set-Cookie field without blanks around the first "=". Those of its attributes stay."""
    part = set_cookie_part(value)
    if part.value_at < 0:
        return value
    return value[: part.name_end] + b"=" + value[part.value_at :]


def is_direct(one: Deciding) -> bool:
    """The exchange has come to the server that use-server or persistence named."""
    return one.forced is not None and one.context.server is one.forced and not one.context.record.redispatched


class SetCookie(Entry):
    """We set the cookie: for who has come without one that named this server, or whose dates are to be renewed."""

    name = "cookie"

    def __init__(self, cookie: PersistenceCookie) -> None:
        self.cookie = cookie

    def decide(self, one: Deciding) -> int:
        cookie = self.cookie
        context = one.context
        request = context.request
        response = context.response
        server = context.server
        assert request is not None and response is not None
        if one.persistence == IGNORED or one.provided and cookie.preserve or not isinstance(server, LiveServer):
            return NEXT
        if cookie.postonly and request.method != b"POST":
            return NEXT
        now = seconds_now(one)
        dates = one.dates if one.dates is not None else CookieDates()
        direct = is_direct(one)
        if direct and not cookie.due(dates, now):
            return NEXT
        made = cookie.setting(server.cookie, dates.first if direct else 0, now)
        if not add_field(context, response, field(b"set-cookie", made)):
            return FAILED
        context.record.cookie_response = UNUSED if direct else INVALID
        if cookie.nocache and is_cacheable(response, request.method):
            if not take(context, response, PIECE + len(_PRIVATE.name) + len(_PRIVATE.value)):
                failed(context)
                return FAILED
            response.fields = [*response.fields, _PRIVATE]
        return NEXT
