"""What the write-up takes from a run's folder: numbers, tables, generations and figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from a3lib.errors import InputError
from a3lib.kit.latex import markup
from a3lib.profiles import ORIGINAL, REINFORCE, dpo_name, kl_name
from a3lib.results.samples import SAMPLES_FILE, Samples, first_samples, read_samples
from a3lib.results.summary import DpoResult, KlResult, RunSummary
from a3lib.results.tables import alpha_verdict

RESULTS = "numbers.tex"
PROMPTS_SHOWN = 5
# The figures that A3.tex shows; a run's other figures are copied too, for those who want them.
FIGURES = (
    "baseline_rewards",
    "reinforce_reward",
    "reinforce_rewards",
    "kl_and_reward",
    "dpo_loss",
    "forecast_calibration",
)
# The parts of a run's summary, and what to call each where it is missing.
PARTS = {
    "baseline": "the original's reward",
    "reinforce": "REINFORCE's reward",
    "kl": "the results of the alphas",
    "dpo": "the results of the betas",
    "forecast": "the scores of your forecasts",
}


@dataclass(frozen=True)
class Material:
    """The files of generated/, content by name, and a list in words of what the run lacks."""

    files: dict[str, bytes]
    missing: list[str]


def results(summary: RunSummary) -> dict[str, str]:
    r"""Return the values of \result{name} in A3.tex, as LaTeX, as far as the run has them."""
    texts = {"profile": markup.escape(summary.profile or markup.NO_NUMBER)}
    for name, model in (("original", summary.baseline), ("reinforce", summary.reinforce)):
        if model is not None:
            texts[f"{name}-reward"] = markup.number(model.reward)
            texts[f"{name}-naturalness"] = markup.number(model.naturalness)
    for kl in summary.kl:
        if kl.alpha == 0:
            texts["no-penalty-first-kl"] = markup.number(kl.kl_divergences[0], 1)
            texts["no-penalty-last-kl"] = markup.number(kl.kl_divergences[-1], 1)
    if summary.dpo:
        texts["dpo-rewards"] = by_beta([(dpo.beta, dpo.reward) for dpo in summary.dpo])
        texts["dpo-test-losses"] = by_beta([(dpo.beta, dpo.test_loss) for dpo in summary.dpo])
    return texts


def by_beta(values: Sequence[tuple[float, float]]) -> str:
    """Return pairs of DPO's beta and a value as LaTeX."""
    return ", ".join(rf"{markup.number(value)} ($\beta = {beta:g}$)" for beta, value in values)


def measures_naturalness(rows: Sequence[KlResult] | Sequence[DpoResult]) -> bool:
    """Say whether naturalness was measured, as it is where the texts have a grammar."""
    return any(row.naturalness is not None for row in rows)


def alpha_table(summary: RunSummary) -> str | None:
    """Return the table of Q3.2, or None where the run did not get that far."""
    rows, baseline = summary.kl, summary.baseline
    if not rows or baseline is None:
        return None
    natural = measures_naturalness(rows)
    header = [r"$\alpha$", "reward", *["naturalness"] * natural, "KL at the end", "verdict"]
    cells = [
        [
            f"{row.alpha:g}",
            markup.number(row.reward),
            *[markup.number(row.naturalness)] * natural,
            markup.number(row.kl_divergences[-1], 1),
            markup.escape(alpha_verdict(row.reward, row.naturalness, baseline.naturalness)),
        ]
        for row in rows
    ]
    return markup.table(header, cells, "rr" + "r" * natural + "rl")


def beta_table(summary: RunSummary) -> str | None:
    """Return the table of Q4.4, or None where the run did not get that far."""
    rows = summary.dpo
    if not rows:
        return None
    natural = measures_naturalness(rows)
    header = [r"$\beta$", "test loss", "reward", *["naturalness"] * natural]
    cells = [
        [
            f"{row.beta:g}",
            markup.number(row.test_loss),
            markup.number(row.reward),
            *[markup.number(row.naturalness)] * natural,
        ]
        for row in rows
    ]
    return markup.table(header, cells, "rrr" + "r" * natural)


def forecast_table(summary: RunSummary) -> str | None:
    """Return the table of Q5.1, or None where no forecasts were scored."""
    scores = summary.forecast
    if scores is None:
        return None
    header = [f"{scores.count} forecasts", "yours", r"always 50 \%"]
    rows = (
        ("accuracy", scores.accuracy, scores.always_half_accuracy),
        ("log loss, nats", scores.log_loss, scores.always_half_log_loss),
        ("Brier score", scores.brier, scores.always_half_brier),
    )
    cells = [[name, markup.number(yours), markup.number(half)] for name, yours, half in rows]
    return markup.table(header, cells, "lrr")


def generations(samples: Samples, summary: RunSummary) -> dict[str, str]:
    """Return the file of generations, content by name, of each section whose models have some."""
    alphas = [kl_name(kl.alpha) for kl in summary.kl]
    betas = [dpo_name(dpo.beta) for dpo in summary.dpo]
    few = first_samples(samples, PROMPTS_SHOWN)
    files = {}
    for section, names, beside in (
        ("original", [ORIGINAL], []),
        ("reinforce", [REINFORCE], [ORIGINAL]),
        ("kl", alphas, []),
        ("dpo", betas, [ORIGINAL]),
    ):
        if any(model.name in names for model in few.models):
            models = tuple(model for model in few.models if model.name in beside + names)
            files[f"generations_{section}.tex"] = markup.generations(Samples(few.prompts, models))
    return files


def whole_figures(folder: Path) -> dict[str, bytes]:
    """Return a run's figures as PDF, content by name; a truncated one is left out."""
    figures = {file.stem: file.read_bytes() for file in sorted(folder.glob("figures/*.pdf"))}
    return {
        name: content
        for name, content in figures.items()
        if content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
    }


TABLES: Mapping[str, Callable[[RunSummary], str | None]] = {
    "alpha": alpha_table,
    "beta": beta_table,
    "forecast": forecast_table,
}


def make_material(folder: Path, summary: RunSummary) -> Material:
    """Return what the write-up takes from a run's folder, and what is missing there.

    Raises InputError where the samples are not what a run writes.
    """
    missing = [part for key, part in PARTS.items() if not getattr(summary, key)]
    files = {RESULTS: markup.results_file(results(summary))}
    for name, make in TABLES.items():
        if (table := make(summary)) is not None:
            files[f"{name}_table.tex"] = table
    try:
        samples = read_samples(folder)
    except InputError:
        missing.append("the generations (samples.json)")
    else:
        try:
            files |= generations(samples, summary)
        except (IndexError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"What is in {str(folder / SAMPLES_FILE)!r} is not what a run writes ({error!r}); "
                "make the run again."
            ) from error
    figures = whole_figures(folder)
    missing += [f"the figure {name}" for name in FIGURES if name not in figures]
    content = {name: text.encode("ascii") for name, text in files.items()}
    content |= {f"figures/{name}.pdf": figure for name, figure in figures.items()}
    return Material(content, missing)
