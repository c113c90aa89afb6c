"""Wrong solutions of section 1: rollouts, rewards and evaluation."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong

MASK = '            attention_mask=seeds["attention_mask"],\n'
REWARD = "    reward = class_logits.softmax(dim=-1)[:, 1]\n"
TEXTS = "    texts = tokenizer.batch_decode(output_tokens, skip_special_tokens=True)\n"
ENCODED = "    encoded = reward_tokenizer(texts, "
GATHERED = "        rewards.append(reward)\n        generations += texts\n"
RETURNED = "torch.cat(rewards).mean().item()"
SCORED = """
        with torch.no_grad():
            reward, _, texts = compute_reward_for_mini_batch(
                batch, tokenizer, model, reward_tokenizer, reward_model
            )
"""
FORWARD = """    with torch.no_grad():
        class_logits = reward_model(
            input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]
        ).logits
"""
SEEDS = """    seeds = tokenizer(
        list(batch),
        truncation=True,
        max_length=seed_token_length,
        padding="max_length",
        return_tensors="pt",
    ).to(device)
"""
GENERATE = """            do_sample=True,
            top_k=0,
            max_new_tokens=max_new_tokens,
"""
# A loop instead of generate, for mistakes that generate does not let one make.
BY_HAND = """        output_tokens, seen = seeds["input_ids"], seeds["attention_mask"]
        for _ in range(max_new_tokens):
            step = model(input_ids=output_tokens, attention_mask=seen).logits[:, -1]
            drawn = torch.multinomial(step.softmax(dim=-1), 1)
            output_tokens = torch.cat([output_tokens, drawn], dim=1)
            seen = torch.cat([seen, torch.ones_like(drawn)], dim=1)
"""
GENERATED = """        output_tokens = model.generate(
            input_ids=seeds["input_ids"],
            attention_mask=seeds["attention_mask"],
            do_sample=True,
            top_k=0,
            max_new_tokens=max_new_tokens,
            pad_token_id=tokenizer.eos_token_id,
        )
"""


def shapes(name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a mistake that the rollouts of a policy without choice show."""
    return Wrong(name, "reward.shapes", mistake, changes)


def values(name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a mistake that the rewards of known texts show."""
    return Wrong(name, "reward.values", mistake, changes)


def sampling(name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a mistake that many draws show."""
    return Wrong(name, "reward.sampling", mistake, changes)


def mean(name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a mistake in the mean reward of evaluate."""
    return Wrong(name, "evaluate.mean", mistake, changes)


ROLLOUTS = (
    shapes(
        "rewards as a list",
        "a list is returned",
        (
            "    return reward, output_tokens, texts\n",
            "    return reward.tolist(), output_tokens, texts\n",
        ),
    ),
    shapes(
        "only new tokens returned",
        "only the continuation is returned",
        (
            "    return reward, output_tokens, texts\n",
            "    return reward, output_tokens[:, seed_token_length:], texts\n",
        ),
    ),
    shapes(
        "the review's last tokens as seed",
        "seed from the end of the review",
        (
            SEEDS,
            SEEDS.replace("    seeds =", '    tokenizer.truncation_side = "left"\n    seeds =')
            + '    tokenizer.truncation_side = "right"\n',
        ),
    ),
    shapes(
        "padding after the seed",
        "padding on the right",
        (
            SEEDS,
            SEEDS.replace("    seeds =", '    tokenizer.padding_side = "right"\n    seeds =')
            + '    tokenizer.padding_side = "left"\n',
        ),
    ),
    shapes(
        "texts of the new tokens only",
        "texts without their seed",
        (
            "    return reward, output_tokens, texts\n",
            "    new = output_tokens[:, seed_token_length:]\n"
            "    return reward, output_tokens, tokenizer.batch_decode(new)\n",
        ),
    ),
    sampling(
        "greedy", "greedy", ("do_sample=True", "do_sample=False"), ("            top_k=0,\n", "")
    ),
    sampling("top-k 50, the default", "top-k", ("top_k=0", "top_k=50")),
    sampling("nucleus sampling", "top-p", ("top_k=0", "top_k=0, top_p=0.9")),
    sampling("cold", "temperature", ("top_k=0", "top_k=0, temperature=0.7")),
    sampling("hot", "temperature", ("top_k=0", "top_k=0, temperature=1.5")),
    sampling(
        "beam search",
        "greedy",
        ("do_sample=True", "do_sample=False, num_beams=2"),
        ("            top_k=0,\n", ""),
    ),
    sampling(
        "dropout while sampling",
        "dropout on",
        ("    model.eval()\n    with", "    model.train()\n    with"),
    ),
    Wrong(
        "generate without attention mask",
        "reward.left_padding",
        "no attention mask",
        ((MASK, '            attention_mask=torch.ones_like(seeds["input_ids"]),\n'),),
    ),
    Wrong(
        "sampling loop without position ids",
        "reward.left_padding",
        "no position ids",
        ((GENERATED, BY_HAND),),
    ),
    Wrong(
        "sampling loop without attention mask",
        "reward.left_padding",
        "no attention mask",
        ((GENERATED, BY_HAND.replace(", attention_mask=seen", "")),),
    ),
    Wrong(
        "seed set in each call",
        "reward.random",
        "every call gives the same texts",
        (("    model.eval()\n    with", "    model.eval()\n    torch.manual_seed(0)\n    with"),),
    ),
)

REWARDS = (
    values("index 0", "negative class", (REWARD, REWARD.replace("[:, 1]", "[:, 0]"))),
    values(
        "sigmoid of the positive logit",
        "sigmoid of one logit",
        (REWARD, "    reward = class_logits[:, 1].sigmoid()\n"),
    ),
    values(
        "sigmoid of the negative logit",
        "sigmoid of one logit",
        (REWARD, "    reward = class_logits[:, 0].sigmoid()\n"),
    ),
    values("the logit itself", "logits", (REWARD, "    reward = class_logits[:, 1]\n")),
    values(
        "log of the probability",
        "logarithm",
        (REWARD, "    reward = class_logits.log_softmax(dim=-1)[:, 1]\n"),
    ),
    values("argmax", "hard labels", (REWARD, "    reward = class_logits.argmax(dim=-1).float()\n")),
    values(
        "seeds to the reward model",
        "only the prompt is scored",
        (
            ENCODED,
            "    seed_texts = tokenizer.batch_decode(seeds['input_ids'], skip_special_tokens=True)\n"
            "    encoded = reward_tokenizer(seed_texts, ",
        ),
    ),
    values(
        "continuations to the reward model",
        "only the continuation is scored",
        (
            ENCODED,
            "    new_texts = tokenizer.batch_decode(output_tokens[:, seed_token_length:])\n"
            "    encoded = reward_tokenizer(new_texts, ",
        ),
    ),
    values(
        "special tokens in the text",
        "padding is scored",
        (TEXTS, TEXTS.replace(", skip_special_tokens=True", "")),
    ),
    values(
        "whole reviews to the reward model",
        "the whole review is scored",
        (ENCODED, "    encoded = reward_tokenizer(list(batch), "),
    ),
    values(
        "reward model without attention mask",
        "no attention mask for the reward model",
        (
            'encoded["input_ids"], attention_mask=encoded["attention_mask"]',
            'encoded["input_ids"], attention_mask=torch.ones_like(encoded["input_ids"])',
        ),
    ),
    values(
        "one mean reward",
        "mean over the batch",
        (REWARD, REWARD.replace("[:, 1]", "[:, 1].mean()")),
    ),
)

EVALUATION = (
    mean(
        "mean of the batches' means",
        "last partial batch weighted as a full one",
        (GATHERED, GATHERED.replace("append(reward)", "append(reward.mean().reshape(1))")),
    ),
    mean(
        "running mean over i + batch_size",
        "divided by i + batch_size",
        (GATHERED, GATHERED + "        average = torch.cat(rewards).sum() / (i + batch_size)\n"),
        (RETURNED, "average.item()"),
    ),
    mean(
        "floor of the batch count in the loop",
        "last partial batch dropped",
        (
            "range(0, len(test_texts), batch_size)",
            "range(0, len(test_texts) // batch_size * batch_size, batch_size)",
        ),
    ),
    mean(
        "floor of the batch count in the divisor",
        "divided by the floor of the batch count",
        (GATHERED, GATHERED.replace("append(reward)", "append(reward.mean().reshape(1))")),
        (RETURNED, "(torch.cat(rewards).sum() / (len(test_texts) // batch_size)).item()"),
    ),
    mean("the last batch's mean", "only the last batch", (RETURNED, "reward.mean().item()")),
    mean("sum of rewards", "sum, not mean", (RETURNED, "torch.cat(rewards).sum().item()")),
    mean(
        "sum of the batches' means",
        "sum, not mean",
        (GATHERED, GATHERED.replace("append(reward)", "append(reward.mean().reshape(1))")),
        (RETURNED, "torch.cat(rewards).sum().item()"),
    ),
    Wrong(
        "texts of the last batch only",
        "evaluate.generations",
        "texts are missing",
        (("        generations += texts\n", "        generations = texts\n"),),
    ),
    Wrong(
        "a list of batches of texts",
        "evaluate.generations",
        "texts are missing",
        (("        generations += texts\n", "        generations.append(texts)\n"),),
    ),
    Wrong(
        "a dict of rewards by their texts",
        "evaluate.generations",
        "equal texts are kept once",
        (
            (
                '        "generations": generations,\n'
                '        "rewards": torch.cat(rewards).tolist(),\n',
                '        "generations": [*dict.fromkeys(generations)],\n'
                '        "rewards": [\n'
                "            *dict(zip(generations, torch.cat(rewards).tolist())).values()\n"
                "        ],\n",
            ),
        ),
    ),
    Wrong(
        "evaluation with gradients on",
        "evaluate.no_gradients",
        "evaluation with gradients on",
        (
            (SCORED, SCORED.replace("torch.no_grad()", "torch.enable_grad()")),
            (FORWARD, FORWARD.replace("torch.no_grad()", "torch.enable_grad()")),
        ),
    ),
)

WATCHED = (
    Wrong(
        "a global model samples",
        "reward.shapes",
        "another model samples",
        (("output_tokens = model.generate(", 'output_tokens = globals()["model"].generate('),),
    ),
    Wrong(
        "a global model is evaluated",
        "evaluate.generations",
        "another model is evaluated",
        (
            (
                "            reward, _, texts = compute_reward_for_mini_batch(\n"
                "                batch, tokenizer, model, reward_tokenizer, reward_model\n",
                "            reward, _, texts = compute_reward_for_mini_batch(\n"
                '                batch, tokenizer, globals()["model"], reward_tokenizer, reward_model\n',
            ),
        ),
    ),
    Wrong(
        "a slice left in",
        "evaluate.generations",
        "reviews left out",
        (
            (
                "range(0, len(test_texts), batch_size)",
                "range(0, min(len(test_texts), 1000), batch_size)",
            ),
        ),
    ),
)

WRONG = ROLLOUTS + REWARDS + EVALUATION + WATCHED
