"""Services: what answers a request inside the proxy and takes its time (manual 4.4, use-service).

    a rule chooses it --> the stream asks it for a descriptor --> head and body come by that, in pieces

Who writes the answer is none of the stream's business: for what this program has, the process that also runs checks and
the runtime socket. A service registers its name and a function that makes it; the function gets `ask`, by which a
question goes to whoever writes answers. Made it is when all proxies are whole (assemble/admin.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pointsman.config.action import ANSWER, HTTP_REQUEST, Action, RuleArgs, action
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import Registry
from pointsman.core.vocabulary import of_lua, of_python
from pointsman.rules.reply import Served
from pointsman.sample.context import Context
from pointsman.sample.types import Reads, Writes

# From the name of a writer and what it is to write about to a descriptor; -1: there is no such writer.
Ask = Callable[[str, Mapping[str, str]], int]


class HttpService:
    def answer(self, context: Context) -> Served:
        """The answer to this request."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    name: str
    text: str
    make: Callable[[Ask], HttpService]
    act: Callable[[], Action] | None = None  # a rule of its own kind answers: a function of a file (extension/)


SERVICES: Final[Registry[ServiceEntry]] = Registry("service", loads=True)


def service(name: str, text: str) -> Callable[[Callable[[Ask], HttpService]], Callable[[Ask], HttpService]]:
    """Register what makes an HTTP service. `text`: what it is for."""

    def record(make: Callable[[Ask], HttpService]) -> Callable[[Ask], HttpService]:
        SERVICES.add(name, ServiceEntry(name, text, make))
        return make

    return record


class UseService(Action):
    """`made` is filled in when the proxies are whole."""

    def __init__(self, entry: ServiceEntry) -> None:
        super().__init__()
        self.entry = entry
        self.made: HttpService | None = None
        self.final = True

    def run(self, context: Context) -> int:
        made = self.made
        assert made is not None
        context.answer = made.answer(context)
        return ANSWER


@action("use-service", HTTP_REQUEST, "4.4", reads=Reads.REQUEST_LINE, writes=Writes.NOTHING)
def parse_use_service(args: RuleArgs) -> Action:
    """use-service <service-name>: answer with what this service writes."""
    word = args.word("<service-name>")
    entry = SERVICES.get(word.text)
    if entry is None:
        lua = of_lua("service", word.text, word.at)
        if lua is not None:
            raise lua
        near = SERVICES.nearest(word.text)
        raise ConfigError(
            f"unknown service name '{word.text}'",
            word.at,
            "one of " + ", ".join(SERVICES),
            f"did you mean '{near}'?" if near else of_python(word.text),
        )
    if entry.act is not None:
        args.reads, args.writes = int(Reads.ALL), int(Writes.ALL)
        return entry.act()
    return UseService(entry)
