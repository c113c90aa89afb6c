"""Forecasts: files that people write, and scores against numbers worked out by hand."""

import json
import math
from dataclasses import asdict
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3lib.errors import InputError
from a3lib.forecasting.scores import (
    FEW_BINS,
    NEAREST_TO_CERTAIN,
    OUTCOMES,
    Forecast,
    calibration_bins,
    cost,
    costliest,
    parse_outcome,
    parse_probability,
    read_forecasts,
    score,
    wilson_interval,
    write_forecasts,
)

HEADER = "question,forecast,outcome\n"
FORECASTS = st.builds(Forecast, st.just("q"), st.floats(0, 1), st.booleans())
QUICK = settings(deadline=None, derandomize=True, max_examples=80)


def forecasts_of(*pairs: tuple[float, bool]) -> list[Forecast]:
    return [Forecast(f"question {n}", *pair) for n, pair in enumerate(pairs)]


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "answers.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


# 0.8 and it happened, 0.25 and it did not, 0.9 and it did not, 0.5 and it happened.
BY_HAND = forecasts_of((0.8, True), (0.25, False), (0.9, False), (0.5, True))


def test_the_log_loss_by_hand() -> None:
    # -ln 0.8 = 0.22314355, -ln(1 - 0.25) = 0.28768207, -ln(1 - 0.9) = 2.30258509,
    # -ln 0.5 = 0.69314718; their sum 3.50655790, over 4 = 0.87663947.
    assert [cost(f) for f in BY_HAND] == pytest.approx(
        [0.22314355, 0.28768207, 2.30258509, 0.69314718], abs=1e-8
    )
    scores = score(BY_HAND)
    assert scores.log_loss == pytest.approx(0.87663947, abs=1e-8)
    # Deviations from the mean: -0.65349592, -0.58895740, 1.42594562, -0.18349229. Their squares
    # 0.42705692, 0.34687082, 2.03332091, 0.03366942 sum to 2.84091807; over 3 and the root:
    # 0.97312522; over the root of 4: 0.48656261.
    assert scores.log_loss_error == pytest.approx(0.48656261, abs=1e-8)


def test_brier_score_and_accuracy_by_hand() -> None:
    scores = score(BY_HAND)
    # (0.2^2 + 0.25^2 + 0.9^2 + 0.5^2) / 4 = (0.04 + 0.0625 + 0.81 + 0.25) / 4 = 1.1625 / 4
    assert scores.brier == pytest.approx(0.290625)
    # Right, right, wrong, and the half is half right: 2.5 of 4.
    assert scores.accuracy == 0.625
    assert (scores.count, scores.base_rate, scores.mean_forecast) == (4, 0.5, 0.6125)
    assert (scores.certain, scores.certain_and_wrong, scores.held_back) == (0, 0, 0)


def test_always_one_half_scores_what_the_scores_say_it_does() -> None:
    scores = score(forecasts_of((0.5, True), (0.5, False), (0.5, False)))
    assert scores.log_loss == pytest.approx(scores.always_half_log_loss, abs=1e-15)
    assert scores.always_half_log_loss == pytest.approx(0.69314718, abs=1e-8)
    assert scores.brier == scores.always_half_brier == 0.25
    assert scores.accuracy == scores.always_half_accuracy == 0.5
    assert scores.log_loss_error == 0


def test_certain_answers_cost_a_finite_amount_and_are_counted() -> None:
    # -ln 0.001 = 3 ln 10 = 6.90775528 where it is wrong, -ln 0.999 = 0.00100050 where it is right.
    certain = forecasts_of((0, True), (1, False), (1, True), (0, False), (0.9999, True), (0.999, 1))
    assert [cost(f) for f in certain[:4]] == pytest.approx(
        [6.90775528, 6.90775528, 0.00100050, 0.00100050], abs=1e-8
    )
    scores = score(certain)
    assert (scores.certain, scores.certain_and_wrong, scores.held_back) == (4, 2, 5)
    # The Brier score needs no bound: two of the six are wrong by 1.
    assert scores.brier == pytest.approx(2 / 6, abs=1e-6)


def test_what_happened_and_what_was_certain_is_counted_and_not_the_contrary() -> None:
    scores = score(forecasts_of((1, True), (1, True), (0, True), (0.2, False), (0.7, True)))
    assert (scores.base_rate, scores.certain, scores.certain_and_wrong) == (0.8, 3, 1)


def test_one_answer_has_no_standard_error_and_none_has_no_scores() -> None:
    assert score(BY_HAND[:1]).log_loss_error is None
    with pytest.raises(InputError, match="no forecasts to score; give at least one"):
        score([])


def test_scores_go_into_json_as_they_are() -> None:
    kept = json.loads(json.dumps(asdict(score(BY_HAND))))
    assert kept["count"] == 4 and kept["always_half_brier"] == 0.25


@given(st.lists(FORECASTS, min_size=1, max_size=20))
@QUICK
def test_scores_are_those_of_exact_arithmetic(forecasts: list[Forecast]) -> None:
    scores, size = score(forecasts), len(forecasts)
    low, high = Fraction("0.001"), Fraction("0.999")
    with localcontext(prec=40):
        total = Decimal(0)
        for f in forecasts:
            exact = Fraction(f.probability) if f.outcome else 1 - Fraction(f.probability)
            held = min(max(exact, low), high)
            total -= (Decimal(held.numerator) / Decimal(held.denominator)).ln()
        assert scores.log_loss == pytest.approx(float(total / size), rel=1e-9)
    squares = sum((Fraction(f.probability) - f.outcome) ** 2 for f in forecasts)
    assert scores.brier == pytest.approx(float(squares / size), rel=1e-12, abs=1e-300)
    sides = [Fraction(f.probability) - Fraction(1, 2) for f in forecasts]
    right = sum(
        Fraction(1, 2) if side == 0 else (side > 0) == f.outcome
        for side, f in zip(sides, forecasts, strict=True)
    )
    assert scores.accuracy == pytest.approx(float(Fraction(right) / size))


def test_scores_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    outcomes = [f.outcome for f in BY_HAND]
    given = [f.probability for f in BY_HAND]
    assert score(BY_HAND).log_loss == pytest.approx(metrics.log_loss(outcomes, given))
    assert score(BY_HAND).brier == pytest.approx(metrics.brier_score_loss(outcomes, given))


@given(st.floats(0.002, 0.998), st.floats(0, 1))
@QUICK
def test_who_says_what_is_true_can_expect_the_least_loss(truth: float, said: float) -> None:
    def expected(probability: float) -> tuple[float, float]:
        happened, not_happened = forecasts_of((probability, True), (probability, False))
        log_loss = truth * cost(happened) + (1 - truth) * cost(not_happened)
        brier = truth * score([happened]).brier + (1 - truth) * score([not_happened]).brier
        return log_loss, brier

    for best, other in zip(expected(truth), expected(said), strict=True):
        assert best <= other + 1e-12
        if abs(said - truth) > 0.01:
            assert best < other


def test_the_costliest_answers_come_first() -> None:
    answers = [*BY_HAND, *forecasts_of((0.0005, True), (0, True))]
    # The last two cost the same, and the one that was more certain comes first.
    assert [f.probability for f in costliest(answers, 4)] == [0, 0.0005, 0.9, 0.5]
    assert len(costliest(answers)) == 5 and len(costliest(BY_HAND)) == 4


@pytest.mark.parametrize("probability", [-0.01, 1.01, math.nan, math.inf, 70])
def test_a_probability_is_from_0_to_1(probability: float) -> None:
    with pytest.raises(InputError, match=r"The forecast is .*; give a number from 0 to 1"):
        Forecast("q", probability, True)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.7", 0.7), (" 70% ", 0.7), ("70 %", 0.7), (".5", 0.5), ("1", 1), ("0", 0), ("100%", 1)],
)
def test_probabilities_in_the_ways_people_write_them(text: str, value: float) -> None:
    assert parse_probability(text) == value


@pytest.mark.parametrize(
    "text", ["", " ", "70", "nan", "inf", "-1%", "101%", "a", "0_7", "0,7", "%"]
)
def test_what_is_no_probability_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InputError, match=r"; give a number from 0 to 1, or a percentage such as"):
        parse_probability(text)


def test_outcomes_in_the_ways_people_write_them() -> None:
    for word, outcome in OUTCOMES.items():
        assert parse_outcome(f" {word.title()} ") is outcome
    for text in ("", "2", "maybe", "0.5"):
        with pytest.raises(InputError, match="give 1 where it happened and 0 where it did not"):
            parse_outcome(text)


def test_a_file_with_stray_spaces_capitals_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = ' Outcome , Question,FORECAST \r\nyes,"a, b",70%\r\n\r\n,,\r\n0,NA,.25\r\n'
    expected = [Forecast("a, b", 0.7, True), Forecast("NA", 0.25, False)]
    for encoding in ("utf-8", "utf-8-sig"):
        assert read_forecasts(written(tmp_path, text.encode(encoding))) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty; give a CSV file with the columns question, forecast, outcome"),
        (HEADER, "has no rows below its header; add a row"),
        (HEADER + "\n,,\n", "has no rows below its header"),
        ("question,outcome\na,1\n", "has not one column 'forecast' (it has 'question', 'outcome')"),
        (HEADER.strip() + ",Forecast\na,1,1,1\n", "has not one column 'forecast'"),
        ("question;forecast;outcome\na;0.1;1\n", "has not one column 'question'"),
        (HEADER + "a,0.5,1\n\nb,,1\n", "In row 4 of"),
        (HEADER + "a,,1\n", "The forecast is missing; give a number"),
        (HEADER + "a,0.5\n", "The outcome is missing; give 1"),
        (HEADER + "a,0.5,maybe\n", "In row 2 of {file}: The outcome is 'maybe'"),
        (HEADER + "a,1.5,1\n", "In row 2 of {file}: The forecast is 1.5; give a number"),
        (HEADER + "a,nan,1\n", "The forecast is nan; give"),
        (HEADER + "a, b,0.5,1\n", "more values in a row than columns; put texts with a comma in"),
        (HEADER + "a,0.5,1\na, b,0.5,1\n", "cannot be read as CSV"),
        (HEADER + '"a,0.5,1\n', "cannot be read as CSV"),
        (b"\xff\xfe\x00\x01", "cannot be read as CSV"),
        (b"PK\x03\x04\x14\x00\x08\x00", "has not one column 'question'"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_a_remedy(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    file = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_forecasts(file)
    message = str(caught.value)
    assert words.format(file=repr(str(file))) in message
    assert str(file) in message and "\n" not in message and message.endswith(".")


def test_a_missing_file_a_folder_and_a_zip_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_forecasts(tmp_path / "answers.csv")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_forecasts(tmp_path)
    archive = tmp_path / "answers.zip"
    archive.write_bytes(b"PK\x03\x04 not whole")
    with pytest.raises(InputError, match="has not one column"):
        read_forecasts(archive)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.builds(Forecast, TEXTS, st.floats(0, 1), st.booleans()), min_size=1))
@settings(QUICK, suppress_health_check=[])
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, forecasts: list[Forecast]
) -> None:
    file = write_forecasts(forecasts, tmp_path_factory.mktemp("kept") / "new" / "answers.csv")
    assert read_forecasts(file) == forecasts
    assert [found.name for found in file.parent.iterdir()] == ["answers.csv"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_forecasts(BY_HAND, tmp_path / "answers.csv")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("a3lib.util.files.os.replace", fail)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\); give"):
        write_forecasts(BY_HAND[:1], file)
    assert read_forecasts(file) == BY_HAND


def test_wilson_intervals_of_known_shares() -> None:
    # 8 of 10 with z = 1.96: centre (8 + 1.9208) / 13.8416 = 0.71673795, reach
    # 1.96 / 13.8416 * sqrt(8 * 2 / 10 + 0.9604) = 0.14160213 * 1.60012500 = 0.22658110.
    assert wilson_interval(8, 10) == pytest.approx((0.49015685, 0.94331905), abs=1e-8)
    # None of 10: from 0 to z^2 / (10 + z^2) = 3.8416 / 13.8416.
    assert wilson_interval(0, 10) == pytest.approx((0, 0.27754017), abs=1e-8)
    assert all(wilson_interval(0, count)[0] >= 0 for count in range(1, 300))
    assert wilson_interval(10, 10) == pytest.approx((0.72245983, 1), abs=1e-8)


def test_bins_hold_what_lies_between_their_edges() -> None:
    answers = forecasts_of((0, 0), (0.2, 1), (0.3, 0), (0.8, 1), (1, 1), (1, 0))
    bins = calibration_bins(answers)
    assert [b.count for b in bins] == [1, 2, 3]
    assert [b.mean_forecast for b in bins] == pytest.approx([0, 0.25, 2.8 / 3])
    assert [b.share for b in bins] == pytest.approx([0, 0.5, 2 / 3])
    assert (bins[2].low, bins[2].high) == wilson_interval(2, 3)
    assert calibration_bins([]) == []


@given(st.lists(FORECASTS, max_size=40))
@QUICK
def test_every_forecast_is_in_one_bin(forecasts: list[Forecast]) -> None:
    bins = calibration_bins(forecasts, FEW_BINS)
    assert sum(b.count for b in bins) == len(forecasts)
    assert all(0 <= b.low <= b.share <= b.high <= 1 for b in bins)


@pytest.mark.parametrize("edges", [(0, 0.5), (0.1, 1), (0, 0.6, 0.5, 1), (0, 0.5, 0.5, 1)])
def test_edges_that_do_not_rise_from_0_to_1_are_refused(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="do not rise from 0 to 1"):
        calibration_bins(BY_HAND, edges)


def test_the_bound_is_worth_ten_answers_of_one_half() -> None:
    assert -math.log(NEAREST_TO_CERTAIN) / math.log(2) == pytest.approx(10, abs=0.05)
