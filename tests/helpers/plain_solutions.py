"""Solutions in plain PyTorch and transformers, region by region, for a student's notebook.

They use nothing but what a student has. The key is the first words of the region's TODO.
"""

SOLUTIONS = {
    "import here what else": """
import torch.nn.functional as F


def run_model(model, tokens, attention_mask):
    positions = (attention_mask.cumsum(1) - 1).clamp(min=0)
    output = model(input_ids=tokens, attention_mask=attention_mask, position_ids=positions)
    return output.logits.float()


def masks_of(output_tokens):
    end = output_tokens == tokenizer.eos_token_id
    seed, written = end[:, :SEED_TOKEN_LENGTH], end[:, SEED_TOKEN_LENGTH:]
    seed_mask = (~seed).long().cummax(1).values
    seed_mask[:, -1] = 1
    written_mask = (written.long().cumsum(1) - written.long() == 0).long()
    completion = torch.cat([torch.zeros_like(seed_mask), written_mask], 1)
    return torch.cat([seed_mask, written_mask], 1), completion
""",
    "cut each review": """
    was, tokenizer.truncation_side = tokenizer.truncation_side, "right"
    rows = tokenizer(batch, truncation=True, max_length=seed_token_length)["input_ids"]
    tokenizer.truncation_side = was
    rows = [row or [tokenizer.eos_token_id] for row in rows]
    end = tokenizer.eos_token_id
    ids = torch.tensor([[end] * (seed_token_length - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (seed_token_length - len(row)) + [1] * len(row) for row in rows])
    ids, mask = ids.to(model.device), mask.to(model.device)
    with torch.no_grad():
        output_tokens = model.generate(
            input_ids=ids, attention_mask=mask, do_sample=True, top_k=0, top_p=1.0,
            max_new_tokens=max_new_tokens, pad_token_id=end,
        )
        missing = seed_token_length + max_new_tokens - output_tokens.shape[1]
        output_tokens = F.pad(output_tokens, (0, missing), value=end)
        texts = tokenizer.batch_decode(output_tokens, skip_special_tokens=True)
        encoded = reward_tokenizer(
            texts, padding=True, truncation=True, max_length=128, return_tensors="pt"
        ).to(reward_model.device)
        logits = reward_model(encoded["input_ids"], encoded["attention_mask"]).logits
    label = {name.lower(): index for index, name in reward_model.config.id2label.items()}
    return logits.softmax(-1)[:, int(label["positive"])], output_tokens, texts
""",
    "go through the batches": """
    rewards, generations = [], []
    for batch in loop:
        with torch.no_grad():
            reward, _, texts = compute_reward_for_mini_batch(
                batch, tokenizer, model, reward_tokenizer, reward_model
            )
        rewards += reward.tolist()
        generations += texts
        loop.set_postfix(reward=sum(rewards) / len(rewards))
    return {
        "reward": sum(rewards) / len(rewards), "generations": generations, "rewards": rewards
    }
""",
    "run the model on output_tokens": """
    attention_mask, completion_mask = masks_of(output_tokens)
    log_probs = run_model(model, output_tokens, attention_mask).log_softmax(-1)
    chosen = log_probs[:, :-1].gather(2, output_tokens[:, 1:, None])[:, :, 0]
    sums = (chosen * completion_mask[:, 1:]).sum(1)
    return log_probs, -(reward.detach() * sums).mean()
""",
    "for each batch of loop": """
    history = {"losses": [], "rewards": []}
    for batch in loop:
        reward, output_tokens, _ = compute_reward_for_mini_batch(
            batch, tokenizer, model, reward_tokenizer, reward_model
        )
        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)
        if use_kl_divergence:
            kl = compute_kl_divergence(log_probs, output_tokens, orig_model)
            loss = loss + alpha * kl
            history.setdefault("kl_divergences", []).append(kl.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history["losses"].append(loss.item())
        history["rewards"].append(reward.mean().item())
""",
    "compute the original's": """
    attention_mask, completion_mask = masks_of(output_tokens)
    with torch.no_grad():
        original = run_model(orig_model, output_tokens, attention_mask).log_softmax(-1)
    terms = F.kl_div(original, log_probs_current, log_target=True, reduction="none").sum(-1)
    return (terms[:, :-1] * completion_mask[:, 1:]).sum(1).mean()
""",
    "write down the formula": """
    chosen = policy_chosen_logps - reference_chosen_logps
    rejected = policy_rejected_logps - reference_rejected_logps
    return -F.logsigmoid(beta * (chosen - rejected)).mean()
""",
    "copy input_ids and put": """
    labels = tokenized_input["input_ids"].clone()
    for row, mask, length in zip(labels, tokenized_input["attention_mask"], prompt_lengths):
        real = mask.nonzero()[:, 0]
        row[mask == 0] = -100
        row[real[: int(length)]] = -100
    return labels
""",
    "sum the log-probabilities of each": """
    targets = labels[:, 1:]
    scores = -F.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), targets, ignore_index=-100, reduction="none"
    )
    total = scores.sum(1)
    return total / (targets != -100).sum(1) if average_log_prob else total
""",
    "run the model on the batch": """
    logits = run_model(model, batch["input_ids"], batch["attention_mask"])
    return _get_batch_logps(logits, batch["labels"])
""",
    "write here what train_DPO": """
def pair_loss(batch, orig_model, beta):
    with torch.no_grad():
        reference = get_log_probs(orig_model, batch).chunk(2)
    return compute_DPO_loss(*get_log_probs(model, batch).chunk(2), *reference, beta)
""",
    "make batches of train_texts": """
    rows = 2 * batch_size if debug else None
    history = {"losses": []}
    for _ in range(DPO_EPOCHS):
        made = make_batches(train_texts_parallel[:rows], batch_size, max_length)
        for batch in progress(made, "DPO"):
            loss = pair_loss(batch, orig_model, beta)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history["losses"].append(loss.item())
    total = count = 0
    with torch.no_grad():
        for batch in make_batches(test_texts_parallel[:rows], batch_size, max_length):
            size = len(batch["labels"]) // 2
            total += pair_loss(batch, orig_model, beta).item() * size
            count += size
    test_loss = total / count
""",
}


def solved(source: str) -> str:
    """Put the solutions in place of the errors that stand below the TODOs of a cell."""
    lines, found = [], ""
    for line in source.split("\n"):
        text = line.strip()
        if text.startswith("# TODO: "):
            found = next(key for key in SOLUTIONS if text.startswith(f"# TODO: {key}"))
        elif found and not text.startswith("#"):
            lines.append(SOLUTIONS[found].strip("\n"))
            found = ""
            if text.startswith("raise NotImplementedError"):
                continue
        lines.append(line)
    return "\n".join([*lines, SOLUTIONS[found]] if found else lines)
