"""The page of a study: from the files that a study writes, whole and damaged."""

import json
import shutil
from pathlib import Path

import matplotlib
import pytest
from helpers.report_pages import read, words
from helpers.synthetic_runs import study_of

from a3lib.report import write_report
from a3lib.report.curves import study_charts
from a3lib.results.samples import ModelSamples, Samples, write_samples
from a3lib.results.summary import StudySummary, read_summary
from a3lib.study.config import get_study
from a3lib.study.findings import write_findings

METHODS = {
    "sigmoid-reverse_kl": 1.0,
    "sigmoid-alpha_0.3": 1.2,
    "sigmoid-forward_kl": 1.6,
    "rso": 0.9,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study with made-up figures."""
    matplotlib.use("Agg")
    folder = tmp_path_factory.mktemp("studies") / "example"
    folder.mkdir()
    runs = study_of(METHODS, noise=0.01)
    runs["failed"] = ""
    runs.to_parquet(folder / "study.parquet")
    write_findings(get_study("tiny"), runs, folder, {"tournament, seed 1": {"mean_reward": 0.5}})
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(finished, tmp_path / "study"))


def test_a_study_shows_its_methods_verdicts_and_figures(study: Path) -> None:
    page = read(write_report(study))
    summary = json.loads((study / "summary.json").read_text(encoding="utf-8"))
    assert words(page, "h1") == ["Study study"]
    assert words(page, "#results tbody th") == [row["method"] for row in summary["best"]]
    first = words(page, "#results tbody tr")[0].split()
    assert first[1:4] == ["0.2", "0.900", "0.400"]
    sentences = [found["sentence"] for found in summary["verdicts"].values()]
    assert words(page, ".verdict") == sentences and sentences
    assert len(page.select("#figures img")) == 3
    assert words(page, "#figures figcaption")[0] == "Study: reward and entropy"
    assert "from a reward of 0.500 before training" in words(page, ".sentence")[0]
    made = [words(row, "th, td") for row in page.select("#settings tbody tr")]
    assert ["tournament, seed 1", "mean reward: 0.5"] in made
    assert page.select(".notices, #explorer, #samples") == []


def test_a_study_with_samples_has_the_explorer_of_a_run(study: Path) -> None:
    models = tuple(ModelSamples(name, (" b",), (0.5,), (1.0,)) for name in ("SFT", "rso"))
    write_samples(Samples(("a",), models), study)
    page = read(write_report(study))
    assert [row["data-model"] for row in page.select("#samples tr[data-model]")] == ["SFT", "rso"]
    boxes = [box["value"] for box in page.select("#explorer #filter-models input")]
    assert boxes == ["SFT", "rso"]
    assert len(page.select('nav a[href="#explorer"]')) == 1


def test_methods_at_equal_reward_have_their_intervals(study: Path) -> None:
    page = read(write_report(study))
    summary = json.loads((study / "summary.json").read_text(encoding="utf-8"))
    captions = words(page, "#matched caption")
    assert captions == [f"{t}, at a reward of 0.85" for t in summary["matched"]]
    found = summary["matched"]["sigmoid"]["methods"][0]
    middle, low, high = found["entropy"]
    cell = page.select("#matched tbody td")[0]
    assert " ".join(cell.text.split()) == f"{middle:.3f} [{low:.3f}, {high:.3f}]"
    assert float(str(cell["data-value"])) == pytest.approx(middle, rel=1e-4)


def test_the_curves_are_held_out_losses_over_their_start(study: Path) -> None:
    best = read_summary(study, StudySummary).best
    charts = study_charts(study / "study.parquet", best)
    assert [chart.key for chart in charts] == ["sigmoid", "other-methods"]
    assert [line.name for line in charts[0].lines] == [*METHODS][:3]
    assert charts[0].steps == (0, 2, 4)
    assert charts[0].lines[0].values == pytest.approx((1.0, 0.5 / 0.7, 0.6 / 0.7))
    styles = [line.style for line in charts[0].lines]
    assert len({style.colour for style in styles}) == len({style.marker for style in styles}) == 3


def test_a_study_without_its_rows_says_so(study: Path) -> None:
    (study / "study.parquet").write_bytes(b"PAR1")
    page = read(write_report(study))
    assert "The training curves cannot be shown" in words(page, ".notices li")[0]
    assert words(page, "#results tbody th") == [*METHODS]


@pytest.mark.parametrize("key", ["best", "matched", "verdicts", "diverged", "sft", "made", "runs"])
def test_a_part_of_the_wrong_kind_never_raises(study: Path, key: str) -> None:
    summary = json.loads((study / "summary.json").read_text(encoding="utf-8"))
    for value in (3, "text", [1], {"a": 2}, {"a": {}}, None):
        text = json.dumps(summary | {key: value})
        (study / "summary.json").write_text(text, encoding="utf-8")
        page = read(write_report(study))
        assert words(page, "h1") == ["Study study"]
        fits = isinstance(value, {"runs": int, "made": dict}.get(key, bytes))
        # The policy before training may not be known.
        if not fits and (key, value) != ("sft", None):
            assert "damaged" in " ".join(words(page, ".notices li"))


def test_a_damaged_summary_is_still_a_studys(study: Path) -> None:
    (study / "summary.json").write_text("{", encoding="utf-8")
    page = read(write_report(study))
    assert words(page, "h1") == ["Study study"]
    assert "The study has no results yet." in words(page, "#results p")
