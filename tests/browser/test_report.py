"""report.html in a real browser: clicked, typed into, printed, on a phone, without a network."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import pytest
from helpers.chromium import need_module
from helpers.example_run import example_run, example_samples
from helpers.report_page import (
    PHONE,
    SHOWN_ROWS,
    Report,
    brightness,
    count_told,
    draw_all_figures,
    numbers_shown,
    opened,
    sideways,
    sort_by,
    values_shown,
)
from helpers.synthetic_runs import study_of

from a3lib.report import write_report
from a3lib.results.samples import Samples, first_samples, write_samples
from a3lib.study.config import get_study
from a3lib.study.findings import write_findings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow("opens dozens of pages in Chromium")]

HOSTILE = "</script><img src=x onerror=\"window.ran=1;alert('ran')\">" + "x" * 5000
KEPT = {"sigmoid-reverse_kl": 1.0, "sigmoid-alpha-0.5": 1.2, "ipo": 1.2, "slic": 1.5}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": PHONE, "has_touch": True},
    "dark-phone": {"color_scheme": "dark", "viewport": PHONE, "has_touch": True},
}
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}


def told_apart(samples: Samples) -> Samples:
    """Return samples whose completions say which model and prompt they are of."""
    models = [
        replace(model, completions=tuple(f" by {model.name}, text {n} ." for n in range(20)))
        for model in samples.models
    ]
    return replace(samples, models=tuple(models))


@pytest.fixture(scope="module")
def samples() -> Samples:
    return told_apart(example_samples())


@pytest.fixture(scope="module")
def run_report(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = example_run(tmp_path_factory.mktemp("reports") / "run")
    write_samples(samples, folder)
    return write_report(folder)


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose prompts, completions and folder try to be part of the page."""
    folder = example_run(tmp_path_factory.mktemp("reports") / "<img src=x>", HOSTILE)
    samples = first_samples(example_samples(HOSTILE), 3)
    write_samples(replace(samples, prompts=(HOSTILE,) * len(samples.prompts)), folder)
    return write_report(folder)


@pytest.fixture(scope="module")
def study_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    matplotlib.use("Agg")
    folder = tmp_path_factory.mktemp("reports") / "study"
    folder.mkdir()
    runs = study_of(KEPT)
    runs.to_parquet(folder / "study.parquet")
    write_findings(get_study("tiny"), runs, folder, {})
    return write_report(folder)


@pytest.fixture(scope="module")
def reports(run_report: Path, hostile_report: Path, study_report: Path) -> dict[str, Path]:
    return {"run": run_report, "hostile": hostile_report, "study": study_report}


@pytest.fixture
def report(chromium: "Browser", run_report: Path) -> Iterator[Report]:
    """The report of a run, open; whatever is done with it, nothing may go wrong in it."""
    with opened(chromium, run_report) as found:
        yield found
        assert found.complaints == [] and found.dialogs == []


@pytest.fixture
def page(report: Report) -> "Page":
    return report.page


def test_the_page_is_one_file_and_asks_for_nothing_else(
    chromium: "Browser", reports: dict[str, Path]
) -> None:
    for name, file in reports.items():
        with opened(chromium, file) as found:
            draw_all_figures(found.page)
            asked = [url for url in found.requests if not url.startswith("data:")]
            assert (asked, found.complaints) == ([file.as_uri()], []), name


@pytest.mark.parametrize("chosen", ["3", "all"])
@pytest.mark.parametrize("key", ["reward", "kl"])
def test_a_click_sorts_by_number_up_and_down(page: "Page", chosen: str, key: str) -> None:
    page.locator("#prompt").select_option(chosen)
    before = numbers_shown(page, key)
    assert len(before) == (9 if chosen == "3" else 180)
    assert sort_by(page, key) == "ascending"
    assert numbers_shown(page, key) == sorted(before) != before
    assert sort_by(page, key) == "descending"
    assert numbers_shown(page, key) == sorted(before, reverse=True)
    assert page.locator("#samples th[aria-sort=none]").count() == 2


def test_models_come_back_in_their_order(page: "Page", samples: Samples) -> None:
    names = [model.name for model in samples.models]
    assert values_shown(page, "model") == names
    sort_by(page, "reward")
    assert values_shown(page, "model") != names
    sort_by(page, "model")
    assert values_shown(page, "model") == names


def test_the_results_are_sorted_too(page: "Page") -> None:
    rewards = page.locator("#results tbody td:nth-child(2)")
    found = "cells => cells.map(cell => Number(cell.dataset.value))"
    before = rewards.evaluate_all(found)
    page.locator("#results").get_by_role("button", name="Reward").click()
    assert rewards.evaluate_all(found) == sorted(before) != before


def test_typing_keeps_the_texts_that_hold_the_words(page: "Page") -> None:
    page.locator("#prompt").select_option("all")
    assert count_told(page) == page.locator(SHOWN_ROWS).count() == 180
    page.locator("#filter-text").press_sequentially("reinforce, TEXT 1")
    assert count_told(page) == page.locator(SHOWN_ROWS).count() == 11
    assert set(values_shown(page, "model")) == {"REINFORCE"}
    page.locator("#filter-text").fill("no text holds this")
    assert (count_told(page), page.locator(SHOWN_ROWS).count()) == (0, 0)
    page.locator("#filter-text").fill("")
    assert count_told(page) == 180


def test_a_model_that_is_unticked_goes(page: "Page", samples: Samples) -> None:
    names = [model.name for model in samples.models]
    boxes = page.locator("#filter-models")
    for name in names[2:]:
        boxes.get_by_label(name, exact=True).click()
    assert values_shown(page, "model") == names[:2]
    assert count_told(page) == page.locator(f"{SHOWN_ROWS} >> visible=true").count() == 2
    boxes.get_by_label(names[4], exact=True).click()
    assert values_shown(page, "model") == [*names[:2], names[4]]


def test_previous_and_next_turn_the_prompts(page: "Page") -> None:
    for button, prompt in (("next", 1), ("next", 2), ("previous", 1), ("previous", 0)):
        page.locator(f"#{button}-prompt").click()
        assert set(values_shown(page, "prompt")) == {str(prompt)}
        shown = page.locator("#samples tr.prompt").filter(visible=True)
        assert shown.all_inner_texts() == [f"Prompt {prompt + 1} prompt {prompt} of the film"]


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_button_turns_the_light_on_and_off(
    chromium: "Browser", run_report: Path, system: str
) -> None:
    with opened(chromium, run_report, color_scheme=system) as found:
        bright = [brightness(found.page)]
        for _ in range(2):
            found.page.locator("#theme").click()
            bright.append(brightness(found.page))
        assert [value > 128 for value in bright] == [
            (system == "light") == (clicks != 1) for clicks in range(3)
        ]


def reward_of_reinforce(folder: Path, step: int) -> float:
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return float(f"{summary['reinforce']['rewards'][step - 1]:.4g}")


def value_read_off(page: "Page", name: str) -> tuple[int, float]:
    """Return the step and the value of a line that the first chart's output tells."""
    text = page.locator("#curves figure output").first.inner_text()
    step, value = re.search(r"Step (\d+)", text), re.search(rf"{name}: (-?[\d.]+)", text)
    assert step and value, text
    return int(step[1]), float(value[1])


def test_arrow_keys_read_values_off_a_curve(page: "Page", run_report: Path) -> None:
    slider = page.locator("#curves figure").first.get_by_role("slider")
    slider.focus()
    for step in (2, 3, 4):
        page.keyboard.press("ArrowRight")
        expected = step, reward_of_reinforce(run_report.parent, step)
        assert value_read_off(page, "REINFORCE") == expected
    page.keyboard.press("ArrowLeft")
    assert value_read_off(page, "REINFORCE") == (3, reward_of_reinforce(run_report.parent, 3))
    assert "step 3" in (slider.get_attribute("aria-valuetext") or "")


def test_pointing_at_a_curve_reads_its_values(page: "Page", run_report: Path) -> None:
    plot = page.locator("#curves figure .plot").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    # 40 steps: a quarter of the way is between steps 10 and 11.
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + box["height"] / 2)
    step, value = value_read_off(page, "REINFORCE")
    assert step in (10, 11)
    assert value == reward_of_reinforce(run_report.parent, step)


def drawn_steps(page: "Page") -> list[int]:
    ticks = page.locator("#curves figure").first.locator(".x-ticks span")
    return [int(text) for text in ticks.all_inner_texts()]


def test_a_chart_is_looked_at_more_closely_and_from_afar_again(page: "Page") -> None:
    figure = page.locator("#curves figure").first
    lines = figure.locator("svg.lines")
    whole, steps = lines.get_attribute("viewBox"), drawn_steps(page)
    first, last = figure.locator("input[type=number]").all()
    first.fill("11")
    last.fill("20")
    last.press("Tab")
    assert lines.get_attribute("viewBox") != whole
    assert all(11 <= step <= 20 for step in drawn_steps(page)) and len(drawn_steps(page)) > 2
    figure.locator("button.reset").click()
    assert (lines.get_attribute("viewBox"), drawn_steps(page)) == (whole, steps)


def test_dragging_over_a_chart_zooms(page: "Page") -> None:
    figure = page.locator("#curves figure").first
    plot = figure.locator(".plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40, steps=5)
    page.mouse.up()
    assert all(10 <= step <= 21 for step in drawn_steps(page)) and len(drawn_steps(page)) > 2


def test_the_keyboard_reaches_everything_and_enter_sorts(page: "Page") -> None:
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.dataset.sort")
        )
    wanted = {"theme", "prompt", "previous-prompt", "next-prompt", "filter-text"}
    assert wanted | {"model", "reward", "kl"} <= reached
    while page.evaluate("document.activeElement.dataset.sort") != "reward":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert numbers_shown(page, "reward") == sorted(numbers_shown(page, "reward"))
    outline = page.evaluate(
        "(({outlineStyle, outlineWidth}) => [outlineStyle, parseFloat(outlineWidth)])"
        "(getComputedStyle(document.activeElement))"
    )
    assert outline[0] != "none" and outline[1] >= 1


def test_a_print_holds_every_text_whatever_is_filtered(page: "Page", tmp_path: Path) -> None:
    page.locator("#filter-text").fill("text 7")
    # The page's own listener came first, so this sees what is printed.
    page.evaluate(
        """rows => addEventListener("beforeprint", () => {
            window.printed = [...document.querySelectorAll(rows)].length;
        })""",
        SHOWN_ROWS,
    )
    page.pdf(path=tmp_path / "report.pdf")
    assert page.evaluate("window.printed") == 180
    assert count_told(page) == 0 == page.locator(SHOWN_ROWS).count()
    page.emulate_media(media="print")
    assert not page.locator("#filter-text").is_visible()
    assert not page.locator("#theme").is_visible()
    assert brightness(page) > 250


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["run", "hostile", "study"])
def test_no_text_breaks_out_of_the_page_or_its_width(
    chromium: "Browser", reports: dict[str, Path], name: str, look: str, pictures: Path
) -> None:
    with opened(chromium, reports[name], **LOOKS[look]) as found:
        page = found.page
        draw_all_figures(page)
        page.screenshot(path=pictures / f"report-{name}-{look}.png", full_page=True)
        assert sideways(page) <= 0
        if name != "study":
            page.locator("#prompt").select_option("all")
            sort_by(page, "reward")
            assert sideways(page) <= 0
        assert page.locator('img[src="x"]').count() == 0
        assert page.evaluate("window.ran") is None
        assert (found.dialogs, found.complaints) == ([], [])


def test_without_script_everything_is_on_the_page(chromium: "Browser", run_report: Path) -> None:
    with opened(chromium, run_report, java_script_enabled=False) as found:
        assert found.page.locator("#samples tr[data-model] >> visible=true").count() == 180
        assert not found.page.locator("#theme").is_visible()
        assert not found.page.locator("#filter-text").is_visible()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["run", "study"])
def test_nothing_stands_in_the_way_of_a_person_with_a_disability(
    chromium: "Browser", reports: dict[str, Path], name: str, look: str
) -> None:
    need_module("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    with opened(chromium, reports[name], **LOOKS[look]) as found:
        violations = Axe().run(found.page, options=WCAG).response["violations"]
        told = [
            (violation["id"], node["target"], node["failureSummary"])
            for violation in violations
            for node in violation["nodes"]
        ]
        assert told == []
