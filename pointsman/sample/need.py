"""What an evaluation waits for: a time, bytes, the handshake, or an answer from elsewhere.

A list of rules is evaluated in one go, as long as all that it asks is at hand. What is not at hand is a `Need`:

- an action that waits puts one into `context.need` and returns the verdict WAIT (config/verdict.py);
- a fetch that has to ask elsewhere (a thread, control, another stream) puts one there and returns None, "no sample",
  but only where `context.may_wait` says that somebody would wait for it. Where it does not, the fetch answers at once
  or has no sample. Once the need is met the condition is evaluated again from its beginning, and the fetch finds its
  answer by `context.answer_to(key)`, whose key it chose itself:

      found = context.answer_to(key)                 # asked before, in this exchange?
      if found is not None:
          return found.holds if found.state == MET else None
      if context.may_wait:
          if context.need is None:                   # else one is waited for already: the condition is evaluated again
              context.need = ask(key)                # a class of its own, derived from Need, which carries the answer
          return None
      return work_it_out_at_once()                   # or None, where that cannot be

Who asks gives the need its `time` (ms), so that an answer that never comes ends the wait: then its state is EXPIRED.

Who answers calls `meet()`, once, on the thread of the lane that asked; a need that nobody waits for any more takes no
notice of it. `cancel()` is called when the wait is over without an answer: the client has left, a timeout has passed,
the process ends. Where something has to be taken back then, a class of its own overrides it.

        PENDING --meet--> MET
           +-----expire--> EXPIRED      the deadline has passed
           +-----withdraw-> WITHDRAWN   the exchange is over, or nobody can wait
"""

from typing import Final

from mypy_extensions import mypyc_attr

TIME: Final = 0  # kinds: nothing but a time that passes
REQUEST_BODY: Final = 1  # `size` bytes of it, or all of it, or a full buffer
RESPONSE_BODY: Final = 2
HANDSHAKE: Final = 3  # of the client's connection
ELSEWHERE: Final = 4  # a thread, another process, another stream
CONTENT: Final = 5  # any more bytes of what layer 4 content rules look at, its end, or that their time is over

PENDING: Final = 0
MET: Final = 1
EXPIRED: Final = 2
WITHDRAWN: Final = 3

ENDLESS: Final = 1 << 40  # ms: no deadline of its own


class WaitingPlace:
    """While a configuration is read: whether rules wait for what is being parsed. What must be waited for (WAITED in
    types.py) is refused elsewhere."""

    def __init__(self) -> None:
        self.here = False


WAITING_PLACE: Final = WaitingPlace()


@mypyc_attr(allow_interpreted_subclasses=True)
class Waiter:
    """Whoever waits for a need; it is told once."""

    def need_met(self, need: "Need") -> None:
        """What was waited for is here."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Need:
    """What is waited for, for `time` ms at most.

    `key`: by what a fetch finds the answer again; b"" where nobody looks for it. `size`: bytes of a body that are
    enough; 0: all of it. `behind`: when it is met, the list goes on behind the rule that waited; else the condition, or
    the action, that asked is evaluated again.
    """

    def __init__(self, kind: int, time: int = ENDLESS, key: bytes = b"", size: int = 0, behind: bool = False) -> None:
        self.kind = kind
        self.time = time
        self.key = key
        self.size = size
        self.behind = behind
        self.state = PENDING
        self.waiter: Waiter | None = None

    def meet(self) -> None:
        """What was waited for is here."""
        if self.state == PENDING:
            self.state = MET
            self._tell()

    def expire(self) -> None:
        """The deadline has passed: whoever was asked need not answer any more."""
        if self.state == PENDING:
            self.state = EXPIRED
            self.cancel()
            self._tell()

    def withdraw(self) -> None:
        """Nobody waits for it any more."""
        self.waiter = None
        if self.state == PENDING:
            self.state = WITHDRAWN
            self.cancel()

    def cancel(self) -> None:
        """Take back what was asked elsewhere: there is no answer yet, and none is wanted any more."""

    def _tell(self) -> None:
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            waiter.need_met(self)
