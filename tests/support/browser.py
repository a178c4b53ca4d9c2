"""A browser as far as cookies go: Python's own jar, which follows RFC 6265's and Netscape's rules."""

from __future__ import annotations

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping


class Browser:
    """One jar; each request has a connection of its own, as those of several tabs do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.headers: Mapping[str, str] = {}  # of the last response

    def ask(self, path: str = "/", form: Mapping[str, str] | None = None, **more: str) -> tuple[int, str]:
        """Status and body; a POST where there is a form. `more`: header fields, with "_" for "-"."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with self.opener.open(request, timeout=10) as response:
                self.headers = response.headers
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                self.headers = error.headers
                return error.code, error.read().decode()

    @property
    def cookies(self) -> dict[str, str]:
        return {one.name: one.value or "" for one in self.jar}

    def forget(self) -> None:
        self.jar.clear()
