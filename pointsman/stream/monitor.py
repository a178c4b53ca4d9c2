"""monitor-uri and monitor fail (manual 4.2): is this proxy alive, for whoever balances the balancers.

A monitor-uri that is a path is met by that path with its query, also in an absolute target; one with a scheme is
compared with the whole target.
"""

from pointsman.rules.pages import DEFAULT_PAGES
from pointsman.rules.reply import Reply
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context
from pointsman.sample.fetch.request import path_and_query_of
from pointsman.stream.proxies import Frontend, Service


class Monitor(Service):
    """Answers 200, or 503 while one of the conditions holds."""

    def __init__(self, frontend: Frontend, uri: bytes, fails: list[tuple[Condition, bool]]) -> None:
        self.frontend = frontend
        self.uri = uri
        self.fails = fails

    def answer(self, context: Context) -> Reply | None:
        request = context.request
        if (
            request is None
            or request.uri != self.uri
            and (request.uri[:1] == b"/" or self.uri[:1] != b"/" or self.uri != path_and_query_of(request.uri))
        ):
            return None
        status = 200
        for condition, negated in self.fails:
            if condition.test(context) != negated:
                status = 503
        return self.frontend.pages.get(status) or DEFAULT_PAGES[status]
