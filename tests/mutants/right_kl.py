"""Correct solutions of section 3, written differently."""

from helpers.solutions import Right

TERM = "    at_positions = (current.exp() * (current - before)).sum(dim=2)\n"
NOT_GUARDED = """    with torch.no_grad():
        log_probs_original = log_probs_of(orig_model, output_tokens)
"""
ORIGINAL = "    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"

CHUNKS = '''

def compute_kl_divergence(log_probs_current, output_tokens, orig_model):
    """Cross-entropy minus entropy, text by text."""
    found = []
    for log_p, tokens in zip(log_probs_current, output_tokens):
        with torch.no_grad():
            log_q = log_probs_of(orig_model, tokens[None])[0]
        p = log_p.exp()
        entropy, cross = -(p * log_p).sum(-1), -(p * log_q).sum(-1)
        found.append((cross - entropy)[9:29].sum())
    return torch.stack(found).mean()
'''

PENALTY_IN_ONE = '''

def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    """One dict of lists; the penalty is weighted first; the gradients are cleared at the end."""
    import copy

    global optimizer, model
    reset_model_optimizer(model_name, lr)
    frozen = copy.deepcopy(model).eval().requires_grad_(False)
    count = 2 * batch_size if debug else len(train_texts)
    results = dict(losses=[], rewards=[])
    if use_kl_divergence:
        results["kl_divergences"] = []
    for i in range(0, count, batch_size):
        reward, tokens, _ = compute_reward_for_mini_batch(
            batch=train_texts[i : i + batch_size], tokenizer=tokenizer, model=model,
            reward_tokenizer=reward_tokenizer, reward_model=reward_model,
        )
        log_probs, loss = compute_reinforce_loss(
            reward=reward, output_tokens=tokens, model=model
        )
        if use_kl_divergence:
            kl = compute_kl_divergence(
                log_probs_current=log_probs, output_tokens=tokens, orig_model=frozen
            )
            (alpha * kl).backward(retain_graph=True)
            results["kl_divergences"] += [float(kl)]
        loss.backward()
        optimizer.step()
        model.zero_grad()
        results["losses"] += [float(loss)]
        results["rewards"] += [float(reward.mean())]
    results["eval_results"] = evaluate(
        tokenizer=tokenizer, model=model, reward_tokenizer=reward_tokenizer,
        reward_model=reward_model, batch_size=batch_size,
    )
    return results
'''

RIGHT = (
    Right(
        "kl_div with log_target",
        changes=(
            (
                TERM,
                "    divergent = F.kl_div(before, current, log_target=True, reduction='none')\n"
                "    at_positions = divergent.sum(dim=-1)\n",
            ),
        ),
    ),
    Right(
        "kl_div with probabilities",
        changes=(
            (
                TERM,
                '    at_positions = F.kl_div(before, current.exp(), reduction="none").sum(-1)\n',
            ),
        ),
    ),
    Right(
        "a reference frozen where it is loaded, and no no_grad",
        changes=(
            (ORIGINAL, ORIGINAL + "    original.requires_grad_(False)\n"),
            (NOT_GUARDED, "    log_probs_original = log_probs_of(orig_model, output_tokens)\n"),
        ),
    ),
    Right("cross-entropy minus entropy, text by text", CHUNKS),
    Right("keywords, a copied reference, two backward passes", PENALTY_IN_ONE),
)
