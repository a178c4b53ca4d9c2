"""Dynamic cookies as they change while running: `enable` and `disable dynamic-cookie`, `set dynamic-cookie-key`.

A change is ["cookie", <backend>, "dynamic", true] or ["cookie", <backend>, "key", <key>]: making it twice does no harm.
"""

from pointsman.admin.view import View
from pointsman.server.backend import Backend
from pointsman.tables.changes import Change, Follower, text
from pointsman.tables.patterns import PatternError


class DynamicCookies(Follower):
    def __init__(self, view: View) -> None:
        self.view = view
        self.made: dict[tuple[str, str], Change] = {}  # the last one of each kind and backend

    def apply(self, change: Change) -> None:
        name, what = text(change, 1), text(change, 2)
        backend = self._backend(name)
        if backend is None:
            raise PatternError("No such backend.")
        if what == "dynamic":
            backend.dynamic_cookies = change[3] is True
        else:
            backend.cookie_key = text(change, 3).encode("utf-8", "surrogateescape")
        for server in backend.servers:
            server.settle_cookie()
        self.made[name, what] = change

    def _backend(self, name: str) -> Backend | None:
        for proxy in self.view.proxies:
            if proxy.back is not None and proxy.name == name:
                return proxy.back.backend
        return None

    def forget(self, name: str) -> None:
        """That backend was deleted."""
        for key in [key for key in self.made if key[0] == name]:
            del self.made[key]

    def snapshot(self) -> list[Change]:
        return list(self.made.values())
