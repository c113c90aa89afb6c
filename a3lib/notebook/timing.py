"""How long each section of the notebook will take, from two batches of each kind of work.

What is timed is the work on the models that every solution has in common: sampling, a pass of the
reward model, a pass with and without gradients. A copy of the library without the solutions gives
the same estimates.
"""

import copy
import importlib.util
import time
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from a3lib.forward import hidden_states, mixed_precision, output_logits
from a3lib.notebook.inputs import Inputs
from a3lib.profiles import DPO_EPOCHS, MAX_NEW_TOKENS, SEED_TOKEN_LENGTH, Profile
from a3lib.tokenization import seed_prompts, tokenize_sides

MEASURED_BATCHES = 2


class BatchSeconds(NamedTuple):
    """Seconds of one batch: sampled and scored, each kind of training step, a pass over pairs."""

    evaluation: float
    reinforce: float
    kl: float
    dpo: float
    dpo_pass: float


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def seconds_per_batch(work: Callable[[], object], device: torch.device) -> float:
    """Do some work twice and return the shorter time: the first one warms up."""
    seconds = []
    for _ in range(MEASURED_BATCHES):
        synchronise(device)
        started = time.perf_counter()
        work()
        synchronise(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


@torch.no_grad()
def sample_and_score(texts: list[str], inputs: Inputs) -> Tensor:
    """Let the policy continue the beginning of each review; return its tokens (B, 30).

    The reward model reads the reviews themselves, cut to as many tokens.
    """
    device = inputs.policy.device
    ids, mask = seed_prompts(texts, inputs.tokenizer, SEED_TOKEN_LENGTH)
    with mixed_precision(device):
        tokens: Tensor = inputs.policy.generate(  # type: ignore[operator]
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            do_sample=True,
            top_k=0,
            min_new_tokens=MAX_NEW_TOKENS,
            max_new_tokens=MAX_NEW_TOKENS,
            pad_token_id=inputs.tokenizer.eos_token_id,
        )
        encoded = inputs.reward_tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=SEED_TOKEN_LENGTH + MAX_NEW_TOKENS,
            return_tensors="pt",
        ).to(device)
        inputs.reward_model(encoded["input_ids"], encoded["attention_mask"])
    return tokens


def log_likelihood(model: PreTrainedModel, ids: Tensor, mask: Tensor) -> Tensor:
    """Return a scalar that needs the logits of every real token: ids and mask (B, T)."""
    logits = output_logits(model, hidden_states(model, ids, mask)[mask.bool()])
    return logits.float().log_softmax(dim=-1).mean()


def measure_batches(profile: Profile, inputs: Inputs, device: torch.device) -> BatchSeconds:
    """Return the seconds that a batch of each kind of work takes, on a copy of the policy."""
    policy = copy.deepcopy(inputs.policy)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=profile.learning_rate)
    texts = inputs.train_texts[: profile.batch_size]
    pairs = inputs.train_pairs[: profile.dpo_batch_size]
    rows = tokenize_sides(pairs, inputs.tokenizer, profile.max_length, device)
    sides = rows["input_ids"], rows["attention_mask"]

    def evaluation() -> Tensor:
        return sample_and_score(texts, inputs)

    def score(ids: Tensor, mask: Tensor) -> None:
        with torch.no_grad():
            log_likelihood(policy, ids, mask)

    def step(ids: Tensor, mask: Tensor) -> None:
        optimizer.zero_grad()
        log_likelihood(policy, ids, mask).backward()
        optimizer.step()

    tokens = evaluation()
    rollout = tokens, torch.ones_like(tokens)
    sampling = seconds_per_batch(evaluation, device)
    reinforce = sampling + seconds_per_batch(lambda: step(*rollout), device)
    return BatchSeconds(
        evaluation=sampling,
        reinforce=reinforce,
        kl=reinforce + seconds_per_batch(lambda: score(*rollout), device),
        dpo=seconds_per_batch(lambda: step(*sides), device),
        dpo_pass=seconds_per_batch(lambda: score(*sides), device),
    )


def estimate_sections(profile: Profile, inputs: Inputs, device: torch.device) -> dict[str, float]:
    """Run two batches of each kind of work and return seconds a section.

    The policy of `inputs` stays as it is, and so does torch's random state.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        seconds = measure_batches(profile, inputs, device)
    evaluation = seconds.evaluation * ceil(len(inputs.test_texts) / profile.batch_size)
    steps = ceil(len(inputs.train_texts) / profile.batch_size)
    pair_batches = ceil(len(inputs.train_pairs) / profile.dpo_batch_size)
    test_batches = ceil(len(inputs.test_pairs) / profile.dpo_batch_size)
    dpo = DPO_EPOCHS * pair_batches * seconds.dpo
    # The reference scores all pairs once, and the trained policy those for testing.
    dpo += (pair_batches + 2 * test_batches) * seconds.dpo_pass
    sections = {
        "1 baseline": evaluation,
        "2 REINFORCE": steps * seconds.reinforce + evaluation,
        "3 KL": len(profile.alphas) * (steps * seconds.kl + evaluation),
        "4 DPO": len(profile.betas) * (dpo + evaluation),
    }
    # A copy of the library may lack the study.
    if profile.study and importlib.util.find_spec("a3lib.study"):
        sections["6 study"] = estimate_study(profile, seconds)
    return sections


def estimate_study(profile: Profile, seconds: BatchSeconds) -> float:
    """Return the seconds of section 6 from those that a batch of each kind of work takes.

    A step on 16 pairs scores about as many tokens as one of REINFORCE on 32 reviews, and samples
    none.
    """
    from a3lib.study.config import notebook_study
    from a3lib.study.grid import workload

    study = notebook_study(profile)
    steps, completions = workload(study)
    step = (seconds.reinforce - seconds.evaluation) * 2 * study.batch_size / profile.batch_size
    return steps * step + completions / profile.batch_size * seconds.evaluation
