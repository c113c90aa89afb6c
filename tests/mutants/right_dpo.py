"""Correct solutions of section 4, written differently."""

from helpers.solutions import Right

LOSS = "    return -F.logsigmoid(beta * (policy_gap - reference_gap)).mean()\n"
COMPLETION = """    in_completion = (real == 1) & (real.cumsum(dim=1) > lengths)
    labels[~in_completion] = -100
    return labels
"""
USED = """
    return compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=beta)
"""

LABEL_LOOPS = '''

def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    """Loops; the lengths may be a list or a tensor."""
    rows = []
    for ids, mask, length in zip(
        tokenized_input["input_ids"].tolist(),
        tokenized_input["attention_mask"].tolist(),
        [int(length) for length in prompt_lengths],
    ):
        begin = mask.index(1) + length
        rows.append([-100 if t < begin or not mask[t] else ids[t] for t in range(len(ids))])
    return torch.tensor(rows)


def _get_batch_logps(logits, labels, average_log_prob=False):
    """Loops."""
    rows = []
    for scores, row in zip(logits.log_softmax(dim=-1), labels.tolist()):
        found = [scores[t - 1, label] for t, label in enumerate(row) if t and label != -100]
        total = sum(found)
        rows.append(total / len(found) if average_log_prob else total)
    return torch.stack(rows)
'''

POSITIONS = '''

def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    """Positions and torch.where."""
    ids, mask = tokenized_input["input_ids"], tokenized_input["attention_mask"].bool()
    width = ids.shape[1]
    starts = width - mask.long().sum(dim=1) + torch.as_tensor(prompt_lengths)
    places = torch.arange(width).expand(len(ids), width)
    return torch.where(places >= starts[:, None], ids, torch.full_like(ids, -100))


def _get_batch_logps(logits, labels, average_log_prob=False):
    """cross_entropy, which leaves out -100 by itself."""
    losses = F.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:], reduction="none")
    total = -losses.sum(-1)
    return total / (labels[:, 1:] != -100).sum(-1) if average_log_prob else total


def compute_DPO_loss(
    policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps,
    beta=0.1,
):
    """softplus of the rewards' difference."""
    chosen = beta * (policy_chosen_logps - reference_chosen_logps)
    rejected = beta * (policy_rejected_logps - reference_rejected_logps)
    return F.softplus(rejected - chosen).mean()
'''

MASKED_FILL = '''

def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    """Row by row in place of a clone."""
    labels = tokenized_input.input_ids.clone() if hasattr(tokenized_input, "input_ids") else (
        tokenized_input["input_ids"].clone()
    )
    labels.masked_fill_(tokenized_input["attention_mask"] == 0, -100)
    for i in range(len(labels)):
        first = int(tokenized_input["attention_mask"][i].argmax())
        labels[i, first : first + int(prompt_lengths[i])] = -100
    return labels


def compute_DPO_loss(
    policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps,
    beta=0.1,
):
    """binary_cross_entropy_with_logits against ones."""
    margin = policy_chosen_logps - policy_rejected_logps
    margin = margin - reference_chosen_logps + reference_rejected_logps
    return F.binary_cross_entropy_with_logits(beta * margin, torch.ones_like(margin))
'''

REPADDED = '''

def get_log_probs(model, batch):
    """The rows are padded on the right instead, so that positions count by themselves."""
    ids, mask, labels = batch["input_ids"], batch["attention_mask"], batch["labels"]
    width = ids.shape[1]
    shifts = (mask == 0).sum(dim=1, keepdim=True)
    columns = (torch.arange(width) + shifts) % width
    ids, mask, labels = (x.gather(1, columns) for x in (ids, mask, labels))
    return _get_batch_logps(model(ids, attention_mask=mask).logits, labels)
'''

ROW_BY_ROW = '''

def get_log_probs(model, batch):
    """One row at a time and without padding."""
    found = []
    for ids, mask, labels in zip(batch["input_ids"], batch["attention_mask"], batch["labels"]):
        real = mask.bool()
        logits = model(ids[real][None]).logits
        found.append(_get_batch_logps(logits, labels[real][None]))
    return torch.cat(found)
'''

LOGSUMEXP = '''

def _get_batch_logps(logits, labels, average_log_prob=False):
    """gather minus logsumexp, in float64."""
    logits, labels = logits[:, :-1, :].double(), labels[:, 1:]
    mask = labels.ge(0)
    chosen = logits.gather(-1, labels.where(mask, 0)[..., None])[..., 0]
    per_token = (chosen - logits.logsumexp(-1)).masked_fill(~mask, 0.0)
    total = per_token.sum(-1)
    return total / mask.sum(-1) if average_log_prob else total
'''

PRECOMPUTED = '''

def tokenize_by_hand(prompt, text, max_length):
    """Return ids and the number of the prompt's, with plain transformers."""
    prompt_ids = tokenizer(prompt)["input_ids"]
    return (prompt_ids + tokenizer(text[len(prompt) :])["input_ids"])[:max_length], len(prompt_ids)


def collate(rows):
    """Pad rows on the left."""
    padded = tokenizer.pad({"input_ids": [ids for ids, _ in rows]}, return_tensors="pt")
    padded["labels"] = create_labels_from_attention_mask(padded, [n for _, n in rows])
    return padded


def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    """Two forward passes; the reference scores everything before training; a DataLoader."""
    from torch.utils.data import DataLoader

    reset_model_optimizer(model_name, lr)
    orig_model = AutoModelForCausalLM.from_pretrained(model_name).eval()

    def prepared(pairs):
        made = []
        pairs = [*pairs][: 2 * batch_size] if debug else [*pairs]
        for group in DataLoader(pairs, batch_size=batch_size, collate_fn=list):
            chosen = collate([tokenize_by_hand(p, c, max_length) for p, c, _ in group])
            rejected = collate([tokenize_by_hand(p, r, max_length) for p, _, r in group])
            with torch.no_grad():
                before = [get_log_probs(orig_model, side) for side in (chosen, rejected)]
            made.append((chosen, rejected, *before))
        return made

    def loss_of(chosen, rejected, before_chosen, before_rejected):
        return compute_DPO_loss(
            get_log_probs(model, chosen), get_log_probs(model, rejected),
            before_chosen, before_rejected, beta,
        )

    losses = []
    train_batches, test_batches = prepared(train_texts_parallel), prepared(test_texts_parallel)
    del orig_model
    for batch in train_batches * 2:
        loss = loss_of(*batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    total = count = 0
    with torch.no_grad():
        for batch in test_batches:
            total += loss_of(*batch) * len(batch[2])
            count += len(batch[2])
    return {
        "losses": losses, "test_loss": total / count, "test_pairs": count,
        "eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model),
    }
'''

RIGHT = (
    Right("labels and log-probabilities by loops", LABEL_LOOPS),
    Right("labels by positions, cross_entropy, softplus", POSITIONS),
    Right("labels row by row, binary cross-entropy", MASKED_FILL),
    Right("rows padded on the right again", REPADDED),
    Right("one row at a time, without padding", ROW_BY_ROW),
    Right("gather minus logsumexp in float64", LOGSUMEXP),
    Right("two passes, references computed before", PRECOMPUTED),
    Right(
        "one loss a pair",
        changes=(
            (LOSS, LOSS.replace(".mean()", "")),
            (USED, USED.replace("beta=beta)", "beta=beta).mean()")),
        ),
    ),
    Right(
        "a tuple of the loss and the two rewards",
        changes=(
            (
                LOSS,
                LOSS.rstrip().replace("return -", "loss = -")
                + "\n    return loss, beta * policy_gap.detach(), beta * reference_gap\n",
            ),
            (USED, USED.replace("return compute", "loss, *_ = compute") + "    return loss\n"),
        ),
    ),
)
