"""The wheel: deadlines fire in time, once, and whatever their neighbours do."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.net.timers import NEVER, SHIFT, SLOTS, Timed, Wheel

SLOT = 1 << SHIFT


class One(Timed):
    def __init__(self, wheel: Wheel) -> None:
        super().__init__()
        self.wheel = wheel
        self.fired: list[int] = []

    def expired(self, now: int) -> None:
        self.fired.append(now)


def run(wheel: Wheel, start: int, end: int) -> None:
    for now in range(start, end + 1, 5):
        wheel.advance(now)


def test_a_deadline_fires_once_within_a_slot() -> None:
    wheel = Wheel(1000)
    one = One(wheel)
    wheel.arm(one, 1500)
    run(wheel, 1000, 3000)
    (fired,) = one.fired
    assert 1500 <= fired <= 1500 + SLOT + 5
    assert wheel.waiting == 0


def test_postponed_deadlines_fire_at_the_last_one_and_earlier_ones_at_the_first() -> None:
    wheel = Wheel(1000)
    later, sooner = One(wheel), One(wheel)
    for deadline in (1500, 1900, 2500):
        wheel.arm(later, deadline)
    for deadline in (2500, 1900, 1500):
        wheel.arm(sooner, deadline)
    run(wheel, 1000, 4000)
    assert 2500 <= later.fired[0] <= 2500 + SLOT + 5
    assert 1500 <= sooner.fired[0] <= 1500 + SLOT + 5
    assert len(later.fired) == len(sooner.fired) == 1


def test_a_deadline_beyond_one_turn_of_the_wheel() -> None:
    wheel = Wheel(0)
    one = One(wheel)
    wheel.arm(one, 3 * SLOTS * SLOT)
    wheel.advance(3 * SLOTS * SLOT - 1)
    assert not one.fired
    run(wheel, 3 * SLOTS * SLOT, 3 * SLOTS * SLOT + 200)
    assert len(one.fired) == 1


def test_after_a_long_stop_everything_that_is_due_fires_once() -> None:
    wheel = Wheel(0)
    ones = [One(wheel) for _ in range(100)]
    for i, one in enumerate(ones):
        wheel.arm(one, i * 1000)
    wheel.advance(10_000_000)
    assert all(len(one.fired) == 1 for one in ones)
    assert wheel.waiting == 0


def test_what_a_neighbour_disarms_does_not_fire() -> None:
    wheel = Wheel(0)

    class Rude(One):
        def expired(self, now: int) -> None:
            super().expired(now)
            for one in both:
                self.wheel.disarm(one)

    both = [Rude(wheel), Rude(wheel)]
    for one in both:
        wheel.arm(one, 100)
    run(wheel, 0, 500)
    assert sum(len(one.fired) for one in both) == 1
    assert wheel.waiting == 0 and all(slot.behind is None for slot in wheel.slots)


def test_a_fault_of_one_does_not_keep_the_others_from_firing() -> None:
    wheel = Wheel(0)
    faults: list[Timed] = []
    wheel.fault = faults.append

    class Bad(One):
        def expired(self, now: int) -> None:
            raise ZeroDivisionError

    all_of_them = [Bad(wheel) if i % 2 else One(wheel) for i in range(10)]
    for one in all_of_them:
        wheel.arm(one, 100)
    wheel.advance(500)
    assert [len(one.fired) for one in all_of_them] == [1, 0] * 5
    assert len(faults) == 5


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(("arm", "disarm", "pass")), st.integers(0, 90_000)), max_size=25
    )
)
def test_like_a_list_of_deadlines(steps: list[tuple[int, str, int]]) -> None:
    """Whatever is done, a thing fires between its deadline and a slot later, and only then."""
    now = 5000
    wheel = Wheel(now)
    ones = [One(wheel) for _ in range(5)]
    wanted: list[int | None] = [None] * 5
    for index, step, amount in [*steps, *[(0, "pass", 40_000)] * 4]:
        if step == "arm":
            wheel.arm(ones[index], now + amount)
            wanted[index] = now + amount
        elif step == "disarm":
            wheel.disarm(ones[index])
            wanted[index] = None
        else:
            end = now + amount
            while now < end:
                now = min(now + SLOT, end)
                wheel.advance(now)
                for i, one in enumerate(ones):
                    deadline = wanted[i]
                    if one.fired:
                        assert deadline is not None and deadline <= now
                        wanted[i] = None
                        one.fired.clear()
                    else:
                        assert deadline is None or now < deadline + 2 * SLOT
    assert wheel.waiting == 0
    assert all(one.deadline == one.due == NEVER for one in ones)
