"""What control is asked (net/questions.py), as something that a list of rules waits for (need.py).

found = ctx.answer_to(key)
if found is None and ctx.may_wait and ctx.need is None:
    ctx.need = ControlNeed(b"name", payload, 500, key)
"""

from pointsman.net.questions import QUESTIONS, Asker, Question
from pointsman.sample.need import ELSEWHERE, Need


class ControlNeed(Need):
    """`answer`: what control has said; None where it could not, for which `reason` is one of net/questions.py."""

    def __init__(self, kind: bytes, payload: bytes, time: int, key: bytes, again: bool = True) -> None:
        super().__init__(ELSEWHERE, time, key)
        self.answer: bytes | None = None
        self.reason = 0
        self.question = QUESTIONS.ask(kind, payload, time, NeedAsker(self), again)

    def cancel(self) -> None:
        self.question.cancel()


class NeedAsker(Asker):
    """Tells the need."""

    def __init__(self, need: ControlNeed) -> None:
        self.need = need

    def answered(self, question: Question, answer: bytes) -> None:
        self.need.answer = answer
        self.need.meet()

    def unanswered(self, question: Question, reason: int) -> None:
        self.need.reason = reason
        self.need.meet()
