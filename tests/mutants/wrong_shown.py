"""Wrong loops that compute the right loss or penalty as well, and only show it."""

from helpers.solutions import Wrong

TRAINED = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
PENALTY = "            divergence = compute_kl_divergence(log_probs, output_tokens, original)\n"
PENALISED = "            loss = loss + alpha * divergence\n"
DPO_LOSS = "            pair_loss = dpo_loss_of("
DPO_LOSS += "train_pairs[k : k + batch_size], reference, beta, max_length)\n"
KEPT = "        losses.append(loss.item())\n"


def wrong(check: str, name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a change of the plain solution."""
    return Wrong(name, check, mistake, changes)


WRONG = (
    wrong(
        "train.learns",
        "right rewards are shown, and others trained on",
        "rewards of other texts",
        (TRAINED, TRAINED + TRAINED.replace("(reward,", "(reward.roll(1),")),
    ),
    wrong(
        "train.history",
        "the loss of another call is kept",
        "losses is something else",
        (KEPT, TRAINED.replace("loss =", "again =") + KEPT.replace("loss.", "again.")),
    ),
    wrong(
        "train.history",
        "a batch is shown, and half of it trained on",
        "reviews left out",
        (
            TRAINED,
            TRAINED + TRAINED.replace("reward, output_tokens,", "reward[::2], output_tokens[::2],"),
        ),
    ),
    wrong(
        "train.penalty",
        "the right divergence is shown, and that of other texts added",
        "KL of other texts",
        (
            PENALTY,
            PENALTY + PENALTY.replace("output_tokens", "output_tokens.roll(1, dims=1)"),
        ),
    ),
    wrong(
        "train.penalty",
        "a divergence is shown and not added",
        "penalty not added",
        (PENALISED, ""),
    ),
    wrong(
        "train_dpo.history",
        "a batch of pairs is shown, and half of it trained on",
        "pairs left out",
        (
            DPO_LOSS,
            DPO_LOSS + DPO_LOSS.replace("k : k + batch_size", "k : k + batch_size // 2"),
        ),
    ),
    wrong(
        "train_dpo.history",
        "right pairs are shown, and the test pairs trained on",
        "trained on the test pairs",
        (DPO_LOSS, DPO_LOSS + DPO_LOSS.replace("train_pairs[", "(9 * test_pairs)[")),
    ),
)
