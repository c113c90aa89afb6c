"""Wrong solutions in which a formula, a place in a row or a distribution is another one."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong

LOSS = "    loss = -(reward.detach() * of_texts).mean()\n"
SUM = "    of_texts = (of_sampled * counted).sum(dim=1)\n"
SCORES = "    return F.log_softmax(outputs.logits, dim=-1)\n"
RETURNED = "    return log_probs, loss\n"
CURRENT = "    current = log_probs_current[:, SEED_TOKENS - 1 : -1]\n"
BEFORE = "    before = log_probs_original[:, SEED_TOKENS - 1 : -1]\n"
TERM = "    at_positions = (current.exp() * (current - before)).sum(dim=2)\n"
DIVERGENCE = "    return (at_positions * divergent).sum(dim=1).mean()\n"
ORIGINAL = "        log_probs_original = log_probs_of(orig_model, output_tokens)\n"
DPO = "    return -F.logsigmoid(beta * (policy_gap - reference_gap)).mean()\n"
LABELS = "    in_completion = (real == 1) & (real.cumsum(dim=1) > lengths)\n"
MASKED = "    labels[~in_completion] = -100\n"
SCORED = "    scored = targets != -100\n    targets[~scored] = 0\n"
PER_TOKEN = "    per_token = next_log_probs.gather(2, targets.unsqueeze(-1)).squeeze(-1) * scored\n"
MEAN = "        return per_token.sum(dim=1) / scored.sum(dim=1)\n"
LOGPS = '    return _get_batch_logps(scores.logits, batch["labels"])\n'
REWARD = "    reward = class_logits.softmax(dim=-1)[:, 1]\n"
ENCODED = "    encoded = reward_tokenizer(texts, "


def wrong(check: str, name: str, mistake: str, line: str, becomes: str) -> Wrong:
    """Return the plain solution with another line."""
    return Wrong(name, check, mistake, ((line, becomes),))


def of_reinforce(name: str, mistake: str, line: str, becomes: str) -> Wrong:
    return wrong("reinforce_loss.values", name, mistake, line, becomes)


def of_kl(name: str, mistake: str, line: str, becomes: str) -> Wrong:
    return wrong("kl.values", name, mistake, line, becomes)


def of_dpo(name: str, mistake: str, loss: str) -> Wrong:
    return wrong("dpo_loss.values", name, mistake, DPO, f"    return {loss}\n")


def of_labels(name: str, mistake: str, line: str, becomes: str) -> Wrong:
    return wrong("labels.values", name, mistake, line, becomes)


def of_reward(name: str, mistake: str, line: str, becomes: str) -> Wrong:
    return wrong("reward.values", name, mistake, line, becomes)


GENERATED = """        output_tokens = model.generate(
            input_ids=seeds["input_ids"],
            attention_mask=seeds["attention_mask"],
            do_sample=True,
            top_k=0,
            max_new_tokens=max_new_tokens,
            pad_token_id=tokenizer.eos_token_id,
        )
"""


def loop(
    check: str,
    name: str,
    mistake: str,
    tokens: str = "drawn",
    read: str = "input_ids=ids, attention_mask=mask, position_ids=count_positions(mask)",
) -> Wrong:
    """Return a solution that draws token by token."""
    lines = f"""        ids, mask = seeds["input_ids"], seeds["attention_mask"]
        ended = torch.zeros(len(ids), 1, dtype=torch.bool)
        for _ in range(max_new_tokens):
            scores = model({read}).logits[:, -1]
            drawn = torch.multinomial(scores.softmax(dim=-1), 1)
            drawn = {tokens}
            drawn = drawn.masked_fill(ended, tokenizer.eos_token_id)
            ended = ended | (drawn == tokenizer.eos_token_id)
            ids = torch.cat([ids, drawn], dim=1)
            mask = torch.cat([mask, torch.ones_like(drawn)], dim=1)
        output_tokens = ids
"""
    return wrong(check, name, mistake, GENERATED, lines)


GAP = "(policy_gap - reference_gap)"

WRONG = (
    # The REINFORCE loss
    of_reinforce(
        "a running mean taken off",
        "a baseline is taken off",
        LOSS,
        LOSS.replace("reward.detach()", "(reward.detach() - reward.detach().mean())"),
    ),
    of_reinforce(
        "rewards by rank",
        "rewards normalised",
        LOSS,
        LOSS.replace("reward.detach()", "(reward.detach() / reward.detach().max())"),
    ),
    of_reinforce(
        "what is missing to 1",
        "1 - reward",
        LOSS,
        LOSS.replace("reward.detach()", "(1 - reward.detach())"),
    ),
    of_reinforce(
        "log of rewards",
        "logarithm of the reward",
        LOSS,
        LOSS.replace("detach()", "detach().log()"),
    ),
    of_reinforce(
        "good or bad",
        "rewards rounded",
        LOSS,
        LOSS.replace("reward.detach()", "(reward.detach() > 0.5).float()"),
    ),
    of_reinforce(
        "a neighbour's reward",
        "rewards of other texts",
        LOSS,
        LOSS.replace("reward.detach()", "reward.detach().roll(1)"),
    ),
    of_reinforce(
        "from minus one to one",
        "rewards scaled",
        LOSS,
        LOSS.replace("reward.detach()", "(2 * reward.detach() - 1)"),
    ),
    of_reinforce(
        "a sharper policy",
        "temperature",
        SCORES,
        SCORES.replace("outputs.logits", "outputs.logits / 0.8"),
    ),
    of_reinforce(
        "the best token's probability",
        "the likeliest token is scored",
        SUM,
        "    of_sampled = log_probs[:, SEED_TOKENS - 1 : -1].amax(dim=2)\n" + SUM,
    ),
    of_reinforce(
        "a discount",
        "tokens discounted",
        SUM,
        SUM.replace("counted)", "counted * 0.99 ** torch.arange(20))"),
    ),
    of_reinforce(
        "a floor under log-probabilities",
        "log-probabilities clamped",
        SUM,
        SUM.replace("of_sampled *", "of_sampled.clamp(min=-2.0) *"),
    ),
    of_reinforce(
        "the last token alone",
        "only one token is scored",
        SUM,
        "    of_texts = of_sampled[:, -1]\n",
    ),
    wrong(
        "reinforce_loss.gradient",
        "a gradient of the last ten",
        "gradient of some tokens only",
        SUM,
        "    of_sampled = torch.cat([of_sampled[:, :10].detach(), of_sampled[:, 10:]], dim=1)\n"
        + SUM,
    ),
    wrong(
        "reinforce_loss.log_probs",
        "log_probs cut off as they are returned",
        "log_probs detached",
        RETURNED,
        "    return log_probs.detach(), loss\n",
    ),
    of_reinforce(
        "a loss with dropout",
        "dropout on",
        LOSS,
        LOSS
        + "    model.train()\n    extra = model(output_tokens)\n    model.eval()\n    loss = loss + extra.logits.mean()\n",
    ),
    of_reinforce(
        "the seed's probability",
        "only the prompt is scored",
        SUM,
        "    seed = output_tokens[:, 1:SEED_TOKENS].unsqueeze(2)\n"
        "    of_texts = log_probs[:, : SEED_TOKENS - 1].gather(2, seed).sum(dim=(1, 2))\n",
    ),
    of_reinforce(
        "the text's probability itself",
        "probabilities for log-probabilities",
        SUM,
        SUM.replace("of_sampled *", "of_sampled.exp() *"),
    ),
    of_reinforce(
        "rewards squared", "rewards squared", LOSS, LOSS.replace("detach()", "detach() ** 2")
    ),
    of_reinforce(
        "a mean of rewards times a mean of log-probabilities",
        "the mean reward for all",
        LOSS,
        "    loss = -reward.detach().mean() * of_sampled.mean()\n",
    ),
    wrong(
        "reinforce_loss.direction",
        "bad texts made likelier",
        "the wrong direction",
        LOSS,
        LOSS.replace("reward.detach()", "(1 - reward.detach())"),
    ),
    # The KL divergence
    of_kl(
        "the vocabulary's mean",
        "mean over the vocabulary",
        TERM,
        TERM.replace("sum(dim=2)", "mean(dim=2)"),
    ),
    of_kl(
        "torch's kl_div as it comes",
        "mean over the vocabulary",
        DIVERGENCE,
        "    return F.kl_div(before, current, log_target=True)\n",
    ),
    of_kl(
        "log-ratios without a sign",
        "absolute log-ratio",
        TERM,
        TERM.replace("(current - before)", "(current - before).abs()"),
    ),
    of_kl(
        "the middle of both",
        "Jensen-Shannon divergence",
        TERM,
        """    half = (0.5 * current.exp() + 0.5 * before.exp()).log()
    one = (current.exp() * (current - half)).sum(dim=2)
    other = (before.exp() * (before - half)).sum(dim=2)
    at_positions = (one + other) / 2
""",
    ),
    of_kl(
        "squares",
        "squared difference",
        TERM,
        TERM.replace("(current.exp() * (current - before))", "(current - before).square()"),
    ),
    of_kl(
        "the ten likeliest words",
        "only the likeliest tokens",
        TERM,
        "    likely = current.topk(10, dim=2).indices\n"
        "    current, before = current.gather(2, likely), before.gather(2, likely)\n" + TERM,
    ),
    of_kl(
        "log-ratios within bounds",
        "log-ratio clamped",
        TERM,
        TERM.replace("(current - before)", "(current - before).clamp(-1, 1)"),
    ),
    of_kl(
        "a warm policy",
        "temperature",
        CURRENT,
        CURRENT + "    current = (current / 1.5).log_softmax(dim=2)\n",
    ),
    of_kl(
        "a global original",
        "another model is used",
        ORIGINAL,
        ORIGINAL.replace("orig_model", "model"),
    ),
    of_kl(
        "the first position",
        "only one position",
        DIVERGENCE,
        "    return at_positions[:, 0].mean()\n",
    ),
    of_kl(
        "the original's scores",
        "raw scores of the original",
        ORIGINAL,
        "        log_probs_original = orig_model(input_ids=output_tokens).logits\n",
    ),
    of_kl(
        "probabilities compared",
        "difference of probabilities",
        TERM,
        "    at_positions = (current.exp() - before.exp()).abs().sum(dim=2)\n",
    ),
    of_kl(
        "half of it", "a factor is wrong", DIVERGENCE, DIVERGENCE.replace(".mean()", ".mean() / 2")
    ),
    of_kl(
        "a batch's mean of all positions",
        "mean over texts and positions",
        DIVERGENCE,
        "    return F.kl_div(current, before, log_target=True, reduction='batchmean') / 20\n",
    ),
    of_kl(
        "no logarithms",
        "no logarithm",
        TERM,
        TERM.replace("(current - before)", "(current.exp() - before.exp())"),
    ),
    Wrong(
        "the seed's columns",
        "kl.values",
        "only the prompt",
        (
            (
                CURRENT + BEFORE,
                "    current, before = log_probs_current[:, :9], log_probs_original[:, :9]\n",
            ),
            (DIVERGENCE, "    return at_positions.sum(dim=1).mean()\n"),
        ),
    ),
    of_kl(
        "no second term",
        "the policy's entropy left over",
        TERM,
        TERM.replace("(current - before)", "current"),
    ),
    of_kl(
        "the original's weights",
        "weighted by q",
        TERM,
        TERM.replace("current.exp() *", "before.exp() *"),
    ),
    wrong(
        "kl.identity",
        "policy and original at other places",
        "not 0 for the same policy",
        BEFORE,
        BEFORE.replace("SEED_TOKENS - 1 : -1", "SEED_TOKENS - 2 : -2"),
    ),
    wrong(
        "kl.identity",
        "the chosen words' log-ratio",
        "a negative divergence",
        TERM,
        "    sampled = output_tokens[:, SEED_TOKENS:].unsqueeze(2)\n"
        "    at_positions = (before - current).gather(2, sampled).squeeze(2) - 1\n"
        "    at_positions = at_positions * (current != before).any(dim=2)\n",
    ),
    # The DPO loss
    of_dpo("a beta of its own", "beta is ignored", f"-F.logsigmoid(0.1 * {GAP}).mean()"),
    of_dpo(
        "beta before and behind", "beta used twice", f"-beta * F.logsigmoid(beta * {GAP}).mean()"
    ),
    of_dpo("beta squared", "beta used twice", f"-F.logsigmoid(beta * beta * {GAP}).mean()"),
    of_dpo("beta in front", "beta outside the sigmoid", f"-beta * F.logsigmoid{GAP}.mean()"),
    of_dpo("divided", "divided by beta", f"-F.logsigmoid({GAP} / beta).mean()"),
    of_dpo(
        "both gaps added",
        "reference added",
        "-F.logsigmoid(beta * (policy_gap + reference_gap)).mean()",
    ),
    of_dpo(
        "half of one percent the other way",
        "labels smoothed",
        f"-(0.95 * F.logsigmoid(beta * {GAP}) + 0.05 * F.logsigmoid(-beta * {GAP})).mean()",
    ),
    of_dpo("one sigmoid for all", "mean before the sigmoid", f"-F.logsigmoid(beta * {GAP}.mean())"),
    of_dpo(
        "every pair against every reference",
        "(B, 1) minus (B,)",
        "-F.logsigmoid(beta * (policy_gap[:, None] - reference_gap)).mean()",
    ),
    of_dpo("whitened", "margins scaled", f"-F.logsigmoid(beta * {GAP} / {GAP}.std()).mean()"),
    of_dpo(
        "the chosen alone",
        "chosen texts only",
        "-F.logsigmoid(beta * (policy_chosen_logps - reference_chosen_logps)).mean()",
    ),
    wrong(
        "dpo_loss.extreme",
        "gaps within bounds",
        "margins clamped",
        DPO,
        f"    return -F.logsigmoid(beta * {GAP}.clamp(-10, 10)).mean()\n",
    ),
    of_dpo("half of the loss", "a factor is wrong", f"-F.logsigmoid(beta * {GAP}).mean() / 2"),
    of_dpo("the reference alone", "policy left out", "-F.logsigmoid(-beta * reference_gap).mean()"),
    of_dpo(
        "ratios themselves",
        "ratios for log-ratios",
        "-F.logsigmoid(beta * ((policy_chosen_logps - reference_chosen_logps).exp() - (policy_rejected_logps - reference_rejected_logps).exp())).mean()",
    ),
    of_dpo(
        "the rejected alone",
        "rejected texts only",
        "-F.logsigmoid(-beta * (policy_rejected_logps - reference_rejected_logps)).mean()",
    ),
    of_dpo(
        "both sides wanted",
        "terms added",
        "-F.logsigmoid(beta * (policy_chosen_logps + policy_rejected_logps - reference_chosen_logps - reference_rejected_logps)).mean()",
    ),
    # Labels
    of_labels(
        "the prompt counted from the end",
        "the end masked for the prompt",
        LABELS,
        "    in_completion = (real == 1) & (real.flip(1).cumsum(dim=1).flip(1) > lengths)\n",
    ),
    of_labels(
        "the longest prompt's length",
        "one prompt length for all rows",
        LABELS,
        LABELS.replace("> lengths", "> lengths.max()"),
    ),
    of_labels(
        "labels a column early",
        "labels shifted",
        MASKED,
        MASKED + "    labels = F.pad(labels[:, 1:], (0, 1), value=-100)\n",
    ),
    of_labels(
        "the last one left out", "last token masked", MASKED, MASKED + "    labels[:, -1] = -100\n"
    ),
    of_labels(
        "ones for ids", "no token ids", MASKED, "    labels = torch.where(in_completion, 1, -100)\n"
    ),
    of_labels(
        "the other way round",
        "prompt and completion mixed up",
        MASKED,
        "    labels[in_completion | (real == 0)] = -100\n",
    ),
    of_labels(
        "every second token", "completion masked", MASKED, MASKED + "    labels[:, ::2] = -100\n"
    ),
    of_labels(
        "the prompt's end kept by two",
        "prompt not masked",
        LABELS,
        LABELS.replace("> lengths", "> lengths - 2"),
    ),
    wrong(
        "labels.unchanged",
        "zeros written into the mask",
        "attention_mask changed in place",
        MASKED,
        MASKED + "    real[~in_completion] = 0\n",
    ),
    # Log-probabilities
    wrong(
        "batch_logps.average",
        "the batch's number of labels",
        "divided by all rows' labels",
        MEAN,
        MEAN.replace("scored.sum(dim=1)", "scored.sum()"),
    ),
    wrong(
        "batch_logps.values",
        "token 0 taken for padding",
        "token 0 not scored",
        SCORED,
        "    targets[targets == -100] = 0\n    scored = targets > 0\n",
    ),
    wrong(
        "batch_logps.values",
        "softmax down the columns",
        "softmax over another dimension",
        PER_TOKEN,
        "    next_log_probs = logits[:, :-1].log_softmax(dim=1)\n" + PER_TOKEN,
    ),
    wrong(
        "batch_logps.values",
        "the end not scored",
        "last label not scored",
        PER_TOKEN,
        PER_TOKEN + "    per_token[:, -1] = 0\n",
    ),
    wrong(
        "log_probs.values",
        "a cold model",
        "temperature",
        LOGPS,
        LOGPS.replace("scores.logits", "scores.logits / 0.5"),
    ),
    wrong(
        "log_probs.left_padding",
        "positions for all and no mask",
        "no attention mask",
        '        input_ids=batch["input_ids"], attention_mask=mask, position_ids=count_positions(mask)\n',
        '        input_ids=batch["input_ids"], position_ids=count_positions(mask)\n',
    ),
    wrong(
        "batch_logps.values",
        "the first answer for nothing",
        "first label not scored",
        PER_TOKEN,
        PER_TOKEN + "    per_token = per_token * (scored.cumsum(dim=1) > 1)\n",
    ),
    wrong(
        "batch_logps.values",
        "the last word alone",
        "only the last label",
        PER_TOKEN,
        PER_TOKEN + "    per_token[:, :-1] = 0\n",
    ),
    wrong(
        "batch_logps.values",
        "warm logits",
        "temperature",
        PER_TOKEN,
        "    next_log_probs = (logits[:, :-1] / 2.0).log_softmax(dim=-1)\n" + PER_TOKEN,
    ),
    wrong(
        "batch_logps.average",
        "one mean for all",
        "mean of the batch",
        MEAN,
        "        return (per_token.sum(dim=1) / scored.sum(dim=1)).mean()\n",
    ),
    wrong(
        "log_probs.values",
        "the global model's scores",
        "another model is used",
        "    scores = model(\n",
        "    scores = globals()['model'](\n",
    ),
    wrong(
        "log_probs.values",
        "positions from one on",
        "position ids begin with 1",
        "position_ids=count_positions(mask)\n",
        "position_ids=count_positions(mask) + 1\n",
    ),
    # Rewards
    of_reward(
        "rewards about their mean",
        "a baseline is taken off",
        REWARD,
        REWARD + "    reward = reward - reward.mean()\n",
    ),
    of_reward(
        "softmax down the batch",
        "softmax over the batch",
        REWARD,
        REWARD.replace("dim=-1", "dim=0"),
    ),
    of_reward("from -1 to 1", "rewards scaled", REWARD, REWARD + "    reward = 2 * reward - 1\n"),
    of_reward(
        "the margin of classes",
        "difference of the two classes",
        REWARD,
        "    reward = class_logits[:, 1] - class_logits[:, 0]\n",
    ),
    of_reward(
        "longest texts first",
        "rewards in another order",
        ENCODED,
        "    encoded = reward_tokenizer(sorted(texts, key=len, reverse=True), ",
    ),
    of_reward(
        "the first sentence",
        "the text is cut before it is scored",
        ENCODED,
        '    encoded = reward_tokenizer([text.split(".")[0] for text in texts], ',
    ),
    of_reward(
        "ten tokens for the classifier",
        "the text is cut before it is scored",
        ENCODED,
        ENCODED + "max_length=10, ",
    ),
    of_reward(
        "a classifier that forgets",
        "dropout in the reward model",
        ENCODED,
        "    reward_model.train()\n" + ENCODED,
    ),
    wrong(
        "reward.shapes",
        "a length for the number",
        "max_length for max_new_tokens",
        "            max_new_tokens=max_new_tokens,\n",
        "            max_length=max_new_tokens,\n",
    ),
    wrong(
        "reward.sampling",
        "words are not repeated at once",
        "the policy's scores are changed",
        "            do_sample=True,\n",
        "            do_sample=True,\n            no_repeat_ngram_size=3,\n",
    ),
    of_reward(
        "a sigmoid on top",
        "sigmoid of the probability",
        REWARD,
        REWARD + "    reward = reward.sigmoid()\n",
    ),
    of_reward(
        "two softmaxes",
        "softmax taken twice",
        REWARD,
        REWARD.replace("softmax(dim=-1)", "softmax(dim=-1).softmax(dim=-1)"),
    ),
    of_reward(
        "the seed before the text",
        "the prompt is scored twice",
        ENCODED,
        '    starts = tokenizer.batch_decode(seeds["input_ids"], skip_special_tokens=True)\n'
        "    encoded = reward_tokenizer([a + b for a, b in zip(starts, texts)], ",
    ),
    wrong(
        "reward.shapes",
        "half of the seed",
        "another seed",
        "        max_length=seed_token_length,\n",
        "        max_length=seed_token_length // 2,\n",
    ),
    wrong(
        "reward.sampling",
        "cooler for words that were there",
        "another distribution",
        "            do_sample=True,\n",
        "            do_sample=True,\n            repetition_penalty=1.3,\n",
    ),
    wrong(
        "reward.sampling",
        "the new tokens alone",
        "too few columns",
        "    return reward, output_tokens, texts\n",
        "    return reward, output_tokens[:, seed_token_length:], texts\n",
    ),
    wrong(
        "reward.sampling",
        "ten tokens and padding",
        "texts end early",
        "            max_new_tokens=max_new_tokens,\n",
        "            max_new_tokens=max_new_tokens // 2,\n",
    ),
    loop(
        "reward.sampling",
        "a word for all",
        "one draw for all rows",
        tokens="drawn[:1].expand(len(ids), 1)",
    ),
    loop(
        "reward.left_padding",
        "a short memory",
        "only the last token is read",
        read="input_ids=ids[:, -1:], position_ids=count_positions(mask)[:, -1:]",
    ),
)
