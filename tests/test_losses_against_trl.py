"""The preference losses against TRL's own trainer: where they are the same, and where not."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset  # type: ignore[import-untyped]
from helpers.tiny_checkpoints import save_tiny_gpt2
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from a3lib.logprobs import sequence_log_probs
from a3lib.losses import preference_loss

trl = pytest.importorskip("trl", reason="TRL is needed only to compare with it.")


PREFERENCES = {
    "prompt": ["This film", "The plot is very", "I"],
    "chosen": [" is wonderful.", " good.", " laughed and cried."],
    "rejected": [" is worse", " dull from the first scene on.", " left."],
}
# Log-ratios of the chosen and the rejected, pair by pair. No exponent is above 5, where the line
# begins, and no hinge is at its corner.
MODERATE = ((2.0, -1.0), (-2.5, 3.0), (0.5, 0.25))

# Our divergence and alpha beside TRL's name and coefficient. From 0.29 on TRL's alpha is 1 - ours:
# the f-DPO paper's u^(-alpha) is what ours is, and what TRL's own help text says, while its code
# computes (t^(a-1) - 1) / (a-1).
SAME = [
    ("reverse_kl", None, "reverse_kl", 0.5),
    ("forward_kl", None, "forward_kl", 0.5),
    ("jensen_shannon", None, "js_divergence", 0.5),
    ("alpha", 0.3, "alpha_divergence", 0.7),
    ("alpha", 0.5, "alpha_divergence", 0.5),
    ("alpha", 0.7, "alpha_divergence", 0.3),
]
each_divergence = pytest.mark.parametrize(("divergence", "alpha", "theirs", "coefficient"), SAME)


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A DPOTrainer with a random policy, and another random model as its reference."""
    folder = tmp_path_factory.mktemp("trl")
    for name, seed in (("policy", 0), ("reference", 1)):
        save_tiny_gpt2(folder / name, seed=seed)
    return make_trainer(folder)


def make_trainer(folder: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(folder / "policy")
    tokenizer.pad_token = tokenizer.eos_token
    return trl.DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder / "policy"),
        ref_model=AutoModelForCausalLM.from_pretrained(folder / "reference"),
        args=trl.DPOConfig(
            output_dir=str(folder / "out"),
            report_to="none",
            per_device_train_batch_size=3,
            use_cpu=True,
            bf16=False,
            max_length=None,
        ),
        train_dataset=Dataset.from_dict(PREFERENCES),
        processing_class=tokenizer,
    )


@pytest.fixture(scope="module")
def batch(trainer: Any) -> dict[str, Tensor]:
    """The three pairs as TRL's own collator makes them: all chosen rows, then all rejected."""
    collated = trainer.data_collator(list(trainer.train_dataset))
    lengths = collated["completion_mask"].sum(dim=1)
    # Padding and unequal lengths, or the comparison would not see a wrong mask.
    assert len(set(lengths.tolist())) > 2
    assert not collated["attention_mask"].all()
    return collated


def our_sums(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The summed log-probabilities of chosen and rejected completions by our own forward."""
    sums = sequence_log_probs(
        model, batch["input_ids"], batch["attention_mask"], batch["completion_mask"]
    )
    chosen, rejected = sums.chunk(2)
    return chosen, rejected


def with_ratios(
    trainer: Any, batch: dict[str, Tensor], ratios: tuple[tuple[float, float], ...] = MODERATE
) -> dict[str, Tensor]:
    """The batch with cached reference sums that give its first pairs these log-ratios."""
    pairs = len(batch["input_ids"]) // 2
    rows = [b for b in range(len(ratios))] + [pairs + b for b in range(len(ratios))]
    short = {name: values[rows] for name, values in batch.items()}
    with torch.no_grad():
        chosen, rejected = our_sums(trainer.model, short)
    wanted = torch.tensor(ratios).T
    return short | {
        "ref_chosen_logps": chosen - wanted[0],
        "ref_rejected_logps": rejected - wanted[1],
    }


def trl_loss(
    trainer: Any,
    batch: dict[str, Tensor],
    *,
    loss_type: str = "sigmoid",
    beta: float = 0.1,
    divergence: str = "reverse_kl",
    coefficient: float = 0.5,
    label_smoothing: float = 0.0,
) -> Tensor:
    """TRL's loss of a batch, by the trainer's own method; cached reference sums are used."""
    other = copy.copy(trainer)
    other.loss_types, other.loss_weights = [loss_type], [1.0]
    other.beta, other.label_smoothing = beta, label_smoothing
    other.f_divergence_type, other.f_alpha_divergence_coef = divergence, coefficient
    other.precompute_ref_logps = "ref_chosen_logps" in batch
    return other._compute_loss(other.model, batch, return_outputs=False)


def our_losses(trainer: Any, batch: dict[str, Tensor], **how: Any) -> Tensor:
    chosen, rejected = our_sums(trainer.model, batch)
    return preference_loss(
        chosen, rejected, batch["ref_chosen_logps"], batch["ref_rejected_logps"], **how
    )


def parameter_gradient(trainer: Any, loss: Tensor) -> Tensor:
    """The gradient on all of the policy's parameters, as one row."""
    parts = torch.autograd.grad(loss, list(trainer.model.parameters()))
    return torch.cat([part.flatten() for part in parts])


def assert_same(trainer: Any, ours: Tensor, theirs: Tensor) -> None:
    """The value to 1e-5, and the gradient on every parameter to float32's rounding in two forwards.

    TRL sums over the vocabulary in chunks, and its backward pass rounds differently from ours.
    """
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    found, expected = parameter_gradient(trainer, ours), parameter_gradient(trainer, theirs)
    scale = max(1.0, expected.abs().max().item())
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-5 * scale)


@pytest.mark.parametrize("link", ["sigmoid", "hinge"])
@pytest.mark.parametrize("beta", [0.1, 0.7])
@each_divergence
def test_sigmoid_and_hinge_are_trls_under_every_divergence(
    trainer: Any,
    batch: dict[str, Tensor],
    divergence: str,
    alpha: float | None,
    theirs: str,
    coefficient: float,
    beta: float,
    link: str,
) -> None:
    placed = with_ratios(trainer, batch)
    ours = our_losses(trainer, placed, beta=beta, link=link, divergence=divergence, alpha=alpha)
    assert_same(
        trainer,
        ours.mean(),
        trl_loss(
            trainer,
            placed,
            loss_type=link,
            beta=beta,
            divergence=theirs,
            coefficient=coefficient,
        ),
    )


@each_divergence
def test_a_live_reference_model_gives_trls_loss_too(
    trainer: Any,
    batch: dict[str, Tensor],
    divergence: str,
    alpha: float | None,
    theirs: str,
    coefficient: float,
) -> None:
    with torch.no_grad():
        chosen, rejected = our_sums(trainer.ref_model, batch)
    cached = batch | {"ref_chosen_logps": chosen, "ref_rejected_logps": rejected}
    ours = our_losses(trainer, cached, beta=0.5, divergence=divergence, alpha=alpha)
    found = trl_loss(trainer, batch, beta=0.5, divergence=theirs, coefficient=coefficient)
    assert_same(trainer, ours.mean(), found)
    # Not step 0, where everything is ln 2.
    assert (ours - math.log(2)).abs().max() > 1e-3


@pytest.mark.parametrize("alpha", [0.3, 0.7])
def test_trls_alpha_is_one_minus_ours(trainer: Any, batch: dict[str, Tensor], alpha: float) -> None:
    """Ours is the paper's: its table has s(u) = (1 - exp(-alpha u)) / alpha."""
    placed = with_ratios(trainer, batch)
    ours = our_losses(trainer, placed, beta=0.5, divergence="alpha", alpha=alpha).mean()
    found = trl_loss(trainer, placed, beta=0.5, divergence="alpha_divergence", coefficient=alpha)
    assert abs(ours - found) > 0.05
    # So the limits lie at the other ends: a coefficient of 1 is reverse KL in TRL.
    limit = trl_loss(trainer, placed, beta=0.5, divergence="alpha_divergence", coefficient=1.0)
    near = our_losses(trainer, placed, beta=0.5, divergence="alpha", alpha=1e-6).mean()
    torch.testing.assert_close(limit, near, rtol=1e-5, atol=1e-5)


# Label smoothing


@pytest.mark.parametrize("smoothing", [0.1, 0.3])
def test_our_label_smoothing_is_trls_aot_of_a_single_pair(
    trainer: Any, batch: dict[str, Tensor], smoothing: float
) -> None:
    """AOT sorts over the batch and then smooths labels; of one pair there is nothing to sort."""
    for ratios in MODERATE:
        placed = with_ratios(trainer, batch, (ratios,))
        ours = our_losses(trainer, placed, beta=0.5, label_smoothing=smoothing)
        found = trl_loss(trainer, placed, loss_type="aot", beta=0.5, label_smoothing=smoothing)
        assert_same(trainer, ours.mean(), found)


def test_trls_sigmoid_takes_no_label_smoothing_and_its_robust_is_another_loss(
    trainer: Any, batch: dict[str, Tensor]
) -> None:
    """Ours is the expected loss under wrong labels; robust estimates the clean loss from those.

    The estimate takes the flipped loss off and divides by 1 - 2e, so it has no lower bound.
    """
    placed = with_ratios(trainer, batch)
    ours = our_losses(trainer, placed, beta=0.5, label_smoothing=0.2).mean()
    plain = our_losses(trainer, placed, beta=0.5).mean()
    torch.testing.assert_close(
        trl_loss(trainer, placed, beta=0.5, label_smoothing=0.2), plain, rtol=1e-5, atol=1e-5
    )
    robust = trl_loss(trainer, placed, loss_type="robust", beta=0.5, label_smoothing=0.2)
    assert abs(ours - robust) > 0.05
    assert abs(ours - robust * (1 - 2 * 0.2)) > 0.05
    # From ours = 0.8 right + 0.2 wrong and right = plain, what robust must be.
    wrong = (ours - 0.8 * plain) / 0.2
    torch.testing.assert_close(
        robust, (0.8 * plain - 0.2 * wrong) / (1 - 2 * 0.2), rtol=1e-5, atol=1e-5
    )


# IPO


def test_trls_ipo_is_ours_on_log_ratios_a_token(trainer: Any, batch: dict[str, Tensor]) -> None:
    """TRL divides by the length, which its comment says IPO's authors do as well.

    Ours is equation 17 as it is printed, on the log-probabilities of whole completions: with an
    average over tokens a long completion would have to move further to be worth the same. The two
    agree once our sums are divided by the lengths.
    """
    placed = with_ratios(trainer, batch)
    found = trl_loss(trainer, placed, loss_type="ipo", beta=0.1)
    lengths = placed["completion_mask"].sum(dim=1)
    chosen, rejected = (
        sums / n for sums, n in zip(our_sums(trainer.model, placed), lengths.chunk(2), strict=True)
    )
    averaged = preference_loss(
        chosen,
        rejected,
        placed["ref_chosen_logps"] / lengths[:3],
        placed["ref_rejected_logps"] / lengths[3:],
        beta=0.1,
        link="ipo",
    )
    assert_same(trainer, averaged.mean(), found)
    summed = our_losses(trainer, placed, beta=0.1, link="ipo").mean()
    assert abs(summed - found) > 1


def test_ipo_is_trls_where_all_completions_have_one_length(
    trainer: Any, batch: dict[str, Tensor]
) -> None:
    """Of completions cut to N tokens TRL's loss is ours over N^2, with N beta for beta."""
    mask = batch["completion_mask"]
    cut = {**batch, "completion_mask": mask * (mask.cumsum(dim=1) <= 4)}
    assert cut["completion_mask"].sum(dim=1).tolist() == [4] * 6
    placed = with_ratios(trainer, cut)
    found = trl_loss(trainer, placed, loss_type="ipo", beta=0.4)
    ours = our_losses(trainer, placed, beta=0.1, link="ipo").mean()
    assert_same(trainer, ours / 16, found)


# Far out


@pytest.mark.parametrize("ratios", [(-400.0, -300.0), (-300.0, -300.0), (-2000.0, -1000.0)])
def test_where_trl_clamps_alpha_its_gradient_is_zero_and_ours_is_not(
    trainer: Any, batch: dict[str, Tensor], ratios: tuple[float, float]
) -> None:
    """Ours is right: the pair is in the wrong order or tied, and has something to learn from."""
    placed = with_ratios(trainer, batch, (ratios,))
    found = trl_loss(trainer, placed, divergence="alpha_divergence", coefficient=0.5)
    assert found.item() == pytest.approx(math.log(2), abs=1e-6)
    assert not parameter_gradient(trainer, found).any()
    ours = our_losses(trainer, placed, divergence="alpha", alpha=0.5).mean()
    gradient = parameter_gradient(trainer, ours)
    assert ours.isfinite()
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 1
    # In the right direction: the loss is larger where the order is wrong.
    if ratios[0] < ratios[1]:
        assert ours > 100


def test_where_forward_kl_overflows_in_trl_it_is_nan_and_ours_is_finite(
    trainer: Any, batch: dict[str, Tensor]
) -> None:
    """Forward KL has no clamp there: inf - inf."""
    placed = with_ratios(trainer, batch, ((-100.0, -95.0),))
    found = trl_loss(trainer, placed, divergence="forward_kl")
    assert found.isnan()
    ours = our_losses(trainer, placed, divergence="forward_kl").mean()
    gradient = parameter_gradient(trainer, ours)
    assert ours.isfinite()
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 1


def test_beyond_the_threshold_trl_goes_on_as_exp_and_ours_as_a_line(
    trainer: Any, batch: dict[str, Tensor]
) -> None:
    """At u = (-10, -5), beta 0.1, TRL's forward KL has a loss of 2188; ours is a line from 5 on."""
    placed = with_ratios(trainer, batch, ((-10.0, -5.0),))
    found = trl_loss(trainer, placed, divergence="forward_kl")
    assert found.item() == pytest.approx(0.1 * (math.exp(10) - math.exp(5)), rel=1e-4)
    ours = our_losses(trainer, placed, divergence="forward_kl").mean()
    assert ours.item() == pytest.approx(0.1 * 5 * math.exp(5), rel=1e-4)
