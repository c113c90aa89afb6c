"""Wrong solutions of section 2: the REINFORCE loss, the reset and the training loop."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong

LOSS = "    loss = -(reward.detach() * of_texts).mean()\n"
SUMMED = "    of_texts = (of_sampled * counted).sum(dim=1)\n"
GATHERED = """    of_sampled = log_probs[:, SEED_TOKENS - 1 : -1].gather(2, sampled.unsqueeze(2)).squeeze(2)
"""
SOFTMAX = "    return F.log_softmax(outputs.logits, dim=-1)\n"
SCORED = "    log_probs = log_probs_of(model, output_tokens)\n    sampled"
MODEL = "    model = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
OPTIMIZER = "    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n"
RESET = "    reset_model_optimizer(model_name, lr)\n    original ="
ORIGINAL = "    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
STEP = """        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses"""
ROLLOUT = """        reward, output_tokens, _ = compute_reward_for_mini_batch(
            group, """
PENALTY = "            loss = loss + alpha * divergence\n"


def pairing(start: str, end: str, first: int = 10, last: int = 30) -> tuple[tuple[str, str], ...]:
    """Return changes that take log_probs[start:end] for tokens `first` to `last`, all counted."""
    return (
        (
            "    sampled = output_tokens[:, SEED_TOKENS:]\n",
            f"    sampled = output_tokens[:, {first}:{last}]\n",
        ),
        (GATHERED, GATHERED.replace("SEED_TOKENS - 1 : -1", f"{start}:{end}")),
        (SUMMED, "    of_texts = of_sampled.sum(dim=1)\n"),
    )


def value(name: str, mistake: str, *changes: tuple[str, str], positions: str = "either") -> Wrong:
    """Return a mistake that the loss of known tokens and rewards shows."""
    return Wrong(name, "reinforce_loss.values", mistake, changes, positions)


def rate(text: str) -> tuple[str, str]:
    """Return a change of the last line of the loss."""
    return (LOSS, text)


LOSSES = (
    value("no minus", "minus sign missing", rate(LOSS.replace("-(", "("))),
    value(
        "no minus, over 29 positions",
        "minus sign missing",
        *pairing("", "-1", 1),
        rate(LOSS.replace("-(", "(")),
    ),
    value("mean over tokens", "mean over tokens", (SUMMED, SUMMED.replace("sum", "mean"))),
    value(
        "mean over 29 tokens",
        "mean over tokens",
        *pairing("", "-1", 1)[:2],
        (SUMMED, "    of_texts = of_sampled.mean(dim=1)\n"),
    ),
    value("sum over texts", "sum over texts", rate(LOSS.replace("mean", "sum"))),
    value("reward left out", "reward ignored", rate("    loss = -of_texts.mean()\n")),
    value(
        "reward (B, 1), scores (B,)",
        "(B, 1) times (B,)",
        rate(LOSS.replace("reward.detach()", "reward.detach().unsqueeze(1)")),
    ),
    value(
        "reward (B, 1), summed",
        "(B, 1) times (B,)",
        rate("    loss = -(reward.detach().unsqueeze(1) * of_texts).sum(dim=1).mean()\n"),
    ),
    value("no shift", "off by one", *pairing("10", "30")),
    value("no shift, all columns", "off by one", *pairing("", "", 0)),
    value("gather with the first columns", "prompt offset forgotten", *pairing("", "20")),
    value("gather with a shorter index", "prompt offset forgotten", *pairing("", "-1")),
    value(
        "the first new token left out", "first generated token dropped", *pairing("10", "-1", 11)
    ),
    value("the last new token left out", "last token dropped", *pairing("9", "28", 10, 29)),
    value("logits as log-probabilities", "raw scores", (SOFTMAX, "    return outputs.logits\n")),
    value("seed in the loss", "prompt is in the loss", *pairing("", "-1", 1), positions="20"),
    Wrong(
        "probabilities",
        "reinforce_loss.log_probs",
        "probabilities",
        ((SOFTMAX, "    return outputs.logits.softmax(dim=-1)\n"),),
    ),
    Wrong(
        "logits returned",
        "reinforce_loss.log_probs",
        "raw scores",
        ((SOFTMAX, "    return outputs.logits\n"),),
    ),
    Wrong(
        "29 columns returned",
        "reinforce_loss.log_probs",
        "a column is missing",
        (("    return log_probs, loss\n", "    return log_probs[:, :-1], loss\n"),),
    ),
    Wrong(
        "the sampled tokens' log-probabilities returned",
        "reinforce_loss.log_probs",
        "",
        (("    return log_probs, loss\n", "    return of_sampled.unsqueeze(-1), loss\n"),),
        unnamed="the shape that the message tells says all there is to say",
    ),
    Wrong(
        "policy under no_grad",
        "reinforce_loss.gradient",
        "no gradient",
        (
            (
                SCORED,
                "    with torch.no_grad():\n        log_probs = log_probs_of(model, output_tokens)\n    sampled",
            ),
        ),
    ),
    Wrong(
        "loss as a number",
        "reinforce_loss.gradient",
        "no gradient",
        (("    return log_probs, loss\n", "    return log_probs, loss.item()\n"),),
    ),
    Wrong(
        "gradient the wrong way",
        "reinforce_loss.gradient",
        "minus sign missing",
        ((LOSS, LOSS.replace("-(", "(")),),
    ),
    Wrong(
        "right value, wrong gradient",
        "reinforce_loss.gradient",
        "minus sign missing",
        ((LOSS, LOSS + "    loss = 2 * loss.detach() - loss\n"),),
    ),
    Wrong(
        "reward not detached",
        "reinforce_loss.constant",
        "reward not detached",
        ((LOSS, LOSS.replace(".detach()", "")),),
    ),
    Wrong(
        "baseline subtracted in place",
        "reinforce_loss.unchanged",
        "rewards changed in place",
        ((LOSS, "    reward -= reward.mean()\n" + LOSS),),
    ),
    Wrong(
        "rewards scaled after the loss",
        "reinforce_loss.unchanged",
        "changed in place",
        ((LOSS, LOSS + "    reward *= 0.5\n"),),
    ),
    Wrong(
        "reward multiplied in place",
        "reinforce_loss.unchanged",
        "rewards changed in place",
        (
            (
                LOSS,
                "    reward *= of_texts.detach()\n    loss = -reward.mean() + (of_texts - of_texts.detach()).mean()\n",
            ),
        ),
    ),
    Wrong(
        "summed batches",
        "reinforce_loss.batches",
        "sum over texts",
        ((LOSS, LOSS.replace("mean", "sum")),),
    ),
    Wrong(
        "divided by 32",
        "reinforce_loss.batches",
        "",
        ((LOSS, LOSS.replace("mean()", "sum() / 32")),),
        unnamed="any constant is possible",
    ),
    Wrong(
        "step away from the reward",
        "reinforce_loss.direction",
        "minus sign missing",
        ((LOSS, LOSS.replace("-(", "(")),),
    ),
    Wrong(
        "a step that changes nothing",
        "reinforce_loss.direction",
        "no gradient",
        ((LOSS, LOSS.replace("of_texts)", "of_texts.detach())")),),
    ),
)

RESET_MISTAKES = (
    Wrong("the trained model kept", "reset.weights", "weights not reset", ((MODEL, ""),)),
    Wrong(
        "a local model",
        "reset.weights",
        "weights not reset",
        (
            ("    global model, optimizer\n", "    global optimizer\n"),
            (MODEL, MODEL.replace("model =", "loaded =")),
            ("    return model, optimizer\n", ""),
            (OPTIMIZER, OPTIMIZER.replace("model.", "loaded.")),
        ),
    ),
    Wrong(
        "optimizer made before the model",
        "reset.optimizer",
        "optimizer of another model",
        ((MODEL + OPTIMIZER, OPTIMIZER + MODEL),),
    ),
    Wrong(
        "rate not passed on",
        "reset.optimizer",
        "learning rate ignored",
        ((OPTIMIZER, OPTIMIZER.replace(", lr=lr", "")),),
    ),
)

TRAINING = (
    Wrong(
        "the model as the cell before left it",
        "train.history",
        "weights not reset",
        (
            (
                RESET,
                "    global optimizer\n    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n    original =",
            ),
        ),
    ),
    Wrong(
        "last reviews left out",
        "train.history",
        "last partial batch dropped",
        (
            (
                "range(0, len(reviews), batch_size)",
                "range(0, len(reviews) - batch_size + 1, batch_size)",
            ),
        ),
    ),
    Wrong(
        "all reset each step",
        "train.optimizer",
        "weights reset in the middle",
        (
            (
                "        losses.append(loss.item())\n",
                "        losses.append(loss.item())\n        reset_model_optimizer(model_name, lr)\n",
            ),
        ),
    ),
    Wrong(
        "gradient ascent",
        "train.learns",
        "gradient ascent",
        ((STEP, STEP.replace("loss.backward", "(-loss).backward")),),
    ),
    Wrong(
        "no backward",
        "train.learns",
        "nothing is learnt",
        ((STEP, STEP.replace("        loss.backward()\n", "")),),
    ),
    Wrong(
        "no step",
        "train.learns",
        "no step is taken",
        ((STEP, STEP.replace("        optimizer.step()\n", "")),),
    ),
    Wrong(
        "a new optimizer each step",
        "train.optimizer",
        "optimizer rebuilt each step",
        (
            (RESET, "    global optimizer\n" + RESET),
            (STEP, "        optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n" + STEP),
        ),
    ),
    Wrong(
        "no zero_grad",
        "train.optimizer",
        "gradients pile up",
        ((STEP, STEP.replace("        optimizer.zero_grad()\n", "")),),
    ),
    Wrong(
        "zero_grad between backward and step",
        "train.optimizer",
        "gradients are thrown away",
        (
            (
                STEP,
                "        loss.backward()\n        optimizer.zero_grad()\n        optimizer.step()\n        losses",
            ),
        ),
    ),
    Wrong(
        "partial batch skipped",
        "train.optimizer",
        "last partial batch dropped",
        ((ROLLOUT, "        if len(group) < batch_size:\n            continue\n" + ROLLOUT),),
    ),
    Wrong(
        "rollouts in training mode",
        "train.rollouts",
        "dropout on",
        (
            (ROLLOUT, "        model.train()\n" + ROLLOUT),
            ("    model.eval()\n    with", "    with"),
        ),
    ),
)

WATCHED = (
    Wrong(
        "a global model in the loss",
        "reinforce_loss.values",
        "another model is used",
        (
            (
                "    log_probs = log_probs_of(model, output_tokens)\n",
                '    log_probs = log_probs_of(globals()["model"], output_tokens)\n',
            ),
        ),
    ),
    Wrong(
        "reviews in capitals",
        "train.history",
        "other texts than the reviews",
        (
            (
                "        group = reviews[start : start + batch_size]\n",
                "        group = [t.upper() for t in reviews[start : start + batch_size]]\n",
            ),
        ),
    ),
)

WRONG = LOSSES + RESET_MISTAKES + TRAINING + WATCHED
