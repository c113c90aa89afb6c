"""Correct rollouts, evaluations and log-probabilities of completions, written differently."""

from helpers.solutions import Right

PIPELINE = '''

def compute_reward_for_mini_batch(
    batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length=10, max_new_tokens=20
):
    """generate without a top, and a pipeline for the rewards."""
    from transformers import pipeline

    was_training = model.training
    model.eval()
    encoded = tokenizer(
        list(batch), padding="max_length", truncation=True, max_length=seed_token_length,
        padding_side="left", return_tensors="pt",
    )
    with torch.inference_mode():
        written = model.generate(
            **encoded.to(model.device), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
            num_beams=1, num_return_sequences=1, min_new_tokens=max_new_tokens,
            max_new_tokens=max_new_tokens, pad_token_id=tokenizer.pad_token_id,
        )
    model.train(was_training)
    output_tokens = written.clone()
    texts = tokenizer.batch_decode(output_tokens, skip_special_tokens=True)
    judge = pipeline(
        "text-classification", model=reward_model, tokenizer=reward_tokenizer, top_k=None,
        device=model.device,
    )
    positive = reward_model.config.id2label[1]
    found = [
        next(row["score"] for row in rows if row["label"] == positive)
        for rows in judge(texts, truncation=True, batch_size=8)
    ]
    return torch.tensor(found, device=model.device), output_tokens, texts
'''

INVERSE = '''

def draw(probabilities):
    """Return one token a row, by the inverse of the cumulative distribution."""
    edges = probabilities.double().cumsum(dim=-1)
    thrown = torch.rand(len(probabilities), 1, dtype=torch.float64, device=edges.device)
    return torch.searchsorted(edges, thrown * edges[:, -1:], right=True)


@torch.no_grad()
def sentiment(texts, reward_tokenizer, reward_model, size=16):
    parts = []
    for start in range(0, len(texts), size):
        some = reward_tokenizer(
            texts[start : start + size], padding="longest", truncation=True, return_tensors="pt"
        ).to(reward_model.device)
        logits = reward_model(**some).logits
        parts.append(torch.sigmoid(logits[:, 1] - logits[:, 0]))
    return torch.cat(parts)


@torch.no_grad()
def compute_reward_for_mini_batch(
    batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length=10, max_new_tokens=20
):
    """A loop that draws by hand and writes EOS after EOS; the reward as a sigmoid of the gap."""
    model.eval()
    where = model.device
    rows = [tokenizer.encode(text)[:seed_token_length] for text in batch]
    seeds = tokenizer.pad(
        {"input_ids": rows}, padding="max_length", max_length=seed_token_length, return_tensors="pt"
    ).to(where)
    tokens, mask = seeds["input_ids"], seeds["attention_mask"]
    ended = torch.zeros(len(rows), 1, dtype=torch.bool, device=where)
    for _ in range(max_new_tokens):
        logits = model(tokens, attention_mask=mask, position_ids=count_positions(mask)).logits
        drawn = draw(logits[:, -1].softmax(dim=-1))
        drawn = drawn.masked_fill(ended, tokenizer.eos_token_id)
        ended |= drawn == tokenizer.eos_token_id
        tokens = torch.cat((tokens, drawn), dim=1)
        mask = F.pad(mask, (0, 1), value=1)
    texts = [tokenizer.decode(row, skip_special_tokens=True) for row in tokens]
    return sentiment(texts, reward_tokenizer, reward_model), tokens, texts
'''

CATEGORICAL = '''

from types import SimpleNamespace


def prompts_of(batch, tokenizer, length):
    """Return ids and mask of each text's first tokens, padded on the left by hand."""
    ids = torch.full((len(batch), length), tokenizer.eos_token_id)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(batch):
        first = torch.tensor(tokenizer(text, truncation=True, max_length=length).input_ids).long()
        if len(first):
            ids[row, -len(first):] = first
            mask[row, -len(first):] = 1
    return SimpleNamespace(ids=ids.to(device), mask=mask.to(device))


def compute_reward_for_mini_batch(
    batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length=10, max_new_tokens=20
):
    """Categorical; gradients are switched off as a whole and on again."""
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    try:
        model.eval()
        state = prompts_of(batch, tokenizer, seed_token_length)
        while state.ids.shape[1] < seed_token_length + max_new_tokens:
            places = (state.mask.cumsum(1) - 1).clamp_min(0)
            last = model(state.ids, attention_mask=state.mask, position_ids=places).logits[:, -1, :]
            new = torch.distributions.Categorical(logits=last).sample().unsqueeze(-1)
            state.ids = torch.hstack([state.ids, new])
            state.mask = torch.hstack([state.mask, torch.ones_like(new)])
        texts = tokenizer.batch_decode(state.ids, skip_special_tokens=True)
        inputs = reward_tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        chances = F.softmax(reward_model(**inputs.to(device)).logits, dim=1)
    finally:
        torch.set_grad_enabled(before)
    return chances.select(1, 1).contiguous(), state.ids, texts
'''

SORTED_EVALUATION = '''

def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    """Reviews in the order of their length, and the results put back in order."""
    order = sorted(range(len(test_texts)), key=lambda i: len(test_texts[i]))
    rewards, generations = [0.0] * len(order), [""] * len(order)
    loop = tqdm(range(0, len(order), batch_size))
    with torch.no_grad():
        for start in loop:
            places = order[start : start + batch_size]
            reward, _, texts = compute_reward_for_mini_batch(
                [test_texts[i] for i in places], tokenizer, model, reward_tokenizer, reward_model
            )
            for place, value, text in zip(places, reward.tolist(), texts):
                rewards[place], generations[place] = value, text
    return {
        "reward": sum(rewards) / len(rewards), "generations": generations, "rewards": rewards,
    }
'''

CLASS_EVALUATION = """

from dataclasses import dataclass, field


@dataclass
class Evaluation:
    rewards: list = field(default_factory=list)
    generations: list = field(default_factory=list)

    @property
    def reward(self):
        return sum(self.rewards) / max(1, len(self.rewards))

    def add(self, rewards, texts):
        self.rewards += [value.item() for value in rewards]
        self.generations += texts


@torch.no_grad()
def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    evaluation = Evaluation()
    start = 0
    with tqdm(total=len(test_texts)) as loop:
        while batch := test_texts[start : start + batch_size]:
            rewards, _, texts = compute_reward_for_mini_batch(
                batch, tokenizer, model, reward_tokenizer, reward_model
            )
            evaluation.add(rewards, texts)
            start += len(batch)
            loop.update(len(batch))
    return dict(vars(evaluation), reward=evaluation.reward)
"""

COMPLETIONS_ONLY = '''

def get_log_probs(model, batch):
    """The head's scores are computed for the columns alone that some completion needs."""
    ids, mask, labels = batch["input_ids"], batch["attention_mask"], batch["labels"]
    first = int((labels != -100).any(dim=0).float().argmax())
    kept = ids.shape[1] - max(first, 1) + 1
    logits = model(
        input_ids=ids, attention_mask=mask, position_ids=count_positions(mask), logits_to_keep=kept
    ).logits
    return _get_batch_logps(logits, labels[:, -kept:])
'''

TRIMMED = '''

def get_log_probs(model, batch):
    """Columns that are padding in all rows are cut off; the sum is built with cross_entropy."""
    mask = batch["attention_mask"]
    used = mask.any(dim=0)
    inputs = {
        "input_ids": batch["input_ids"][:, used],
        "attention_mask": mask[:, used],
        "position_ids": count_positions(mask)[:, used],
    }
    labels = batch["labels"][:, used]
    logits = model(**inputs, use_cache=False)["logits"].float()
    rows = []
    for scores, row in zip(logits, labels):
        rows.append(-F.cross_entropy(scores[:-1], row[1:], ignore_index=-100, reduction="sum"))
    return torch.stack(rows)
'''

FOUR_DIMENSIONS = '''

def get_log_probs(model, batch):
    """An attention mask of its own, (B, 1, T, T), in place of the padding mask."""
    ids, mask = batch["input_ids"], batch["attention_mask"].bool()
    width = ids.shape[1]
    causal = torch.ones(width, width, dtype=torch.bool, device=ids.device).tril()
    # A padding column sees itself, so that no row of the softmax is empty.
    seen = causal & mask[:, None, None, :] | torch.eye(width, dtype=torch.bool, device=ids.device)
    bias = torch.zeros(seen.shape, device=ids.device).masked_fill(~seen, -1e9)
    logits = model(ids, attention_mask=bias, position_ids=count_positions(mask.long())).logits
    return _get_batch_logps(logits, batch["labels"])
'''

RIGHT = (
    Right("generate and a pipeline for the rewards", PIPELINE),
    Right("draws by the inverse distribution, a sigmoid of the gap", INVERSE),
    Right("Categorical with gradients switched off as a whole", CATEGORICAL),
    Right("an evaluation in the order of length, put back", SORTED_EVALUATION),
    Right("an evaluation in a dataclass", CLASS_EVALUATION),
    Right("scores of the completions' columns alone", COMPLETIONS_ONLY),
    Right("padding columns cut off, cross_entropy row by row", TRIMMED),
    Right("an attention mask of four dimensions", FOUR_DIMENSIONS),
)
