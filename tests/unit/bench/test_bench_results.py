"""Ratios, medians, spreads, goals and warnings."""

import pytest

from bench.results import Goal, Ratio, Result, Sample, Single, figure, ratio, warnings


def sample(rate: float = 100.0, user: float = 6.0, system: float = 4.0, problems: str = "") -> Sample:
    return Sample(requests=100, rate=rate, user=user, system=system, p50=1000, p99=2500, memory=2048, problems=problems)


def test_ratios_are_of_pairs() -> None:
    found = ratio([120.0, 90.0, 110.0], [100.0, 100.0, 100.0])
    assert found.values == (1.2, 0.9, 1.1)
    assert found.median == 1.1
    assert found.spread == pytest.approx(0.3)
    assert ratio([1.0], [0.0]).values == (0.0,), "too short to be seen"
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("values", "unsure"),
    [
        ((1.5, 1.5, 1.6), False),
        ((1.1, 0.9, 1.2), True),
        ((0.5, 0.6, 0.55), False),
        ((0.9, 0.95, 1.1), True),
        ((1.0,), False),
    ],
)
def test_noise_larger_than_the_difference(values: tuple[float, ...], unsure: bool) -> None:
    assert Ratio(values).unsure is unsure
    assert Ratio(values).text().startswith("~" if unsure else " ")


def test_a_row_of_the_table() -> None:
    ours = [sample(rate, user=user) for rate, user in ((120.0, 1.0), (90.0, 4.0), (110.0, 5.0))]
    result = Result("small", Goal(1.0, 1.2), ours, [sample()] * 3)
    assert result.rates.values == (1.2, 0.9, 1.1)
    assert result.costs.values == (0.5, 0.8, 0.9)
    cells = [cell.strip() for cell in result.line().split("|")[1:-1]]
    assert cells == [
        "small",
        "~ 1.10 (0.90..1.20)",
        "~ 0.80 (0.50..0.90)",
        "110 / 100",
        "4.0 / 6.0",
        "4.0 / 4.0",
        "1.00 / 1.00",
        "2.50 / 2.50",
        "2.0 / 2.0",
        "met (at least 1)",
        "",
    ]
    assert result.json()["verdict"] == "met"


def test_problems_of_any_run_are_shown_once() -> None:
    bad = sample(problems="x: wrong")
    assert Result("small", Goal(1, 1), [bad, bad], [sample(), sample(problems="y: wrong")]).problems == [
        "x: wrong",
        "y: wrong",
    ]


@pytest.mark.parametrize(
    ("goal", "value", "word"),
    [
        (Goal(1.0, 1.2), 1.2, "aim"),
        (Goal(1.0, 1.2), 1.0, "met"),
        (Goal(1.0, 1.2), 0.99, "below"),
        (Goal(1.0, 1.2, must=True), 0.99, "BELOW"),
        (Goal(20, 8, lower=True), 8, "aim"),
        (Goal(20, 8, lower=True), 20, "met"),
        (Goal(20, 8, lower=True), 20.1, "below"),
    ],
)
def test_goals(goal: Goal, value: float, word: str) -> None:
    assert goal.verdict(value) == word


def test_an_absolute_goal_is_about_our_own_figure() -> None:
    single = Single("start", "ms", Goal(400, 200, lower=True), [300.0, 350.0, 310.0], [10.0, 10.0, 10.0], absolute=True)
    assert (single.judged, single.json()["verdict"]) == (310.0, "met")
    assert "310 / 10 ms" in single.line()
    assert Single("idle", "bytes", Goal(1, 0.5, lower=True), [600.0], [1200.0]).judged == 0.5


def test_figures_have_digits_that_mean_something() -> None:
    assert [figure(value) for value in (0.01234, 3.14159, 99.96, 1234.6)] == ["0.0123", "3.14", "100", "1,235"]


def test_a_sentence_for_each_figure_that_is_only_noise() -> None:
    noisy = Result("small", Goal(1, 1), [sample(rate=90.0), sample(rate=120.0)], [sample(), sample()])
    clear = Single("check", "s", Goal(20, 8, lower=True), [3.0, 3.1], [1.0, 1.0])
    assert warnings([noisy, clear]) == [
        "small, req/s: the noise (0.30 between the least and the most) is larger than the difference from 1 (0.05)"
    ]
