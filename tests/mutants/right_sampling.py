"""Correct solutions of section 1, written differently."""

from helpers.solutions import Right

AFTER_SAMPLING = """
    texts = [tokenizer.decode(row, skip_special_tokens=True) for row in ids]
    rewards = []
    for text in texts:
        encoded = reward_tokenizer(text, return_tensors="pt", truncation=True)
        with torch.no_grad():
            rewards.append(torch.softmax(reward_model(**encoded).logits[0], dim=0)[1])
    return torch.stack(rewards), ids, texts
"""

MULTINOMIAL = (
    '''

@torch.no_grad()
def compute_reward_for_mini_batch(
    batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length=10, max_new_tokens=20
):
    """A loop with multinomial, and every text scored by itself."""
    was_training = model.training
    model.eval()
    rows = [tokenizer(text)["input_ids"][:seed_token_length] for text in batch]
    pad = tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (seed_token_length - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (seed_token_length - len(row)) + [1] * len(row) for row in rows])
    for _ in range(max_new_tokens):
        position_ids = mask.cumsum(-1) - 1
        position_ids[mask == 0] = 1
        logits = model(ids, attention_mask=mask, position_ids=position_ids).logits[:, -1]
        ids = torch.cat([ids, torch.multinomial(logits.softmax(-1), num_samples=1)], dim=-1)
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=-1)
    model.train(was_training)
'''
    + AFTER_SAMPLING
)

GUMBEL = (
    '''

@torch.no_grad()
def compute_reward_for_mini_batch(
    batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length=10, max_new_tokens=20
):
    """A loop with Gumbel noise and a cache."""
    model.eval()
    seeds = tokenizer.pad(
        {"input_ids": [tokenizer(text).input_ids[:seed_token_length] for text in batch]},
        padding="max_length", max_length=seed_token_length, return_tensors="pt",
    )
    ids, mask = seeds.input_ids, seeds.attention_mask
    step, cache = ids, None
    for _ in range(max_new_tokens):
        places = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -step.shape[1] :]
        out = model(
            step, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True
        )
        cache = out.past_key_values
        scores = out.logits[:, -1]
        noise = -torch.log(-torch.log(torch.rand_like(scores)))
        step = (scores + noise).argmax(dim=-1, keepdim=True)
        ids = torch.cat([ids, step], dim=1)
        mask = torch.cat([mask, torch.ones_like(step)], dim=1)
'''
    + AFTER_SAMPLING
)

CONFIGURED = '''

def compute_reward_for_mini_batch(
    batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length=10, max_new_tokens=20
):
    """generate with a configuration; the positive class by its name; rewards in float64."""
    from transformers import GenerationConfig

    model.eval()
    seeds = tokenizer(
        [text for text in batch], truncation=True, padding="max_length",
        max_length=seed_token_length, return_tensors="pt",
    )
    settings = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, min_new_tokens=max_new_tokens,
        max_new_tokens=max_new_tokens, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.inference_mode():
        ids = model.generate(**seeds, generation_config=settings).clone()
    texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
    names = reward_model.config.id2label
    positive = [index for index, name in names.items() if "POS" in name.upper()]
    column = positive[0] if positive else 1
    with torch.no_grad():
        scores = reward_model(**reward_tokenizer(texts, padding=True, return_tensors="pt")).logits
    return scores.double().log_softmax(dim=1).exp()[:, column], ids.clone(), tuple(texts)
'''

RUNNING_SUMS = '''

@torch.no_grad()
def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    """Running sums over a DataLoader's batches, and more in the dict than asked for."""
    from torch.utils.data import DataLoader

    total, seen, written, rewards = 0.0, 0, [], torch.zeros(0)
    loop = tqdm(DataLoader(test_texts, batch_size=batch_size, shuffle=False))
    for batch in loop:
        reward, tokens, texts = compute_reward_for_mini_batch(
            batch, tokenizer, model, reward_tokenizer, reward_model
        )
        total += reward.sum()
        rewards = torch.cat([rewards, reward.float()])
        seen += len(batch)
        written.extend(texts)
        loop.set_postfix(reward=float(total / seen))
    others = {"count": seen, "tokens": tokens}
    return {"reward": total / seen, "generations": written, "rewards": rewards} | others
'''

NUMPY = '''

def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    """A list of numbers, averaged at the end; gradients are off in the rollouts alone."""
    import statistics

    model.eval()
    scores, written = [], []
    position = 0
    while position < len(test_texts):
        group = test_texts[position : position + batch_size]
        reward, _, texts = compute_reward_for_mini_batch(
            group, tokenizer, model, reward_tokenizer, reward_model
        )
        scores += reward.tolist()
        written += list(texts)
        position += len(group)
    return dict(reward=statistics.fmean(scores), generations=tuple(written), rewards=scores)
'''

RIGHT = (
    Right("multinomial without a cache, texts scored one by one", MULTINOMIAL + RUNNING_SUMS),
    Right("Gumbel noise with a cache", GUMBEL + NUMPY),
    Right("generate with a configuration, rewards in float64", CONFIGURED),
)
