"""Correct training loops of sections 2 and 3, written differently, and evaluations."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Right

ORIGINAL = "    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
ROLLOUT = """        reward, output_tokens, _ = compute_reward_for_mini_batch(
            group, tokenizer, model, reward_tokenizer, reward_model
        )
"""
LOSS = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
STEP = """        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses"""
RESULTS = '    results = {"losses": losses, "rewards": rewards}\n'
OPTIMIZER = "    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n"
EVALUATED = "evaluate(tokenizer, model, reward_tokenizer, reward_model)\n    return results\n"

# The notebook's own way: given lines before and after the loop, one dictionary of lists.
NOTEBOOK = """

from a3lib.models import load_reference
from a3lib.util.batching import batches, progress


def train(
    model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False
):
    torch.manual_seed(42)
    reset_model_optimizer(model_name, lr)
    orig_model = load_reference(model_name, device) if use_kl_divergence else None
    texts = train_texts[: 2 * batch_size] if debug else train_texts
    loop = progress(batches(texts, batch_size), "train")
    history = {"losses": [], "rewards": []}
    if use_kl_divergence:
        history["kl_divergences"] = []
    for batch in loop:
        optimizer.zero_grad()
        reward, output_tokens, generations = compute_reward_for_mini_batch(
            batch, tokenizer, model, reward_tokenizer, reward_model
        )
        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)
        if use_kl_divergence:
            kl = compute_kl_divergence(log_probs, output_tokens, orig_model)
            loss = loss + alpha * kl
            history["kl_divergences"].append(kl.item())
        loss.backward()
        optimizer.step()
        history["losses"].append(loss.item())
        history["rewards"].append(reward.mean().item())
        loop.set_postfix(loss=f"{loss.item():.3f}", reward=f"{reward.mean().item():.3f}")
    return history | {"eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model)}
"""

# A loop in small functions, locals for model and optimizer, and a DataLoader.
STEPWISE = '''

import copy

from torch.utils.data import DataLoader


def rollout(policy, texts):
    with torch.no_grad():
        return compute_reward_for_mini_batch(
            texts, tokenizer, policy, reward_tokenizer, reward_model
        )


def step_loss(policy, frozen, texts, alpha):
    """Return the loss of a batch, its mean reward, and its KL where there is a reference."""
    reward, tokens, _ = rollout(policy, texts)
    log_probs, loss = compute_reinforce_loss(reward, tokens, policy)
    if frozen is None:
        return loss, reward.mean(), None
    kl = compute_kl_divergence(log_probs, tokens, frozen)
    return loss + alpha * kl, reward.mean(), kl


def update(opt, loss):
    opt.zero_grad()
    loss.backward()
    opt.step()


def train(
    model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False
):
    reset_model_optimizer(model_name, lr)
    policy, opt = model, optimizer
    frozen = None
    if use_kl_divergence:
        frozen = copy.deepcopy(policy).eval()
        for parameter in frozen.parameters():
            parameter.requires_grad_(False)
    loader = DataLoader(train_texts, batch_size=batch_size, shuffle=True, collate_fn=list)
    log = {"losses": [], "rewards": [], "kl_divergences": []}
    for number, texts in enumerate(tqdm(loader)):
        if debug and number == 2:
            break
        loss, mean_reward, kl = step_loss(policy, frozen, texts, alpha)
        update(opt, loss)
        log["losses"].append(loss.item())
        log["rewards"].append(mean_reward.item())
        if kl is not None:
            log["kl_divergences"].append(kl.item())
    if not use_kl_divergence:
        del log["kl_divergences"]
    policy.eval()
    log["eval_results"] = evaluate(tokenizer, policy, reward_tokenizer, reward_model)
    return log
'''

DATACLASS = '''

from dataclasses import asdict, dataclass, field


@dataclass
class Results:
    losses: list = field(default_factory=list)
    rewards: list = field(default_factory=list)
    kl_divergences: list = field(default_factory=list)
    learning_rates: list = field(default_factory=list)
    eval_results: dict = field(default_factory=dict)


def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    """A dataclass, a linear schedule that is stepped after each step, and clipped gradients."""
    reset_model_optimizer(model_name, lr)
    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).requires_grad_(False)
    original.eval()
    reviews = train_texts[: 2 * batch_size] if debug else train_texts
    starts = range(0, len(reviews), batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.5, total_iters=len(starts))
    kept = Results()
    for start in starts:
        reward, tokens, _ = compute_reward_for_mini_batch(
            reviews[start : start + batch_size], tokenizer, model, reward_tokenizer, reward_model
        )
        log_probs, loss = compute_reinforce_loss(reward, tokens, model)
        if use_kl_divergence:
            kl = compute_kl_divergence(log_probs, tokens, original)
            loss = loss + alpha * kl
            kept.kl_divergences.append(kl.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        kept.learning_rates.append(schedule.get_last_lr()[0])
        schedule.step()
        kept.losses.append(float(loss.detach()))
        kept.rewards.append(float(reward.mean()))
    kept.eval_results = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return asdict(kept)
'''

MIXED_PRECISION = '''

def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    """autocast and a scaler, which are on where there is a GPU; rollouts in inference mode."""
    reset_model_optimizer(model_name, lr)
    on_gpu = torch.cuda.is_available() and torch.device(device).type == "cuda"
    scaler = torch.amp.GradScaler("cuda", enabled=on_gpu)
    if use_kl_divergence:
        orig_model = AutoModelForCausalLM.from_pretrained(model_name).to(device)
        orig_model.eval()
    results = {"losses": [], "rewards": [], "kl_divergences": []}
    n = min(2 * batch_size, len(train_texts)) if debug else len(train_texts)
    for i in tqdm(range(0, n, batch_size), desc="train", leave=False):
        batch = train_texts[i : min(i + batch_size, n)]
        with torch.inference_mode():
            reward, output_tokens, _ = compute_reward_for_mini_batch(
                batch, tokenizer, model, reward_tokenizer, reward_model
            )
        # Tensors of inference mode may not be saved for backward; copies may.
        reward, output_tokens = reward.clone(), output_tokens.clone()
        with torch.autocast("cuda", enabled=on_gpu):
            log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)
            if use_kl_divergence:
                kl = compute_kl_divergence(log_probs, output_tokens, orig_model)
                loss = loss + alpha * kl
                results["kl_divergences"].append(kl.item())
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        results["losses"].append(loss.item())
        results["rewards"].append(reward.mean().item())
    with torch.inference_mode():
        results["eval_results"] = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return results
'''

TRAINER = '''

class Trainer:
    """One object that holds what the steps need."""

    def __init__(self, model_name, lr, alpha, penalised):
        reset_model_optimizer(model_name, lr)
        self.policy, self.optimizer, self.alpha = model, optimizer, alpha
        self.reference = None
        if penalised:
            self.reference = AutoModelForCausalLM.from_pretrained(model_name).to(device)
            self.reference.load_state_dict(self.policy.state_dict())
            self.reference.eval()
        self.history = {"losses": [], "rewards": []}

    def step(self, batch):
        self.policy.eval()
        reward, tokens, _ = compute_reward_for_mini_batch(
            batch, tokenizer, self.policy, reward_tokenizer, reward_model
        )
        log_probs, loss = compute_reinforce_loss(reward, tokens, self.policy)
        if self.reference is not None:
            kl = compute_kl_divergence(log_probs, tokens, self.reference)
            self.history.setdefault("kl_divergences", []).append(kl.item())
            loss += self.alpha * kl
        for parameter in self.policy.parameters():
            parameter.grad = None
        loss.backward()
        self.optimizer.step()
        self.history["losses"].append(loss.item())
        self.history["rewards"].append(reward.mean().item())


def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    trainer = Trainer(model_name, lr, alpha, use_kl_divergence)
    texts = list(train_texts)[: 2 * batch_size if debug else None]
    while texts:
        trainer.step(texts[:batch_size])
        texts = texts[batch_size:]
    evaluation = evaluate(tokenizer, trainer.policy, reward_tokenizer, reward_model)
    return {**trainer.history, "eval_results": evaluation}
'''

ARRAYS = '''

import numpy as np


def batches_of(texts, size):
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    """A generator of batches in a new order, arrays for histories, gradients by autograd.grad."""
    reset_model_optimizer(model_name, lr)
    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()
    order = np.random.default_rng(0).permutation(len(train_texts))
    reviews = [train_texts[i] for i in order][: 2 * batch_size if debug else None]
    rows = []
    weights = list(model.parameters())
    for batch in batches_of(reviews, batch_size):
        reward, tokens, _ = compute_reward_for_mini_batch(
            batch, tokenizer, model, reward_tokenizer, reward_model
        )
        log_probs, loss = compute_reinforce_loss(reward, tokens, model)
        kl = torch.zeros(())
        if use_kl_divergence:
            kl = compute_kl_divergence(log_probs, tokens, original)
            loss = torch.add(loss, kl, alpha=alpha)
        found = torch.autograd.grad(loss, weights, allow_unused=True)
        for weight, gradient in zip(weights, found):
            weight.grad = gradient
        optimizer.step()
        rows.append((loss.item(), reward.mean().item(), kl.item()))
    table = np.array(rows)
    results = {"losses": table[:, 0], "rewards": table[:, 1]}
    if use_kl_divergence:
        results["kl_divergences"] = table[:, 2]
    results["eval_results"] = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return results
'''

MODES = '''

def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    """Dropout in the updates alone, one backward over two losses, everything passed by name."""
    reset_model_optimizer(model_name=model_name, lr=lr)
    orig_model = AutoModelForCausalLM.from_pretrained(model_name).to(device)
    orig_model.requires_grad_(False)
    orig_model.eval()
    texts = train_texts[: batch_size * 2] if debug else train_texts
    losses, rewards, kls = [], [], []
    for start in range(0, len(texts), batch_size):
        model.eval()
        with torch.no_grad():
            reward, output_tokens, texts_written = compute_reward_for_mini_batch(
                batch=texts[start : start + batch_size],
                tokenizer=tokenizer,
                model=model,
                reward_tokenizer=reward_tokenizer,
                reward_model=reward_model,
            )
        model.train()
        log_probs, loss = compute_reinforce_loss(
            model=model, output_tokens=output_tokens, reward=reward
        )
        parts = [loss]
        if use_kl_divergence:
            divergence = compute_kl_divergence(
                orig_model=orig_model, output_tokens=output_tokens, log_probs_current=log_probs
            )
            parts.append(alpha * divergence)
            kls.append(divergence.item())
        model.zero_grad()
        torch.autograd.backward(parts)
        optimizer.step()
        losses.append(sum(part.item() for part in parts))
        rewards.append(reward.mean().item())
    model.eval()
    evaluation = evaluate(
        tokenizer=tokenizer, model=model, reward_tokenizer=reward_tokenizer,
        reward_model=reward_model, batch_size=2 * batch_size,
    )
    more = {"kl_divergences": kls} if use_kl_divergence else {}
    return dict(losses=losses, rewards=rewards, eval_results=evaluation, alpha=alpha, **more)
'''

MICRO_BATCHES = '''

def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    """One rollout a batch, its loss in halves that add up to one step."""
    reset_model_optimizer(model_name, lr)
    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()
    reviews = train_texts[: 2 * batch_size] if debug else train_texts
    results = {"losses": [], "rewards": []} | ({"kl_divergences": []} if use_kl_divergence else {})
    for start in tqdm(range(0, len(reviews), batch_size)):
        reward, output_tokens, _ = compute_reward_for_mini_batch(
            reviews[start : start + batch_size], tokenizer, model, reward_tokenizer, reward_model
        )
        optimizer.zero_grad()
        whole_loss = whole_kl = 0.0
        half = -(-len(reward) // 2)
        for some_rewards, some_tokens in zip(reward.split(half), output_tokens.split(half)):
            share = len(some_rewards) / len(reward)
            log_probs, loss = compute_reinforce_loss(some_rewards, some_tokens, model)
            if use_kl_divergence:
                kl = compute_kl_divergence(log_probs, some_tokens, original)
                loss = loss + alpha * kl
                whole_kl += share * kl.item()
            (share * loss).backward()
            whole_loss += share * loss.item()
        optimizer.step()
        results["losses"].append(whole_loss)
        results["rewards"].append(reward.mean().item())
        if use_kl_divergence:
            results["kl_divergences"].append(whole_kl)
    results["eval_results"] = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return results
'''

# Loaded once, copied at each reset, as a student with a slow disk would do it.
CACHED = """

import copy

LOADED = {}


def reset_model_optimizer(model_name, lr=1e-4):
    global model, optimizer
    if model_name not in LOADED:
        LOADED[model_name] = AutoModelForCausalLM.from_pretrained(model_name).to(device)
    model = copy.deepcopy(LOADED[model_name])
    model.eval()
    optimizer = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=lr, betas=(0.9, 0.99), weight_decay=0.0,
    )
    return model, optimizer
"""

EVALUATION = '''

@torch.inference_mode()
def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    """One tensor filled as the batches come; keyword arguments; the mode is put back."""
    was_training = model.training
    model.eval()
    scores = torch.zeros(len(test_texts))
    written = []
    loop = tqdm(range(0, len(test_texts), batch_size), desc="evaluate")
    for start in loop:
        batch = list(test_texts[start : start + batch_size])
        reward, _, texts = compute_reward_for_mini_batch(
            batch=batch, tokenizer=tokenizer, model=model, reward_tokenizer=reward_tokenizer,
            reward_model=reward_model,
        )
        scores[start : start + len(batch)] = reward.cpu()
        written.extend(texts)
        loop.set_postfix(reward=scores[: start + len(batch)].mean().item())
    model.train(was_training)
    return {
        "rewards": scores.tolist(), "generations": written, "reward": float(scores.mean()),
        "std": float(scores.std()),
    }
'''

ZIPPED_EVALUATION = '''

from collections import defaultdict


def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    """A DataLoader, lists by name, a mean of plain floats."""
    kept = defaultdict(list)
    for batch in torch.utils.data.DataLoader(test_texts, batch_size, collate_fn=tuple):
        with torch.no_grad():
            reward, _, texts = compute_reward_for_mini_batch(
                list(batch), tokenizer, model, reward_tokenizer, reward_model
            )
        for value, text in zip(reward, texts):
            kept["rewards"].append(value.item())
            kept["generations"].append(text)
    kept["reward"] = sum(kept["rewards"]) / len(kept["rewards"])
    return kept
'''

RIGHT = (
    Right("a loop as the notebook begins it", NOTEBOOK),
    Right("a shuffled DataLoader and small functions", STEPWISE),
    Right("a dataclass, a schedule and clipped gradients", DATACLASS),
    Right("autocast, a scaler and inference mode", MIXED_PRECISION),
    Right("a class for the steps", TRAINER),
    Right("arrays, a new order and autograd.grad", ARRAYS),
    Right("dropout in the updates alone, arguments by name", MODES),
    Right("halves of a batch that add up to one step", MICRO_BATCHES),
    Right("weights loaded once and copied", CACHED),
    Right("weights loaded once and copied, in a class for the steps", CACHED + TRAINER),
    Right("evaluation in inference mode into one tensor", EVALUATION + STEPWISE),
    Right("evaluation into lists by name", ZIPPED_EVALUATION + NOTEBOOK),
    Right(
        "reward detached in train and not in the loss",
        changes=(
            ("loss = -(reward.detach() * of_texts)", "loss = -(reward * of_texts)"),
            (LOSS, LOSS.replace("(reward,", "(reward.detach(),")),
        ),
    ),
    Right(
        "reward taken out of the graph before the loss, in the notebook's loop",
        NOTEBOOK.replace(
            "        log_probs, loss = compute",
            "        reward = reward.detach()\n        log_probs, loss = compute",
        ),
        changes=(("loss = -(reward.detach() * of_texts)", "loss = -(reward * of_texts)"),),
    ),
    Right(
        "reviews in a new order",
        changes=(
            ("import torch\nimport", "import random\n\nimport torch\nimport"),
            (
                "    losses, rewards, divergences = [], [], []\n",
                "    reviews = random.sample(list(reviews), len(reviews))\n    losses, rewards, divergences = [], [], []\n",
            ),
        ),
    ),
    Right(
        "gradient accumulation over one batch",
        changes=(
            (
                STEP,
                """        accumulation_steps = 1
        (loss / accumulation_steps).backward()
        if (start // batch_size + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
        losses""",
            ),
        ),
    ),
    Right(
        "histories of tensors",
        changes=(
            (
                "        losses.append(loss.item())\n",
                "        losses.append(loss.detach().cpu())\n",
            ),
            (
                "        rewards.append(reward.mean().item())\n",
                "        rewards.append(reward.mean())\n",
            ),
            (
                RESULTS,
                '    results = {"losses": torch.stack(losses), "rewards": torch.stack(rewards)}\n',
            ),
        ),
    ),
    Right(
        "a step with a closure",
        changes=(
            (
                STEP,
                """        objective = loss

        def closure():
            optimizer.zero_grad()
            objective.backward()
            return objective

        optimizer.step(closure)
        losses""",
            ),
        ),
    ),
    Right(
        "other batches for the evaluation, and its time",
        changes=(
            ("import torch\nimport", "import time\n\nimport torch\nimport"),
            (
                '    results["eval_results"] = ' + EVALUATED,
                '    began = time.perf_counter()\n    results["eval_results"] = evaluate(\n        tokenizer, model, reward_tokenizer, reward_model, batch_size=7\n    )\n    results["seconds"] = time.perf_counter() - began\n    return results\n',
            ),
        ),
    ),
    Right(
        "a copied reference, evaluated as well",
        changes=(
            ("import torch\nimport", "import copy\n\nimport torch\nimport"),
            (ORIGINAL, "    original = copy.deepcopy(model).requires_grad_(False)\n"),
            (
                '    results["eval_results"] = ' + EVALUATED,
                '    results["eval_results"] = evaluate(tokenizer, model, reward_tokenizer, reward_model)\n    results["before"] = evaluate(tokenizer, original, reward_tokenizer, reward_model)\n    return results\n',
            ),
        ),
    ),
    Right(
        "Adam without decay, one group a parameter",
        changes=(
            (
                OPTIMIZER,
                '    groups = [{"params": [parameter]} for parameter in model.parameters()]\n    optimizer = torch.optim.Adam(groups, lr=lr, foreach=False)\n',
            ),
        ),
    ),
    Right(
        "KL under its own name and always logged",
        changes=(
            (
                """            divergences.append(divergence.item())
            loss = loss + alpha * divergence
""",
                """            kl_penalty = alpha * divergence
            divergences.append(divergence.detach().item())
            loss = torch.stack([loss, kl_penalty]).sum()
""",
            ),
        ),
    ),
    Right(
        "generations kept, loss in a tensor",
        changes=(
            (ROLLOUT, ROLLOUT.replace("output_tokens, _ =", "output_tokens, written =")),
            (RESULTS, RESULTS.replace("}\n", ', "last_texts": written}\n')),
        ),
    ),
)
