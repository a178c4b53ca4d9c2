"""What is known of a name, and who is told (manual 5.3.2)."""

from pointsman.net.clock import monotonic_ms
from pointsman.resolve.resolution import ADDRESS, NX, OTHER, SERVICE, TIMEOUT, Holds, Resolution, ResolversSection


def nobody(resolution: Resolution) -> None:
    """A subscriber that does not care."""


def test_who_wants_the_same_shares_a_resolution() -> None:
    section = ResolversSection("dns", Holds())
    first = section.resolve("www.example.com", ADDRESS, 4, nobody)
    assert section.resolve("WWW.Example.com.", ADDRESS, 4, nobody) is first
    assert section.resolve("www.example.com", ADDRESS, 6, nobody) is not first
    assert section.resolve("www.example.com", SERVICE, 4, nobody) is not first
    section.release(first, nobody)
    assert section.resolve("www.example.com", ADDRESS, 4, nobody) is first
    section.release(first, nobody)
    section.release(first, nobody)
    assert section.resolve("www.example.com", ADDRESS, 4, nobody) is not first


def test_errors_are_held_by_the_last_valid_answer() -> None:
    resolution = Resolution("a", ADDRESS, 4, Holds(nx=60_000, timeout=0, other=1))
    assert not resolution.held(NX)
    resolution.valid_at = monotonic_ms() - 1000
    assert resolution.held(NX)
    assert not resolution.held(TIMEOUT)
    assert not resolution.held(OTHER)


def test_subscribers_may_leave_while_all_are_told() -> None:
    section = ResolversSection("dns", Holds())
    told: list[str] = []

    def first(resolution: Resolution) -> None:
        told.append("first")
        section.release(resolution, second)

    def second(resolution: Resolution) -> None:
        told.append("second")

    section.resolve("a", ADDRESS, 4, first)
    section.resolve("a", ADDRESS, 4, second).tell()
    assert told == ["first"]
