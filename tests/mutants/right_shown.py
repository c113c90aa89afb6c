"""Correct solutions that compute a loss or a penalty more than they train on, and only show it."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Right

OF_TRAIN = "    losses, rewards, divergences = [], [], []\n"
TRAINED = "        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)\n"
PENALTY = "        if use_kl_divergence:\n            divergence = compute_kl"
KEPT = "        rewards.append(reward.mean().item())\n"
KEPT_DPO = "            history.append(pair_loss.item())\n"
DPO_CALL = "    return compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=beta)\n"
EPOCHS = "    for _epoch in range(2):\n"
TESTED = """        with torch.no_grad():
            total += dpo_loss_of(part, reference, beta, max_length).item() * len(part)
"""


def shown(name: str, *changes: tuple[str, str]) -> Right:
    """Return a change of the plain solution."""
    return Right(name, changes=changes)


RIGHT = (
    shown(
        "a divergence shown with gradients on",
        (
            PENALTY,
            "        if use_kl_divergence:\n            print(compute_kl_divergence(log_probs, output_tokens, original).item())\n"
            + PENALTY,
        ),
    ),
    shown(
        "the loss after the step",
        (
            KEPT,
            KEPT
            + "        print(compute_reinforce_loss(reward, output_tokens, model)[1].item())\n",
        ),
    ),
    shown(
        "the mean log-probability, as a loss of rewards of 1",
        (
            TRAINED,
            "        print(-compute_reinforce_loss(torch.ones_like(reward), output_tokens, model)[1].item())\n"
            + TRAINED,
        ),
    ),
    shown(
        "the untrained policy's first batch",
        (
            OF_TRAIN,
            OF_TRAIN
            + """    first, tokens, _ = compute_reward_for_mini_batch(
        reviews[:batch_size], tokenizer, model, reward_tokenizer, reward_model
    )
    of_start, loss = compute_reinforce_loss(first, tokens, model)
    print(first.mean().item(), loss.item())
    if use_kl_divergence:
        print(compute_kl_divergence(of_start, tokens, original).item())
""",
        ),
    ),
    shown(
        "a few test reviews now and then",
        (
            KEPT,
            KEPT
            + """        if start % (8 * batch_size) == 0:
            seen, tokens, _ = compute_reward_for_mini_batch(
                test_texts[:batch_size], tokenizer, model, reward_tokenizer, reward_model
            )
            print(seen.mean().item(), compute_reinforce_loss(seen, tokens, model)[1].item())
""",
        ),
    ),
    shown(
        "the loss of pairs after the step",
        (
            KEPT_DPO,
            KEPT_DPO
            + "            print(dpo_loss_of(train_pairs[k : k + batch_size], reference, beta, max_length).item())\n",
        ),
    ),
    shown(
        "the loss of pairs, and which are in order",
        (
            DPO_CALL,
            "    print((chosen > rejected).sum().item(), compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=beta).item())\n"
            + DPO_CALL,
        ),
    ),
    shown(
        "the test loss of each epoch, with gradients on",
        (
            EPOCHS,
            EPOCHS
            + "        print(average_dpo_loss(reference, beta, batch_size, max_length, test_pairs))\n",
        ),
        (
            TESTED,
            "        total += dpo_loss_of(part, reference, beta, max_length).item() * len(part)\n",
        ),
    ),
)
