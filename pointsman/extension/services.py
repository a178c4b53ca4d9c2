"""Functions as services: `http-request use-service python.NAME`.

The function answers the request; it may still deny it, redirect it or have it go on, as an action may. One that fails
is answered 500.
"""

from collections.abc import Sequence

from pointsman.config.action import HTTP_REQUEST
from pointsman.config.verdict import ANSWER, FAILED, WAIT, Action
from pointsman.extension.actions import verdict_of
from pointsman.extension.calls import CALLS
from pointsman.extension.declare import Declared
from pointsman.extension.remote import FAILURES, Site, ask, outcome
from pointsman.extension.replies import PlainReply, as_reply, made_here, made_there, of_plain
from pointsman.extension.reports import REPORTS
from pointsman.extension.transaction import Transaction, Verdict
from pointsman.rules.plan import MOVING
from pointsman.rules.service import Ask, HttpService, ServiceEntry
from pointsman.sample.context import Context
from pointsman.sample.types import Value

FOLLOWS = ", the client gets 500"


class FunctionService(Action):
    """Answer with what a function returns."""

    def __init__(self, one: Declared) -> None:
        super().__init__()
        self.one = one
        self.final = True

    def run(self, context: Context) -> int:
        one = self.one
        context.asked |= MOVING
        began = CALLS.begin(one)
        failed = True
        transaction = Transaction(context, HTTP_REQUEST, f"python.{one.name}")
        try:
            try:
                found = one.function(*((transaction,) if one.takes_transaction else ()))
                if transaction.ended is None:
                    context.answer = made_here(one, as_reply(found))
            except Verdict:
                pass  # `ended` says which
            if transaction.unfit is not None:
                raise transaction.unfit
            ended = transaction.ended
            failed = False
            return ANSWER if ended is None else verdict_of(ended, context, HTTP_REQUEST)
        except FAILURES as error:
            transaction.undo()
            REPORTS.failed(one.name, error, FOLLOWS)
            return FAILED
        finally:
            transaction.over()
            CALLS.end(one, began, failed)


class AsyncService(Action):
    """The same of an async function: control calls it, and gives a body in pieces."""

    def __init__(self, one: Declared) -> None:
        super().__init__()
        self.one = one
        self.final = self.waits = True
        self.site = ServiceSite(one)

    def run(self, context: Context) -> int:
        one, site = self.one, self.site
        context.asked |= MOVING
        need = context.answer_to(site.key)
        try:
            if need is None:
                ask(site, context, [], None, site.key)
                return WAIT
            found = outcome(need)
        except FAILURES as error:
            CALLS.count(one, 0, True)
            REPORTS.failed(one.name, error, FOLLOWS)
            return FAILED
        if found is None:
            return FAILED
        _, ended, reply = found
        if ended is not None:
            return verdict_of(ended, context, HTTP_REQUEST)
        context.answer = of_plain(_plain(reply))
        return ANSWER


def _plain(found: object) -> PlainReply:
    assert isinstance(found, tuple)
    status, fields, content, number = found
    return status, fields, content, number


class ServiceSite(Site):
    def __init__(self, one: Declared) -> None:
        super().__init__(one, HTTP_REQUEST)

    def arguments(self, words: Sequence[bytes], value: Value | None) -> list[object]:
        return []

    def result(self, found: object) -> object:
        return made_there(self.one, as_reply(found))

    @property
    def follows(self) -> str:
        return FOLLOWS


def _nobody(ask: Ask) -> HttpService:
    raise NotImplementedError


def service_entry(one: Declared) -> ServiceEntry:
    def act() -> Action:
        return AsyncService(one) if one.is_async else FunctionService(one)

    return ServiceEntry(f"python.{one.name}", one.documentation, _nobody, act)
