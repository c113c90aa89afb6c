import math

import pytest
import torch
from helpers.tiny_checkpoints import save_tiny_gpt2
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.errors import TrainingDiverged
from a3lib.models import load_policy, load_reference, load_tokenizer
from a3lib.tokenization import PreferencePair
from a3lib.training import (
    continue_reviews,
    evaluate,
    optimise,
    pair_log_probs,
    preference_step,
    reinforce_step,
)
from a3lib.util.batching import progress

PAIRS = [
    PreferencePair("The plot", "The plot is good.", "The plot is bad and long."),
    PreferencePair("A film about a dog", "A film about a dog I loved", "A film about a dog. No."),
    PreferencePair("", "Great", "Awful and dull"),
]


@pytest.fixture(scope="module")
def policy_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("policy")
    save_tiny_gpt2(folder)
    return str(folder)


@pytest.fixture
def policy(policy_folder: str) -> PreTrainedModel:
    return load_policy(policy_folder)


@pytest.fixture(scope="module")
def tokenizer(policy_folder: str) -> PreTrainedTokenizerBase:
    return load_tokenizer(policy_folder)


def scalar() -> tuple[torch.nn.Parameter, torch.optim.Optimizer]:
    parameter = torch.nn.Parameter(torch.tensor(4.0))
    return parameter, torch.optim.SGD([parameter], lr=0.25)


def test_optimise_takes_one_step_a_batch_on_fresh_gradients() -> None:
    parameter, optimizer = scalar()

    def step(target: float) -> tuple[Tensor, dict[str, Tensor]]:
        return (parameter - target) ** 2, {"gap": (parameter - target).detach()}

    history = optimise(optimizer, [0.0, 1.0], step, name="test")
    # By hand: 4 - 0.25 * 2 * 4 = 2, then 2 - 0.25 * 2 * (2 - 1) = 1.5.
    assert parameter.item() == 1.5
    assert history == {"losses": [16.0, 1.0], "gap": [4.0, 1.0]}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_the_weights_change(bad: float) -> None:
    parameter, optimizer = scalar()

    def step(factor: float) -> tuple[Tensor, dict[str, Tensor]]:
        return parameter * factor, {"rewards": torch.tensor(0.5)}

    with pytest.raises(TrainingDiverged) as caught:
        optimise(optimizer, [1.0, bad, 1.0], step, name="REINFORCE")
    assert parameter.item() == 3.75  # the first step's only
    assert caught.value.history == {"losses": [4.0], "rewards": [0.5]}
    message = str(caught.value)
    assert "step 1" in message and "losses 4" in message and "rewards 0.5" in message
    assert message.startswith("REINFORCE")


def test_the_mean_reward_is_over_reviews_and_not_over_batches() -> None:
    def reward_of(batch: list[str]) -> tuple[Tensor, Tensor, list[str]]:
        assert not torch.is_grad_enabled()
        return torch.tensor([float(len(text)) for text in batch]), torch.empty(0), batch

    results = evaluate([["a", "bb"], ["cccccc"]], reward_of)
    assert results["reward"] == 3.0  # the mean of the batches' means would be 3.75
    assert results["rewards"] == [1.0, 2.0, 6.0]
    assert results["generations"] == ["a", "bb", "cccccc"]


def test_the_progress_bar_shows_the_mean_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    loop = progress([["a"], ["bbb"]], "evaluate")
    assert isinstance(loop, tqdm)
    evaluate(loop, lambda batch: (torch.tensor([0.25]) * len(batch[0]), torch.empty(0), batch))
    shown = capsys.readouterr().out
    assert "evaluate" in shown and "reward=0.500" in shown


def test_continuations_begin_with_the_seed(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    torch.manual_seed(0)
    texts = ["This film is wonderful, and I would watch it again.", "Dull", ""]
    rollout, generations = continue_reviews(
        texts, policy, tokenizer, seed_token_length=4, max_new_tokens=3
    )
    assert rollout.tokens.shape == (3, 7)
    assert rollout.attention_mask[:, :4].sum(dim=1).tolist()[0] == 4
    seed = tokenizer.decode(tokenizer(texts[0])["input_ids"][:4])
    assert generations[0].startswith(seed)
    assert tokenizer.eos_token not in generations[2]


def completion_log_prob(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str, text: str
) -> float:
    """One unpadded forward pass and a Python loop: the independent reference."""
    prompt_ids = tokenizer(prompt)["input_ids"] or [tokenizer.eos_token_id]
    ids = prompt_ids + tokenizer(text[len(prompt) :])["input_ids"]
    with torch.no_grad():
        logits = policy(input_ids=torch.tensor([ids])).logits[0].double()
    total = 0.0
    for position in range(len(prompt_ids), len(ids)):
        total += logits[position - 1].log_softmax(0)[ids[position]].item()
    return total


def test_pair_log_probs_equal_one_forward_pass_a_text(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    chosen, rejected = pair_log_probs(policy, tokenizer, PAIRS, max_length=64)
    for row, pair in enumerate(PAIRS):
        for found, text in ((chosen[row], pair.chosen), (rejected[row], pair.rejected)):
            expected = completion_log_prob(policy, tokenizer, pair.prompt, text)
            assert found.item() == pytest.approx(expected, abs=1e-4)


REVIEWS = ["This film is wonderful, and I would watch it again.", "Dull", ""]


def lengths(texts: list[str]) -> Tensor:
    """A reward that can be told from the text alone."""
    return torch.tensor([float(len(text)) for text in texts])


def loss_by_hand(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> tuple[float, float]:
    """Sample as the step does, then score each row alone, unpadded, in a loop."""
    rollout, texts = continue_reviews(REVIEWS, policy, tokenizer)
    rewards = lengths(texts)
    total = 0.0
    for row in range(len(REVIEWS)):
        ids = rollout.tokens[row][rollout.attention_mask[row].bool()]
        with torch.no_grad():
            log_probs = policy(input_ids=ids[None]).logits[0].double().log_softmax(-1)
        written = int(rollout.completion_mask[row].sum())
        for position in range(len(ids) - written, len(ids)):
            total -= rewards[row].item() * log_probs[position - 1, ids[position]].item()
    return total / len(REVIEWS), rewards.mean().item()


def test_a_reinforce_step_is_the_loss_of_its_own_samples(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    torch.manual_seed(5)
    expected, mean_reward = loss_by_hand(policy, tokenizer)
    torch.manual_seed(5)
    loss, figures = reinforce_step(policy, tokenizer, lengths)(REVIEWS)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert {key: value.item() for key, value in figures.items()} == {"rewards": mean_reward}


def test_the_penalty_is_nothing_at_the_reference_and_alpha_times_kl_elsewhere(
    policy: PreTrainedModel, policy_folder: str, tokenizer: PreTrainedTokenizerBase
) -> None:
    reference = load_reference(policy_folder)
    losses = {}
    for moved in (False, True):
        if moved:
            with torch.no_grad():
                policy.get_output_embeddings().weight.mul_(1.5)
        for alpha in (0.0, 2.0):
            torch.manual_seed(5)
            step = reinforce_step(policy, tokenizer, lengths, reference=reference, alpha=alpha)
            loss, figures = step(REVIEWS)
            losses[moved, alpha] = loss.item(), figures["kl_divergences"].item()
    assert losses[False, 2.0] == (losses[False, 0.0][0], 0.0)
    divergence = losses[True, 2.0][1]
    assert divergence > 0.01
    assert losses[True, 2.0][0] == pytest.approx(losses[True, 0.0][0] + 2 * divergence, rel=1e-5)


def test_a_preference_step_begins_at_ln_2_and_raises_what_is_chosen(
    policy: PreTrainedModel, policy_folder: str, tokenizer: PreTrainedTokenizerBase
) -> None:
    reference = load_reference(policy_folder)
    step = preference_step(policy, reference, tokenizer, beta=0.5, max_length=64)
    with torch.no_grad():
        before = [values.sum() for values in pair_log_probs(policy, tokenizer, PAIRS, 64)]
    history = optimise(torch.optim.SGD(policy.parameters(), lr=0.01), [PAIRS] * 2, step, name="DPO")
    with torch.no_grad():
        after = [values.sum() for values in pair_log_probs(policy, tokenizer, PAIRS, 64)]
    assert history["losses"][0] == pytest.approx(math.log(2), abs=1e-6)
    assert history["losses"][1] < history["losses"][0]
    assert after[0] - after[1] > before[0] - before[1]


# Cutting a long gradient


def test_a_long_gradient_is_cut_and_its_norm_before_is_kept() -> None:
    parameters = [torch.nn.Parameter(torch.tensor(4.0)) for _ in range(2)]
    # The norm is over all groups together: 3 and 4 make 5.
    groups = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=0.25)

    def step(factor: float) -> tuple[Tensor, dict[str, Tensor]]:
        return factor * (3 * parameters[0] + 4 * parameters[1]), {}

    history = optimise(optimizer, [1.0, 10.0, 0.1], step, name="test", longest_gradient=2.0)
    assert history["gradient_norms"] == pytest.approx([5.0, 50.0, 0.5], rel=1e-6)
    # By hand: (3, 4) and (30, 40) become (1.2, 1.6), and (0.3, 0.4) is short enough.
    assert parameters[0].item() == pytest.approx(4 - 0.25 * (1.2 + 1.2 + 0.3), abs=1e-5)
    assert parameters[1].item() == pytest.approx(4 - 0.5 * (1.6 + 1.6 + 0.4), abs=1e-5)
    assert history.keys() == {"losses", "gradient_norms"}


def test_a_gradient_of_any_allowed_length_is_left_as_it_is() -> None:
    found = []
    for longest in (None, 1e9):
        parameter, optimizer = scalar()

        def step(target: float, value: Tensor = parameter) -> tuple[Tensor, dict[str, Tensor]]:
            return (value - target) ** 2, {}

        history = optimise(optimizer, [0.0, 1e6], step, name="test", longest_gradient=longest)
        found.append((parameter.item(), history["losses"], "gradient_norms" in history))
    assert found[0][:2] == found[1][:2]
    # By hand: 4 - 0.25 * 2 * 4 = 2, then halfway from 2 to a million: nothing is cut.
    assert found[0][0] == 500001.0
    assert (found[0][2], found[1][2]) == (False, True)


def plain_adamw(start: list[float], factors: list[float], longest: float) -> list[float]:
    """AdamW on factor * |x|^2 / 2 with torch's defaults and a step of 0.1, number by number."""
    first, second, values = [0.0] * len(start), [0.0] * len(start), [*start]
    for number, factor in enumerate(factors, start=1):
        gradient = [factor * x for x in values]
        norm = math.sqrt(sum(g * g for g in gradient))
        gradient = [g * min(1.0, longest / norm) for g in gradient]
        for i, g in enumerate(gradient):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g * g
            slope = first[i] / (1 - 0.9**number)
            scale = math.sqrt(second[i] / (1 - 0.999**number)) + 1e-8
            values[i] = values[i] * (1 - 0.1 * 0.01) - 0.1 * slope / scale
    return values


@pytest.mark.parametrize("longest", [0.5, 3.0, math.inf])
def test_adamw_takes_the_cut_gradient(longest: float) -> None:
    start, factors = [3.0, -4.0, 0.5], [1.0, 0.05, 20.0, 0.3]
    parameter = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def step(factor: float) -> tuple[Tensor, dict[str, Tensor]]:
        return factor * (parameter**2).sum() / 2, {}

    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    optimise(optimizer, factors, step, name="test", longest_gradient=longest)
    assert parameter.tolist() == pytest.approx(plain_adamw(start, factors, longest), abs=1e-6)
    # AdamW forgets a gradient's scale, so the cut must show in how the steps compare.
    uncut = plain_adamw(start, factors, math.inf)
    assert (parameter.tolist() == pytest.approx(uncut, abs=1e-3)) == math.isinf(longest)


def test_norms_stand_beside_a_steps_own_figures_and_in_the_message_of_divergence() -> None:
    parameter, optimizer = scalar()

    def step(factor: float) -> tuple[Tensor, dict[str, Tensor]]:
        return parameter * factor, {"rewards": torch.tensor(0.5)}

    with pytest.raises(TrainingDiverged, match="gradient_norms 2") as caught:
        optimise(optimizer, [2.0, math.nan], step, name="DPO", longest_gradient=1.0)
    assert caught.value.history == {"losses": [8.0], "rewards": [0.5], "gradient_norms": [2.0]}
    assert parameter.item() == pytest.approx(3.75, abs=1e-5)


def test_an_infinite_gradient_of_a_finite_loss_ends_training_before_the_weights_change() -> None:
    parameter, optimizer = scalar()
    # The slope of a square root at 0 is infinite.
    with pytest.raises(TrainingDiverged, match="the gradient norm is inf at step 0"):
        optimise(
            optimizer,
            [4.0],
            lambda target: ((parameter - target).sqrt() + parameter, {}),
            name="DPO",
            longest_gradient=1.0,
        )
    assert parameter.item() == 4.0


def test_scaled_gradients_are_cut_as_plain_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    # Mixed precision's scaling is on with CUDA only, but works on any device.
    plain = torch.amp.GradScaler
    found = []
    for scale in (None, 1024.0):
        if scale is not None:
            monkeypatch.setattr(
                torch.amp, "GradScaler", lambda enabled, scale=scale: plain("cpu", init_scale=scale)
            )
        parameter, optimizer = scalar()

        def step(target: float, value: Tensor = parameter) -> tuple[Tensor, dict[str, Tensor]]:
            return (value - target) ** 2, {}

        history = optimise(optimizer, [0.0, 3.5], step, name="test", longest_gradient=2.0)
        found.append((parameter.item(), history))
    assert found[0][1]["gradient_norms"] == [8.0, pytest.approx(0.0, abs=1e-5)]
    assert found[0] == found[1]
