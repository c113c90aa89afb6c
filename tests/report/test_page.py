"""The page of a run: its structure, what it shows, and what it says where something is missing."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from bs4 import BeautifulSoup
from helpers.example_run import ALPHAS, BETAS, PROMPTS, example_run, example_samples
from helpers.report_pages import problems_of, read, words

from a3lib.errors import InputError
from a3lib.profiles import model_names
from a3lib.report import write_report
from a3lib.results.samples import write_samples
from a3lib.results.summary import ForecastScores

matplotlib.use("Agg")
NAMES = model_names(ALPHAS, BETAS)
DASH = "\N{EN DASH}"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
SCORES = ForecastScores(4, 0.5, 0.25, None, 0.25, 0.5, 0.5, 0, 0, 0)
HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>'\"`]]>--><!--{{ 7*7 }}{% x %}"
    "\x00\x07\x1b\r\x7f\x9f\u2028\ud800\ufffe\U0001fffe \u202eabc \u05e9\u05dc\u05d5\u05dd "
    "\U0001f600\n&amp;" + "x" * 5000
)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example run, which no test changes."""
    return example_run(tmp_path_factory.mktemp("report") / "example")


@pytest.fixture(scope="module")
def page(example: Path) -> BeautifulSoup:
    """Its page."""
    file = write_report(example)
    assert file == example / "report.html"
    return read(file)


@pytest.fixture
def run(example: Path, tmp_path: Path) -> Path:
    """A copy of the example run."""
    return Path(shutil.copytree(example, tmp_path / "run"))


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> BeautifulSoup:
    """The page of a run whose summary was changed."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    change(summary)
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return read(write_report(folder))


def notices(page: BeautifulSoup) -> str:
    """What the page says is missing."""
    return " ".join(words(page, ".notices li"))


def test_the_page_forbids_everything_from_outside(page: BeautifulSoup) -> None:
    policy = page.select_one("meta[http-equiv='Content-Security-Policy']")
    assert policy is not None and policy["content"] == POLICY
    assert page.select("link, script[src], iframe, object, embed, base, form") == []


def test_the_ids_that_others_rely_on_are_there(page: BeautifulSoup) -> None:
    for selector in (
        "#results table",
        "#curves figure output",
        "#explorer select#prompt",
        "#explorer button#previous-prompt",
        "#explorer button#next-prompt",
        "#explorer input#filter-text",
        "#explorer fieldset#filter-models",
        "#explorer table#samples",
        "#explorer #shown[aria-live=polite]",
        "button#theme",
        "#figures img",
        "#settings table",
    ):
        assert len(page.select(selector)) >= 1, selector
    keys = [heading["data-key"] for heading in page.select("#samples th[data-key]")]
    assert keys == ["model", "reward", "kl"]


def test_a_screen_reader_finds_its_way(page: BeautifulSoup) -> None:
    html = page.select_one("html")
    assert html is not None and html["lang"] == "en"
    assert [len(page.select(tag)) for tag in ("main", "header", "nav", "h1", "title")] == [1] * 5
    levels = [int(tag.name[1]) for tag in page.select("h1, h2, h3, h4")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.select_one("a.skip")["href"] == "#main"  # type: ignore[index]
    assert all(section.get("aria-labelledby") for section in page.select("section"))
    for table in page.select("table"):
        assert table.find("caption").text.strip()  # type: ignore[union-attr]
        assert all(th.get("scope") for th in table.select("th"))
    labelled = {label.get("for") for label in page.select("label")}
    for field in page.select("input, select"):
        assert field.get("id") in labelled or field.find_parent("label") is not None
    for drawing in page.select("svg"):
        assert (
            drawing.get("aria-label")
            or drawing.find_parent(attrs={"aria-hidden": "true"})
            or (drawing.get("aria-hidden") == "true")
        )
    assert all(region.get("aria-label") for region in page.select(".scroll"))


def test_what_needs_script_is_hidden_until_there_is_one(page: BeautifulSoup) -> None:
    for control in page.select("button, select, input, output"):
        around = [control, *control.parents]
        assert any(element.has_attr("hidden") for element in around)


def test_the_results_are_those_of_the_run(page: BeautifulSoup) -> None:
    rows = [words(row, "th, td") for row in page.select("#results tbody tr")]
    assert [row[0] for row in rows] == NAMES
    assert rows[0] == ["original", "0.487", "0.997", DASH, DASH]
    assert rows[1][:3] == ["REINFORCE", "0.963", "0.030"]
    assert rows[2][1:3] == ["0.960", "0.030"] and float(rows[2][3]) > 100 and rows[2][4] == DASH
    assert rows[-1] == ["DPO, beta = 0.5", "0.910", "0.890", DASH, "0.020"]
    bar = page.select("#results tbody tr")[1].select_one(".bar span")
    assert bar is not None and bar["style"] == "width:96.3%"
    values = [cell["data-value"] for cell in page.select("#results tbody tr")[0].select("td")]
    assert values == ["0.487", "0.997", "", ""]
    assert words(page, ".sentence") == [
        "Mean test reward: 0.487 before training; at best 0.963 (REINFORCE; naturalness 0.030), "
        "0.960 (KL, alpha = 0; naturalness 0.030), 0.910 (DPO, beta = 0.5; naturalness 0.890) "
        "after it."
    ]
    assert {"Reward", "Naturalness", "KL at the end", "Test loss"} <= set(
        words(page, "#results dt")
    )
    assert notices(page) == ""


def test_every_curve_of_the_run_is_drawn_and_in_a_table(page: BeautifulSoup) -> None:
    lines = {str(f["id"]): words(f, ".legend li") for f in page.select("#curves figure")}
    alphas, betas = NAMES[2:6], NAMES[6:]
    assert lines == {
        "curve-rewards": ["REINFORCE", *alphas],
        "curve-kl": alphas,
        "curve-losses": betas,
    }
    for figure in page.select("#curves figure"):
        names = words(figure, ".legend li")
        assert figure.select("path.raw")[0]["d"] != figure.select("path.line")[0]["d"]
        assert len(figure.select("path.line")) == len(figure.select("path.raw")) == len(names)
        assert words(figure, "details thead th") == ["step", *names]
        assert len(figure.select("details tbody tr")) == 40
        data = json.loads(figure.select_one("script").text)  # type: ignore[union-attr]
        assert [line["name"] for line in data["lines"]] == names
        assert data["steps"] == list(range(1, 41))
    assert words(page, "#curve-rewards .marks span") == ["0.65", "0.75", "0.80"]
    assert words(page, "#curve-losses .marks span") == ["ln 2"]


def test_the_explorer_has_every_text_of_every_model(page: BeautifulSoup) -> None:
    rows = page.select("#samples tr[data-model]")
    assert len(rows) == PROMPTS * len(NAMES)
    samples = example_samples()
    for row in rows[:: len(NAMES) + 1]:
        prompt, name = int(row["data-prompt"]), row["data-model"]  # type: ignore[arg-type]
        model = next(model for model in samples.models if model.name == name)
        assert float(row["data-reward"]) == model.rewards[prompt]  # type: ignore[arg-type]
        assert float(row["data-kl"]) == model.kl[prompt]  # type: ignore[arg-type]
        assert row.select_one(".completion bdi").text == model.completions[prompt]  # type: ignore[union-attr]
        assert words(row, ".number")[0] == f"{model.rewards[prompt]:.2f}"
    values = [option["value"] for option in page.select("#prompt option")]
    assert values == [*map(str, range(PROMPTS)), "all"]
    assert [box["value"] for box in page.select("#filter-models input[checked]")] == NAMES


def test_figures_are_inside_the_page_with_words(page: BeautifulSoup) -> None:
    images = page.select("#figures img")
    assert len(images) == 5
    for image in images:
        assert image["loading"] == "lazy" and len(str(image["alt"])) > 60
        assert int(str(image["width"])) > 100 and int(str(image["height"])) > 100
    assert words(page, "#figures figcaption")[0] == "Rewards of the original model"


def test_settings_versions_and_seconds_are_in_tables(page: BeautifulSoup) -> None:
    rows = {tuple(words(row, "th, td")) for row in page.select("#settings tbody tr")}
    assert {("alphas", "0, 0.003, 0.1, 3"), ("torch", "2.13"), ("kl", "90")} <= rows
    assert ("limit train", DASH) in rows and ("study", "yes") in rows
    # Not the folder of somebody's machine.
    assert {("policy", "tiny"), ("reward model", "tiny")} <= rows


def test_hostile_texts_are_texts(run: Path) -> None:
    write_samples(example_samples(HOSTILE), run)
    page = read(write_report(run))
    assert len(page.select("script")) == 4
    assert page.select("#samples img, #samples script") == []
    cell = page.select_one("#samples .completion")
    assert cell is not None and cell["dir"] == "auto"
    shown = cell.select_one("bdi").text  # type: ignore[union-attr]
    assert shown.startswith("</script><script>alert(1)</script><img src=x onerror=alert(1)>")
    assert "{{ 7*7 }}{% x %}\u2400\u2407\u241b\u240d\u2421\ufffd\u2028\ufffd\ufffd\ufffd" in shown
    assert "\u202eabc \u05e9\u05dc\u05d5\u05dd \U0001f600\n&amp;" in shown
    assert shown.endswith("x" * 5000)


def test_hostile_names_and_settings_are_texts(run: Path, tmp_path: Path) -> None:
    def change(summary: dict[str, Any]) -> None:
        summary["settings"] = {HOSTILE: HOSTILE, "list": [HOSTILE]}
        summary["versions"] = {HOSTILE: HOSTILE}
        summary["seconds"] = {HOSTILE: 1.5}
        summary["forecast"] = asdict(SCORES)
        summary["own_forecast"] = {"count": HOSTILE}

    folder = Path(shutil.copytree(run, tmp_path / "<img src=x onerror=alert(1)>"))
    samples = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
    samples["prompts"][0] = samples["models"][1]["name"] = HOSTILE
    changed(folder, change)
    (folder / "samples.json").write_text(json.dumps(samples), encoding="utf-8")
    page = read(write_report(folder))
    assert words(page, "h1") == ["Run <img src=x onerror=alert(1)>"]
    boxes = [box["value"] for box in page.select("#filter-models input")]
    assert boxes[1] == page.select("#samples tr[data-model]")[1]["data-model"]
    assert ["log loss", "0.25"] in [words(row, "th, td") for row in page.select("#forecast tr")]
    assert page.select("img[src=x]") == []
    assert len(page.select("#settings tbody tr")) == 4
    assert "The own_forecast cannot be shown" in notices(page)


def test_numbers_that_are_none_are_dashes(run: Path) -> None:
    def change(summary: dict[str, Any]) -> None:
        summary["reinforce"]["reward"] = float("nan")
        summary["dpo"][0]["test_loss"] = float("inf")
        summary["kl"][0]["kl_divergences"][3:5] = [float("inf"), None]
        summary["baseline"]["naturalness"] = None

    page = changed(run, change)
    rows = {words(row, "th")[0]: words(row, "td") for row in page.select("#results tbody tr")}
    assert rows["REINFORCE"][0] == DASH and rows["DPO, beta = 0.1"][3] == DASH
    assert rows["original"][1] == DASH
    numbers = [script.text for script in page.select("#curves script")]
    assert len(numbers) == 3 and not any("NaN" in t or "Infinity" in t for t in numbers)
    broken = page.select("#curve-kl path.raw")[0]
    assert str(broken["d"]).count("M") == 2


def test_an_interrupted_run_shows_what_it_has(run: Path) -> None:
    def change(summary: dict[str, Any]) -> None:
        del summary["kl"], summary["dpo"]

    (run / "samples.json").unlink()
    page = changed(run, change)
    assert len(page.select("#results tbody tr")) == 2
    assert [figure["id"] for figure in page.select("#curves figure")] == ["curve-rewards"]
    assert "no results of the KL penalty" in notices(page)
    assert "no results of DPO" in notices(page) and "REINFORCE" not in notices(page)


def test_a_folder_without_samples_and_figures_says_so(run: Path) -> None:
    (run / "samples.json").unlink()
    for file in (run / "figures").iterdir():
        file.unlink()
    page = read(write_report(run))
    assert "There are no samples to show." in " ".join(words(page, "#explorer p"))
    assert words(page, "#figures p") == ["There are no figures in this folder."]
    assert page.select("#samples, #figures img") == []


@pytest.mark.parametrize("damage", ["{", "[1]", "null", "", '"text"', "\x00", "[" * 100000])
def test_a_damaged_summary_is_said_and_the_rest_is_shown(run: Path, damage: str) -> None:
    (run / "summary.json").write_text(damage, encoding="utf-8")
    page = read(write_report(run))
    assert "summary.json is damaged" in notices(page)
    assert len(page.select("#figures img")) == 5 and page.select("#samples tr")
    assert "no results yet" in " ".join(words(page, "#results p"))


def test_a_damaged_section_leaves_the_curves_of_the_others(run: Path) -> None:
    def change(summary: dict[str, Any]) -> None:
        summary["kl"][1]["rewards"] = "none"

    page = changed(run, change)
    assert notices(page) == (
        "The part of the KL penalty cannot be shown: what the folder holds of it is damaged."
    )
    curves = [figure["id"] for figure in page.select("#curves figure")]
    assert curves == ["curve-rewards", "curve-losses"]


@pytest.mark.parametrize(
    ("change", "notice"),
    [
        ({"schema_version": 3}, "summary.json was written by a newer a3lib"),
        ({"seconds": 3}, "The seconds cannot be shown"),
    ],
)
def test_a_newer_summary_and_a_damaged_setting_are_said(
    run: Path, change: dict[str, Any], notice: str
) -> None:
    page = changed(run, partial(dict.update, **change))
    assert notice in notices(page)
    assert words(page, "h1") == ["Run run"] and len(page.select("#figures img")) == 5


@pytest.mark.parametrize("key", ["baseline", "reinforce", "kl", "dpo", "study", "settings"])
def test_a_part_of_the_wrong_kind_never_raises(run: Path, key: str) -> None:
    # A small page is read faster.
    (run / "samples.json").unlink()
    shutil.rmtree(run / "figures")
    for value in (7, "text", [3], {"a": 1}, [{"alpha": "x", "beta": []}], True):
        page = changed(run, partial(dict.update, **{key: value}))
        other = "REINFORCE" if key == "baseline" else "original"
        assert other in words(page, "#results tbody th")
        if key != "settings" or not isinstance(value, dict):
            assert "damaged" in notices(page)
        if key in ("baseline", "reinforce", "kl", "dpo"):
            # It is damaged, not unreached.
            assert "no results of" not in notices(page)


def test_damaged_samples_and_pictures_are_said(run: Path) -> None:
    (run / "samples.json").write_text('{"prompts": [1], "models": [{}]}', encoding="utf-8")
    (run / "figures" / "dpo_loss.png").write_bytes(b"GIF89a" + bytes(100))
    page = read(write_report(run))
    assert "There are no samples to show." in " ".join(words(page, "#explorer p"))
    assert words(page, "#figures figure > p") == ["The file dpo_loss.png is damaged."]
    assert len(page.select("#figures img")) == 4


def test_the_study_of_section_6_and_the_forecast_are_shown(run: Path) -> None:
    best = [{"method": "rso", "knob": 0.5, "reward": 0.75, "kl": None, "finite": True}]

    def change(summary: dict[str, Any]) -> None:
        summary |= {"study": {"made": {}, "best": best}, "forecast": asdict(SCORES)}
        summary["own_forecast"] = asdict(SCORES) | {"brier": 0.125}

    page = changed(run, change)
    assert words(page, "#study tbody th") == ["rso"]
    cells = words(page, "#study tbody td")
    assert cells[:2] == ["0.5", "0.750"] and cells[-1] == "yes" and DASH in cells
    rows = [words(row, "th, td") for row in page.select("#forecast tbody tr")]
    assert len(rows) == 2 * len(asdict(SCORES))
    assert [row for row in rows if row[0] == "brier"] == [["brier", "0.25"], ["brier", "0.125"]]
    assert ["log loss error", DASH] in rows


def test_a_folder_without_a_summary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no summary\.json in .*; give the folder of a"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "<p><b></p></b>",
        "<p>",
        "<i id='a'></i><b id='a'></b>",
        "<p>\x00</p>",
        "<p a='' a=''></p>",
        "<img src='http://a.b/c.png'>",
        "<a href='#y'></a>",
        "<style>a{b:url(c)}</style>",
        "<p onclick='x'></p>",
        "<div/>",
        "<b for='q'></b>",
    ],
)
def test_the_checker_of_pages_sees_what_is_wrong(wrong: str) -> None:
    assert problems_of(wrong, BeautifulSoup(wrong, "html.parser"))
