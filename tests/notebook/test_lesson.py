"""The notebook's own functions on a small policy, against one unpadded row at a time."""

import math
from typing import Any

import pytest
import torch
from helpers.tiny_checkpoints import save_tiny_gpt2
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.kit.source.execute import load_statements
from a3lib.kit.source.submission import read_submission
from a3lib.models import load_policy, load_reference, load_tokenizer
from a3lib.tokenization import PreferencePair
from a3lib.util.files import PROJECT

REVIEWS = ["This film is wonderful, and I would watch it again.", "Dull", ""]
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


@pytest.fixture(scope="module")
def tokenizer(policy_folder: str) -> PreTrainedTokenizerBase:
    return load_tokenizer(policy_folder)


@pytest.fixture
def policy(policy_folder: str) -> PreTrainedModel:
    return load_policy(policy_folder)


def lengths(texts: list[str], *_: Any) -> Tensor:
    """A reward that can be told from the text alone."""
    return torch.tensor([float(len(text)) for text in texts])


@pytest.fixture
def notebook(
    policy: PreTrainedModel, policy_folder: str, tokenizer: PreTrainedTokenizerBase
) -> dict[str, Any]:
    """The notebook's globals, on a small policy and with the length of a text as its reward."""
    names: dict[str, Any] = {"__name__": "lesson"}
    statements = [kept.text for kept in read_submission(PROJECT / "A3.ipynb").kept]
    assert load_statements(statements, names) == []
    names |= {
        "device": torch.device("cpu"),
        "tokenizer": tokenizer,
        "model": policy,
        "model_name": policy_folder,
        "reward_model": None,
        "reward_tokenizer": None,
        "train_texts": REVIEWS * 2,
        "test_texts": REVIEWS,
        "train_texts_parallel": PAIRS,
        "test_texts_parallel": PAIRS[1:],
        "positive_probability": lengths,
    }
    return names


def sample(notebook: dict[str, Any], reviews: list[str]) -> tuple[Tensor, Tensor, list[str]]:
    models = (notebook["tokenizer"], notebook["model"], None, None)
    return notebook["compute_reward_for_mini_batch"](reviews, *models)


def test_continuations_begin_with_the_seed(notebook: dict[str, Any]) -> None:
    torch.manual_seed(0)
    tokenizer = notebook["tokenizer"]
    reward, tokens, texts = notebook["compute_reward_for_mini_batch"](
        REVIEWS, tokenizer, notebook["model"], None, None, seed_token_length=4, max_new_tokens=3
    )
    assert tokens.shape == (3, 7)
    assert texts[0].startswith(tokenizer.decode(tokenizer(REVIEWS[0])["input_ids"][:4]))
    assert all(tokenizer.eos_token not in text for text in texts)
    assert torch.equal(reward, lengths(texts))


def test_the_mean_reward_is_over_reviews_and_not_over_batches(notebook: dict[str, Any]) -> None:
    def score(batch: list[str], *_: Any) -> tuple[Tensor, Tensor, list[str]]:
        assert not torch.is_grad_enabled()
        return lengths(batch), torch.empty(0), batch

    notebook["compute_reward_for_mini_batch"] = score
    notebook["test_texts"] = ["a", "bb", "cccccc"]
    results = notebook["evaluate"](None, None, None, None, batch_size=2)
    assert results["reward"] == 3.0  # the mean of the batches' means would be 3.75
    assert results["rewards"] == [1.0, 2.0, 6.0]
    assert results["generations"] == ["a", "bb", "cccccc"]


def test_the_progress_bar_shows_the_mean_so_far(
    notebook: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    rewards = iter([[0.25], [0.75]])
    notebook["compute_reward_for_mini_batch"] = lambda batch, *_: (
        torch.tensor(next(rewards)),
        None,
        batch,
    )
    notebook["test_texts"] = ["a", "b"]
    notebook["evaluate"](None, None, None, None, batch_size=1)
    printed = capsys.readouterr().out
    assert "evaluate" in printed and "reward=0.500" in printed


def reinforce_loss_by_hand(
    notebook: dict[str, Any], tokens: Tensor, rewards: Tensor
) -> tuple[float, Tensor]:
    """Score each row alone, unpadded, in a loop; also the gradient of the embedding."""
    policy, end = notebook["model"], notebook["tokenizer"].eos_token_id
    total = torch.tensor(0.0)
    for row, reward in zip(tokens.tolist(), rewards.tolist(), strict=True):
        seed, written = row[:10], row[10:]
        while len(seed) > 1 and seed[0] == end:
            seed = seed[1:]
        if end in written:
            written = written[: written.index(end) + 1]
        ids = torch.tensor([seed + written])
        log_probs = policy(input_ids=ids).logits[0].log_softmax(-1)
        for position in range(len(seed), ids.shape[1]):
            total = total - reward * log_probs[position - 1, ids[0, position]]
    loss = total / len(tokens)
    policy.zero_grad()
    loss.backward()
    gradient = policy.get_output_embeddings().weight.grad.clone()
    policy.zero_grad()
    return loss.item(), gradient


def test_the_reinforce_loss_is_that_of_each_row_alone(notebook: dict[str, Any]) -> None:
    torch.manual_seed(5)
    rewards, tokens, _ = sample(notebook, REVIEWS)
    expected, expected_gradient = reinforce_loss_by_hand(notebook, tokens, rewards)
    log_probs, loss = notebook["compute_reinforce_loss"](rewards, tokens, notebook["model"])
    loss.backward()
    assert log_probs.shape == (3, 30, notebook["model"].config.vocab_size)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    gradient = notebook["model"].get_output_embeddings().weight.grad
    assert torch.allclose(gradient, expected_gradient, rtol=1e-3, atol=1e-4)


def test_train_takes_one_step_a_batch_and_keeps_each_figure(
    notebook: dict[str, Any], policy_folder: str
) -> None:
    torch.manual_seed(notebook["SEED"])
    notebook["model"] = load_policy(policy_folder)
    # The first batch by hand, with the loop's seed and weights.
    rewards, tokens, _ = sample(notebook, REVIEWS[:2])
    expected, _ = reinforce_loss_by_hand(notebook, tokens, rewards)
    history = notebook["train"](policy_folder, lr=1e-3, batch_size=2)
    assert set(history) == {"losses", "rewards", "eval_results"}
    assert len(history["losses"]) == len(history["rewards"]) == 3
    assert history["losses"][0] == pytest.approx(expected, rel=1e-4)
    assert history["rewards"][0] == pytest.approx(rewards.mean().item())
    start = load_reference(policy_folder).get_output_embeddings().weight
    assert not torch.equal(notebook["model"].get_output_embeddings().weight, start)


def test_the_penalty_is_nothing_at_the_reference_and_alpha_times_kl_elsewhere(
    notebook: dict[str, Any], policy_folder: str
) -> None:
    def train(alpha: float) -> dict[str, list[float]]:
        options = {"alpha": alpha, "lr": 1e-2, "batch_size": 3, "use_kl_divergence": True}
        return notebook["train"](policy_folder, **options)

    free, held = train(0.0), train(2.0)
    assert free["kl_divergences"][0] == held["kl_divergences"][0] == 0.0
    assert free["losses"][0] == held["losses"][0]
    # The first steps differ by the penalty's gradient, which is 0 at the reference; so the second
    # batches are the same texts at the same weights.
    divergence = held["kl_divergences"][1]
    assert divergence > 1e-4
    assert divergence == pytest.approx(free["kl_divergences"][1], rel=1e-3)
    # The losses are in the thousands, so what is compared is how they differ.
    penalty = held["losses"][1] - free["losses"][1]
    assert penalty == pytest.approx(2 * divergence, rel=0.02)


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


def test_log_probs_of_pairs_equal_one_forward_pass_a_text(notebook: dict[str, Any]) -> None:
    policy, tokenizer = notebook["model"], notebook["tokenizer"]
    (batch,) = notebook["make_batches"](PAIRS, 3, 64)
    log_probs = notebook["get_log_probs"](policy, batch).tolist()
    texts = [pair.chosen for pair in PAIRS] + [pair.rejected for pair in PAIRS]
    for value, pair, text in zip(log_probs, PAIRS * 2, texts, strict=True):
        expected = completion_log_prob(policy, tokenizer, pair.prompt, text)
        assert value == pytest.approx(expected, abs=1e-4)


def test_dpo_begins_at_ln_2_goes_down_and_weighs_every_test_pair_alike(
    notebook: dict[str, Any], policy_folder: str
) -> None:
    results = notebook["train_DPO"](policy_folder, beta=0.5, lr=1e-3, batch_size=2, max_length=64)
    # Two batches an epoch, two epochs.
    assert len(results["losses"]) == 4
    assert results["losses"][0] == pytest.approx(math.log(2), abs=1e-6)
    assert results["losses"][2] < results["losses"][0]
    notebook["test_texts_parallel"] = PAIRS
    trained, original = notebook["model"], load_reference(policy_folder)
    by_hand = []
    for pair in PAIRS:
        margin = 0.0
        for sign, text in ((1, pair.chosen), (-1, pair.rejected)):
            for factor, model in ((1, trained), (-1, original)):
                log_prob = completion_log_prob(model, notebook["tokenizer"], pair.prompt, text)
                margin += sign * factor * log_prob
        by_hand.append(math.log1p(math.exp(-0.5 * margin)))
    # The pairs for testing are the last two.
    assert results["test_loss"] == pytest.approx(sum(by_hand[1:]) / 2, rel=1e-4)
    # A batch of two and a batch of one.
    batches = notebook["make_batches"](PAIRS, 2, 64)
    reference = notebook["reference_log_probs"](original, batches)
    loss = notebook["average_dpo_loss"](batches, reference, 0.5)
    assert loss == pytest.approx(sum(by_hand) / 3, rel=1e-4)


def test_debug_takes_two_batches_of_everything_that_is_trained_on(
    notebook: dict[str, Any], policy_folder: str
) -> None:
    make_batches, asked = notebook["make_batches"], []

    def noted(pairs: list[PreferencePair], batch_size: int, max_length: int) -> Any:
        asked.append((pairs, batch_size, max_length))
        return make_batches(pairs, batch_size, max_length)

    notebook |= {"make_batches": noted, "test_texts_parallel": PAIRS[::-1]}
    history = notebook["train"](policy_folder, batch_size=1, debug=True)
    assert len(history["losses"]) == 2
    results = notebook["train_DPO"](policy_folder, batch_size=1, max_length=64, debug=True)
    # Two batches an epoch, two epochs.
    assert len(results["losses"]) == 4
    assert asked == [(PAIRS[:2], 1, 64), (PAIRS[:0:-1], 1, 64)]
