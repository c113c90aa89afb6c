"""Wrong training loops of section 2 in which the reward does not do what it should."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong, replaced
from mutants.right_training import NOTEBOOK, STEPWISE

LOSS = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
LISTS = "    losses, rewards, divergences = [], [], []\n"


def reward(name: str, mistake: str, *changes: tuple[str, str], functions: str = "") -> Wrong:
    """Return a loop in which the reward does not do what it should."""
    return Wrong(name, "train.learns", mistake, changes, functions=functions)


def handed(text: str) -> tuple[str, str]:
    """Return a change of what the loss is given as reward."""
    return (LOSS, LOSS.replace("(reward,", f"({text},"))


def before(text: str) -> tuple[str, str]:
    """Return a change that puts a line before the loss."""
    return (LOSS, f"        {text}\n{LOSS}")


def stepwise(name: str, check: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a mistake in a loop made of small functions."""
    return Wrong(name, check, mistake, (), functions=replaced(STEPWISE, *changes))


SAME = "the reward does not matter"
OTHER = "another reward than the text's own"

REWARDS = (
    reward("one mean for all texts", SAME, before("reward = reward.mean().expand_as(reward)")),
    reward("the mean as a number", SAME, handed("torch.full_like(reward, reward.mean().item())")),
    reward("a scalar reward", SAME, handed("reward.mean()")),
    reward("ones", SAME, handed("torch.ones_like(reward)")),
    reward("rewards shuffled", SAME, before("reward = reward[torch.randperm(len(reward))]")),
    reward(
        "rewards sorted without their texts",
        SAME,
        before("reward, _ = reward.sort(descending=True)"),
    ),
    reward("rewards turned round", SAME, handed("reward.flip(0)")),
    reward("rewards cut to whole numbers", SAME, handed("reward.long()")),
    reward(
        "a running mean as reward",
        SAME,
        (LISTS, LISTS + "    average = 0.5\n"),
        (
            LOSS,
            "        average = 0.9 * average + 0.1 * reward.mean().item()\n"
            + LOSS.replace("(reward,", "(torch.full_like(reward, average),"),
        ),
    ),
    reward("rewards as a column", SAME, handed("reward.unsqueeze(1)")),
    reward(
        "the reward of other samples",
        SAME,
        (
            LOSS,
            "        _, output_tokens, _ = compute_reward_for_mini_batch(\n            group, tokenizer, model, reward_tokenizer, reward_model\n        )\n"
            + LOSS,
        ),
    ),
    reward(
        "rewards of the first batch kept",
        SAME,
        (LISTS, LISTS + "    first_rewards = None\n"),
        (
            LOSS,
            "        if first_rewards is None:\n            first_rewards = reward\n"
            + LOSS.replace("(reward,", "(first_rewards[: len(reward)],"),
        ),
    ),
    reward(
        "rewards of the batch before",
        SAME,
        (LISTS, LISTS + "    previous = None\n"),
        (
            LOSS,
            "        used = reward if previous is None or len(previous) != len(reward) else previous\n        previous = reward\n"
            + LOSS.replace("(reward,", "(used,"),
        ),
    ),
    reward(
        "the reviews scored in place of the texts",
        OTHER,
        (
            LOSS,
            """        encoded = reward_tokenizer(
            list(group), padding=True, truncation=True, return_tensors="pt"
        ).to(device)
        with torch.no_grad():
            reward = reward_model(**encoded).logits.softmax(dim=-1)[:, 1]
"""
            + LOSS,
        ),
    ),
    reward(
        "the seeds scored in place of the texts",
        OTHER,
        (
            LOSS,
            """        prompts = tokenizer.batch_decode(output_tokens[:, :10], skip_special_tokens=True)
        inputs = reward_tokenizer(prompts, padding=True, return_tensors="pt").to(device)
        with torch.no_grad():
            reward = torch.softmax(reward_model(**inputs).logits, dim=-1)[:, 1]
"""
            + LOSS,
        ),
    ),
    reward("negated", "the reward has the wrong sign", handed("-reward")),
    reward("one minus the reward", "the reward has the wrong sign", handed("1 - reward")),
    reward(
        "an optimizer that maximises",
        "gradient ascent",
        (
            "optimizer = torch.optim.AdamW(model.parameters(), lr=lr)",
            "optimizer = torch.optim.AdamW(model.parameters(), lr=lr, maximize=True)",
        ),
    ),
    reward("the mean subtracted", OTHER, before("reward = reward - reward.mean()")),
    reward(
        "standardised",
        OTHER,
        before("reward = (reward - reward.mean()) / (reward.std(unbiased=False) + 1e-8)"),
    ),
    reward("hard rewards", OTHER, handed("(reward > 0.5).float()")),
    reward("a softmax over the batch", OTHER, handed("reward.softmax(dim=0)")),
    reward("logarithms of rewards", OTHER, handed("torch.log(reward + 1e-8)")),
    reward(
        "rewards plus and minus one",
        OTHER,
        before("reward = torch.where(reward >= reward.median(), 1.0, -1.0)"),
    ),
    reward(
        "a language model's own loss",
        SAME,
        (LOSS, LOSS + "        loss = model(input_ids=output_tokens, labels=output_tokens).loss\n"),
    ),
    reward(
        "the likelihood of every sample",
        "compute_reinforce_loss is not called",
        (
            LOSS,
            """        log_probs = log_probs_of(model, output_tokens)
        chosen = log_probs[:, :-1].gather(2, output_tokens[:, 1:].unsqueeze(2)).squeeze(2)
        loss = -chosen[:, SEED_TOKENS - 1 :].sum(dim=1).mean()
""",
        ),
    ),
    reward(
        "the best text of the batch alone",
        OTHER,
        (
            LOSS,
            """        best = reward.argmax()
        log_probs, loss = compute_reinforce_loss(
            reward[best : best + 1], output_tokens[best : best + 1], model
        )
""",
        ),
    ),
    reward(
        "constant in the notebook's loop",
        SAME,
        functions=NOTEBOOK.replace(
            "        log_probs, loss = compute",
            "        reward = torch.tensor([reward.mean().item()] * len(batch), device=device)\n        log_probs, loss = compute",
        ),
    ),
    stepwise(
        "random rewards in small functions",
        "train.learns",
        SAME,
        (
            "compute_reinforce_loss(reward, tokens, policy)",
            "compute_reinforce_loss(torch.rand_like(reward), tokens, policy)",
        ),
    ),
    stepwise(
        "negated in small functions",
        "train.learns",
        "gradient ascent",
        ("    loss.backward()\n", "    (-loss).backward()\n"),
    ),
)

WRONG = REWARDS
