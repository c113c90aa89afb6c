"""Wrong solutions of section 3: the KL divergence, and the loop with its penalty."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Wrong

TERM = "    at_positions = (current.exp() * (current - before)).sum(dim=2)\n"
CURRENT = "    current = log_probs_current[:, SEED_TOKENS - 1 : -1]\n"
BEFORE = "    before = log_probs_original[:, SEED_TOKENS - 1 : -1]\n"
RETURNED = "    return (at_positions * divergent).sum(dim=1).mean()\n"
ORIGINAL = "    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
ASKED = """    with torch.no_grad():
        log_probs_original = log_probs_of(orig_model, output_tokens)
"""
SAMPLED = """    new = output_tokens[:, SEED_TOKENS:].unsqueeze(2)
    at_positions = (current - before).gather(2, new).squeeze(2)
"""
PENALTY = "            loss = loss + alpha * divergence\n"
DIVERGENCE = "compute_kl_divergence(log_probs, output_tokens, original)"
STEP = """        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses"""
RESET = "    reset_model_optimizer(model_name, lr)\n    original ="


def columns(part: str) -> tuple[tuple[str, str], ...]:
    """Return changes that let the divergence run over other columns."""
    return (
        (CURRENT, f"    current = log_probs_current[:, {part}]\n"),
        (BEFORE, f"    before = log_probs_original[:, {part}]\n"),
        (RETURNED, "    return at_positions.sum(dim=1).mean()\n"),
    )


def value(name: str, mistake: str, *changes: tuple[str, str], positions: str = "either") -> Wrong:
    """Return a mistake that the divergence of known distributions shows."""
    return Wrong(name, "kl.values", mistake, changes, positions)


DIVERGENCES = (
    value(
        "kl_div with the target first",
        "direction reversed",
        (
            TERM,
            '    at_positions = F.kl_div(current, before, log_target=True, reduction="none").sum(dim=2)\n',
        ),
    ),
    value(
        "reversed, over 29 columns",
        "direction reversed",
        *columns(":-1"),
        (TERM, "    at_positions = (before.exp() * (before - current)).sum(dim=2)\n"),
    ),
    value(
        "kl_div without log_target",
        "log_target missing",
        (TERM, '    at_positions = F.kl_div(before, current, reduction="none").sum(dim=2)\n'),
    ),
    value(
        "mean over positions",
        "mean over positions",
        (RETURNED, RETURNED.replace("sum(dim=1).mean", "mean")),
    ),
    value(
        "mean over 29 positions",
        "mean over positions",
        *columns(":-1")[:2],
        (RETURNED, "    return at_positions.mean()\n"),
    ),
    value("sum over texts", "sum over texts", (RETURNED, RETURNED.replace("mean", "sum"))),
    value("the last 20 columns", "last position included", *columns("10:")),
    value("all 30 columns", "last position included", *columns(":")),
    value("21 columns", "last position included", *columns("9:")),
    value("log-ratio of the sampled tokens", "sampled log-ratio", (TERM, SAMPLED)),
    value("minus", "minus sign", (RETURNED, RETURNED.replace("return ", "return -"))),
    value("p forgotten", "not weighted by p", (TERM, TERM.replace("current.exp() * ", ""))),
    value("the seed counted", "prompt included", *columns(":-1"), positions="20"),
    Wrong(
        "two independently sampled texts compared",
        "kl.values",
        "",
        (
            (
                ASKED,
                ASKED.replace("output_tokens)", "another)").replace(
                    "    with",
                    "    another = torch.randint_like(output_tokens, 1, 31)\n    with",
                    1,
                ),
            ),
        ),
        unnamed="its numbers are random",
    ),
    Wrong(
        "current detached",
        "kl.gradient",
        "no gradient",
        ((CURRENT, CURRENT.replace("]\n", "].detach()\n")),),
    ),
    Wrong(
        "sampled log-ratio differentiated",
        "kl.gradient",
        "sampled log-ratio",
        (
            (
                TERM,
                TERM
                + "    exact = at_positions.detach()\n"
                + SAMPLED
                + "    at_positions = exact + at_positions - at_positions.detach()\n",
            ),
        ),
    ),
    Wrong(
        "divergence as a number",
        "kl.gradient",
        "no gradient",
        ((RETURNED, RETURNED.replace("mean()", "mean().item()")),),
    ),
    Wrong(
        "negative divergence",
        "kl.identity",
        "minus sign",
        ((RETURNED, RETURNED.replace("return ", "return -")),),
    ),
    Wrong(
        "compared with itself",
        "kl.identity",
        "the original is not asked",
        ((BEFORE, "    before = current.detach()\n"),),
    ),
)

PENALTIES = (
    Wrong("penalty not added", "train.penalty", "penalty not added", ((PENALTY, ""),)),
    Wrong(
        "alpha forgotten",
        "train.penalty",
        "alpha is missing",
        ((PENALTY, PENALTY.replace("alpha * ", "")),),
    ),
    Wrong(
        "penalty subtracted",
        "train.penalty",
        "penalty subtracted",
        ((PENALTY, PENALTY.replace("+", "-")),),
    ),
    Wrong(
        "loss overwritten",
        "train.penalty",
        "only the penalty",
        ((PENALTY, PENALTY.replace("loss + ", "")),),
    ),
    Wrong(
        "penalised gradients pile up",
        "train.penalty",
        "gradients pile up",
        ((STEP, STEP.replace("        optimizer.zero_grad()\n", "")),),
    ),
    Wrong(
        "an optimizer for each penalised step",
        "train.penalty",
        "optimizer rebuilt each step",
        (
            (RESET, "    global optimizer\n" + RESET),
            (STEP, "        optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n" + STEP),
        ),
    ),
    Wrong(
        "penalty as a number",
        "train.penalty",
        "penalty not added",
        ((PENALTY, PENALTY.replace("* divergence", "* divergence.item()")),),
    ),
    Wrong(
        "penalty of detached log-probabilities",
        "train.penalty",
        "penalty without a gradient",
        ((DIVERGENCE, DIVERGENCE.replace("log_probs", "log_probs.detach()")),),
    ),
    Wrong(
        "policy is its own reference",
        "train.reference",
        "the policy is its own reference",
        ((ORIGINAL, "    original = model\n"),),
    ),
    Wrong(
        "a fresh copy of the policy each step",
        "train.reference",
        "the policy is its own reference",
        (
            (DIVERGENCE, "compute_kl_divergence(log_probs, output_tokens, copy.deepcopy(model))"),
            ("import torch\nimport", "import copy\n\nimport torch\nimport"),
        ),
    ),
    Wrong(
        "reference in the optimizer",
        "train.reference",
        "reference not frozen",
        (
            (
                ORIGINAL,
                ORIGINAL
                + "    optimizer.add_param_group({'params': list(original.parameters())})\n",
            ),
            (ASKED, "    log_probs_original = log_probs_of(orig_model, output_tokens)\n"),
        ),
    ),
    Wrong(
        "reference with gradients",
        "train.reference",
        "reference not frozen",
        ((ASKED, "    log_probs_original = log_probs_of(orig_model, output_tokens)\n"),),
    ),
)

WRONG = DIVERGENCES + PENALTIES
