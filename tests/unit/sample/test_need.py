"""Needs: met, expired or withdrawn once, and told to whoever waits."""

from exchanges import exchange

from pointsman.sample.need import ELSEWHERE, EXPIRED, MET, PENDING, WITHDRAWN, Need, Waiter


class Told(Waiter):
    def __init__(self) -> None:
        self.needs: list[tuple[Need, int]] = []

    def need_met(self, need: Need) -> None:
        self.needs.append((need, need.state))


class Question(Need):
    def __init__(self, key: bytes = b"") -> None:
        super().__init__(ELSEWHERE, 1000, key)
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


def asked() -> tuple[Question, Told]:
    need, told = Question(), Told()
    need.waiter = told
    return need, told


def test_an_answer_is_told_once() -> None:
    need, told = asked()
    assert need.state == PENDING
    need.meet()
    need.meet()
    need.expire()
    assert told.needs == [(need, MET)]
    assert need.cancelled == 0
    assert need.waiter is None  # nothing keeps the one who waited alive


def test_one_that_expires_is_cancelled_before_it_is_told() -> None:
    need, told = asked()
    need.expire()
    need.meet()
    assert told.needs == [(need, EXPIRED)]
    assert need.cancelled == 1


def test_what_is_withdrawn_is_cancelled_and_told_to_nobody() -> None:
    need, told = asked()
    need.withdraw()
    need.meet()
    need.expire()
    need.withdraw()
    assert need.state == WITHDRAWN
    assert told.needs == []
    assert need.cancelled == 1


def test_withdrawing_what_is_met_cancels_nothing() -> None:
    need, _ = asked()
    need.meet()
    need.withdraw()
    assert need.state == MET
    assert need.cancelled == 0


def test_an_answer_before_anybody_waits_is_kept() -> None:
    need = Question()
    need.meet()
    assert need.state == MET


def test_an_answer_is_found_by_its_key_until_the_exchange_is_over() -> None:
    context = exchange()
    need = Question(b"password:x")
    context.answers.append(need)
    assert context.answer_to(b"password:x") is need
    assert context.answer_to(b"password:y") is None
    context.reset()
    assert context.answer_to(b"password:x") is None
