"""All sinks of a process: one for each address, however many loggers write to it.

    made while the configuration is assembled    sink(address)
    opened before chroot and setuid              open()
    watched by the reactor, after the fork       attach(reactor)

The Ticker flushes a sink when a batch is together or 60 ms after its first line.
"""

from typing import Final

from pointsman.core.address import AddressSpec
from pointsman.log.sink import BATCH, Sink, make_sink
from pointsman.net.reactor import OUT, Hook, Reactor
from pointsman.net.timers import NEVER

DELAY: Final = 60  # ms that a line may wait
EDGE: Final = 1 << 31  # EPOLLET


class Ticker(Hook):
    def __init__(self, sinks: list[Sink]) -> None:
        super().__init__()
        self.sinks = sinks
        self.each = True  # a batch may be together

    def after(self, now: int) -> None:
        late = now >= self.due
        waiting = False
        for sink in self.sinks:
            if sink.lines:
                if late or len(sink.lines) >= BATCH:
                    sink.flush()
                waiting = waiting or bool(sink.lines)
        if not waiting:
            self.due = NEVER
        elif late or self.due == NEVER:
            self.due = now + DELAY


class SinkSet:
    def __init__(self) -> None:
        self.by_address: dict[AddressSpec, Sink] = {}
        self.opened = False

    def sink(self, address: AddressSpec) -> Sink:
        """The sink of an address, made when it is first asked for."""
        found = self.by_address.get(address)
        if found is None:
            found = self.by_address[address] = make_sink(address)
        return found

    def open(self) -> list[str]:
        """Open all. What went wrong, a text each: no reason to stop, a receiver may come later."""
        self.opened = True
        problems = []
        for address, sink in self.by_address.items():
            failure = sink.open()
            if failure:
                where = f"fd@{address.port}" if address.kind == "fd" else address.host
                if address.kind == "inet":
                    where += f":{address.port}"
                problems.append(f"log target '{where}': {failure}")
        return problems

    def attach(self, reactor: Reactor) -> None:
        """Let the reactor flush them. Call it in the process that runs the reactor."""
        sinks = list(self.by_address.values())
        for sink in sinks:
            if sink.watchable():
                reactor.add(sink, OUT | EDGE)
        reactor.hooks.append(Ticker(sinks))

    def flush(self) -> None:
        for sink in self.by_address.values():
            sink.flush()

    @property
    def dropped(self) -> int:
        """Lines that got lost (DroppedLogs of `show info`)."""
        return sum(sink.dropped for sink in self.by_address.values())

    def close(self) -> None:
        """Flush and close, where no reactor watches them any more."""
        for sink in self.by_address.values():
            sink.flush()
            sink.close()
