"""Correct solutions that reach a function of the assignment by another name, or call it once more."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Right

DPO_CALL = "    return compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=beta)\n"
SCORED = "    chosen, rejected = get_log_probs(model, made).chunk(2)\n"
TRAINED = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
SAMPLED = """        reward, output_tokens, _ = compute_reward_for_mini_batch(
            group, tokenizer, model, reward_tokenizer, reward_model
        )
"""
EVALUATED = """            reward, _, texts = compute_reward_for_mini_batch(
                batch, tokenizer, model, reward_tokenizer, reward_model
            )
"""
DEFINED = "def dpo_loss_of("
TRAIN = "def train(model_name, alpha="
OF_TRAIN = "    losses, rewards, divergences = [], [], []\n"
PENALTY = "        if use_kl_divergence:\n            divergence = compute_kl"
OPTIMIZER = "    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n"


def called(
    line: str, becomes: str, before: str, where: str = DEFINED
) -> tuple[tuple[str, str], ...]:
    """Return changes: lines before a function, and another call in it."""
    return ((where, before + "\n\n\n" + where), (line, becomes))


def dpo(name: str) -> str:
    return DPO_CALL.replace("compute_DPO_loss", name)


RIGHT = (
    Right("another name", changes=called(DPO_CALL, dpo("dpo_loss"), "dpo_loss = compute_DPO_loss")),
    Right(
        "a dict of functions",
        changes=called(DPO_CALL, dpo('LOSSES["dpo"]'), 'LOSSES = {"dpo": compute_DPO_loss}'),
    ),
    Right(
        "a list of functions",
        changes=called(DPO_CALL, dpo("LOSSES[0]"), "LOSSES = [compute_DPO_loss]"),
    ),
    Right(
        "a decorator that keeps what it sees",
        changes=(
            (
                "def compute_DPO_loss(",
                "KEPT = {}\n\n\ndef keep(function):\n    KEPT[function.__name__] = function\n    return function\n\n\n@keep\ndef compute_DPO_loss(",
            ),
            (DPO_CALL, dpo('KEPT["compute_DPO_loss"]')),
        ),
    ),
    Right(
        "a decorator that counts",
        changes=(
            (
                "def compute_DPO_loss(",
                "def counted(function):\n    def call(*arguments, **more):\n        call.count += 1\n        return function(*arguments, **more)\n\n    call.count = 0\n    return call\n\n\n@counted\ndef compute_DPO_loss(",
            ),
            (DEFINED, "counted_loss = compute_DPO_loss\n\n\n" + DEFINED),
            (DPO_CALL, dpo("counted_loss")),
        ),
    ),
    Right(
        "a default argument",
        changes=(
            (
                "def dpo_loss_of(pairs, reference, beta, max_length):",
                "def dpo_loss_of(pairs, reference, beta, max_length, loss=compute_DPO_loss, scores=get_log_probs):",
            ),
            (SCORED, SCORED.replace("get_log_probs", "scores")),
            (DPO_CALL, dpo("loss")),
        ),
    ),
    Right(
        "attributes of a class",
        changes=called(
            DPO_CALL, dpo("Losses.dpo"), "class Losses:\n    dpo = staticmethod(compute_DPO_loss)"
        ),
    ),
    Right(
        "a field of a data class",
        changes=called(
            DPO_CALL,
            dpo("TASK.loss"),
            "from dataclasses import dataclass\nfrom typing import Any\n\n\n@dataclass\nclass Task:\n    loss: Any\n\n\nTASK = Task(compute_DPO_loss)",
        ),
    ),
    Right(
        "a closure",
        changes=called(
            DPO_CALL,
            dpo("loss_of_pairs"),
            "def made_of(loss):\n    def call(*sums, beta):\n        return loss(*sums, beta=beta)\n\n    return call\n\n\nloss_of_pairs = made_of(compute_DPO_loss)",
        ),
    ),
    Right(
        "a partial for sampling",
        changes=called(
            SAMPLED,
            SAMPLED.replace("compute_reward_for_mini_batch", "sample"),
            "from functools import partial\n\nsample = partial(compute_reward_for_mini_batch, seed_token_length=10, max_new_tokens=20)",
            TRAIN,
        ),
    ),
    Right(
        "a loss as train's own default",
        changes=(
            (
                "use_kl_divergence=False, debug=False):\n    reset",
                "use_kl_divergence=False, debug=False, loss_of=compute_reinforce_loss):\n    reset",
            ),
            (TRAINED, TRAINED.replace("compute_reinforce_loss", "loss_of")),
        ),
    ),
    Right(
        "a sample shown before the loop",
        changes=(
            (
                OF_TRAIN,
                OF_TRAIN
                + "    print(compute_reward_for_mini_batch(reviews[:2], tokenizer, model, reward_tokenizer, reward_model)[2])\n",
            ),
        ),
    ),
    Right(
        "a sample shown now and then",
        changes=(
            (
                TRAINED,
                TRAINED
                + "        if start % 4 == 0:\n            print(compute_reward_for_mini_batch(reviews[:1], tokenizer, model, reward_tokenizer, reward_model)[2])\n",
            ),
        ),
    ),
    Right(
        "the untrained reward, and the divergence from itself",
        changes=(
            (
                OF_TRAIN,
                OF_TRAIN
                + """    with torch.no_grad():
        reward, tokens, _ = compute_reward_for_mini_batch(
            reviews[:batch_size], tokenizer, model, reward_tokenizer, reward_model
        )
        first, _ = compute_reinforce_loss(reward, tokens, model)
        if use_kl_divergence:
            print(compute_kl_divergence(first, tokens, original).item())
    print(reward.mean().item())
""",
            ),
        ),
    ),
    Right(
        "a divergence that is shown as well",
        changes=(
            (
                PENALTY,
                """        if use_kl_divergence:
            with torch.no_grad():
                print(compute_kl_divergence(log_probs, output_tokens, original).item())
"""
                + PENALTY,
            ),
        ),
    ),
    Right(
        "an evaluation by names",
        changes=(
            (
                EVALUATED,
                """            reward, _, texts = compute_reward_for_mini_batch(
                tokenizer=tokenizer, model=model, reward_model=reward_model,
                reward_tokenizer=reward_tokenizer, batch=batch,
            )
""",
            ),
        ),
    ),
    Right(
        "a learning rate in the groups",
        changes=(
            (
                OPTIMIZER,
                '    optimizer = torch.optim.AdamW([{"params": list(model.parameters()), "lr": lr}])\n',
            ),
        ),
    ),
    Right(
        "a learning rate that is set afterwards",
        changes=(
            (
                OPTIMIZER,
                '    optimizer = torch.optim.AdamW(model.parameters())\n    for group in optimizer.param_groups:\n        group["lr"] = lr\n',
            ),
        ),
    ),
    Right("Adam", changes=((OPTIMIZER, OPTIMIZER.replace("AdamW", "Adam")),)),
    Right(
        "gradients thrown away by a hook of the optimizer",
        changes=(
            (
                OPTIMIZER,
                OPTIMIZER
                + "    optimizer.register_step_post_hook(lambda own, *more: own.zero_grad())\n",
            ),
            (
                "        optimizer.zero_grad()\n        loss.backward()\n",
                "        loss.backward()\n",
            ),
        ),
    ),
    Right(
        "a forward pass of its own, and test pairs one by one",
        changes=(
            (
                SCORED,
                """    def scores_of(policy):
        logits = policy(
            input_ids=made["input_ids"], attention_mask=made["attention_mask"],
            position_ids=count_positions(made["attention_mask"]),
        ).logits
        return _get_batch_logps(logits, made["labels"]).chunk(2)

    chosen, rejected = scores_of(model)
""",
            ),
            (
                "        reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)\n",
                "        reference_chosen, reference_rejected = scores_of(reference)\n",
            ),
            (
                '        "test_loss": average_dpo_loss(reference, beta, batch_size, max_length, test_pairs),\n',
                '        "test_loss": average_dpo_loss(reference, beta, 1, max_length, test_pairs),\n',
            ),
        ),
    ),
)
