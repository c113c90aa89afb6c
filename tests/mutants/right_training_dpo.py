"""Correct ways around train_DPO, get_log_probs and the pairs, written differently."""

# Lines of the plain solution stand here on one line.
# ruff: noqa: E501

from helpers.solutions import Right, replaced
from mutants.right_training import CACHED, EVALUATION, NOTEBOOK, STEPWISE, ZIPPED_EVALUATION

REFERENCE = "    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
STEP = """            optimizer.zero_grad()
            pair_loss = dpo_loss_of(train_pairs[k : k + batch_size], reference, beta, max_length)
            pair_loss.backward()
            optimizer.step()
"""
SCORES = """    chosen, rejected = get_log_probs(model, made).chunk(2)
    with torch.no_grad():
        reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)
"""
RETURNED = """    return {
        "losses": history,
        "test_loss": average_dpo_loss(reference, beta, batch_size, max_length, test_pairs),
"""

# The notebook's own way: tokenised batches, cached reference scores, one loop over both epochs.
NOTEBOOK_DPO = """

from a3lib.models import load_reference
from a3lib.tokenization import tokenize_sides
from a3lib.util.batching import batches, progress


def make_batches(pairs, batch_size, max_length):
    tokenized_batches = []
    for batch in batches(pairs, batch_size):
        tokenized = tokenize_sides(batch, tokenizer, max_length, device)
        labels = create_labels_from_attention_mask(tokenized, tokenized["prompt_lengths"])
        tokenized_batches.append(tokenized | {"labels": labels})
    return tokenized_batches


def loss_of_batch(batch, reference_logps, beta):
    policy_chosen, policy_rejected = get_log_probs(model, batch).chunk(2)
    chosen, rejected = reference_logps.chunk(2)
    return compute_DPO_loss(policy_chosen, policy_rejected, chosen, rejected, beta=beta)


def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    torch.manual_seed(42)
    reset_model_optimizer(model_name, lr)
    orig_model = load_reference(model_name, device)
    rows = 2 * batch_size if debug else None
    train_batches = make_batches(train_texts_parallel[:rows], batch_size, max_length)
    test_batches = make_batches(test_texts_parallel[:rows], batch_size, max_length)
    with torch.no_grad():
        train_reference = [get_log_probs(orig_model, batch) for batch in train_batches]
        test_reference = [get_log_probs(orig_model, batch) for batch in test_batches]
    history = {"losses": []}
    for epoch in range(2):
        loop = progress([*zip(train_batches, train_reference)], f"epoch {epoch + 1}")
        for batch, reference_logps in loop:
            loss = loss_of_batch(batch, reference_logps, beta)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history["losses"].append(loss.item())
            loop.set_postfix(loss=f"{loss.item():.3f}")
    test_loss, test_count = 0.0, 0
    with torch.no_grad():
        for batch, reference_logps in zip(test_batches, test_reference):
            size = len(reference_logps) // 2
            test_loss += loss_of_batch(batch, reference_logps, beta).item() * size
            test_count += size
    history["test_loss"] = test_loss / test_count
    history["eval_results"] = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return history
"""

# Chosen and rejected texts apart, the ids joined by hand, four forward passes a step.
TWO_SIDES = '''

def encode(prompt, text, max_length):
    """Return the ids of a text that begins with its prompt, and how many are the prompt's."""
    prompt_ids = tokenizer(prompt).input_ids
    completion_ids = tokenizer(text[len(prompt):]).input_ids
    return (prompt_ids + completion_ids)[:max_length], len(prompt_ids)


def side_batch(prompts, texts, max_length):
    """Return one side of some pairs, padded on the left, with its labels."""
    encoded = [encode(prompt, text, max_length) for prompt, text in zip(prompts, texts)]
    width = max(len(ids) for ids, _ in encoded)
    input_ids = torch.full((len(encoded), width), tokenizer.pad_token_id)
    attention_mask = torch.zeros(len(encoded), width, dtype=torch.long)
    for row, (ids, _) in enumerate(encoded):
        input_ids[row, width - len(ids):] = torch.tensor(ids)
        attention_mask[row, width - len(ids):] = 1
    batch = {"input_ids": input_ids.to(device), "attention_mask": attention_mask.to(device)}
    prompt_lengths = torch.tensor([length for _, length in encoded])
    batch["labels"] = create_labels_from_attention_mask(batch, prompt_lengths)
    return batch


def pair_loss(policy, reference, batch, beta, max_length):
    prompts = [pair[0] for pair in batch]
    chosen = side_batch(prompts, [pair[1] for pair in batch], max_length)
    rejected = side_batch(prompts, [pair[2] for pair in batch], max_length)
    policy_chosen_logps = get_log_probs(policy, chosen)
    policy_rejected_logps = get_log_probs(policy, rejected)
    with torch.no_grad():
        reference_chosen_logps = get_log_probs(reference, chosen)
        reference_rejected_logps = get_log_probs(reference, rejected)
    return compute_DPO_loss(
        policy_chosen_logps,
        policy_rejected_logps,
        reference_chosen_logps,
        reference_rejected_logps,
        beta=beta,
    )


def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    import copy
    import random

    reset_model_optimizer(model_name, lr)
    ref_model = copy.deepcopy(model)
    ref_model.eval()
    for p in ref_model.parameters():
        p.requires_grad = False
    train_data, test_data = list(train_texts_parallel), list(test_texts_parallel)
    if debug:
        train_data, test_data = train_data[: 2 * batch_size], test_data[: 2 * batch_size]
    losses = []
    for epoch in range(2):
        random.shuffle(train_data)
        model.train()
        for i in tqdm(range(0, len(train_data), batch_size)):
            batch = train_data[i : i + batch_size]
            loss = pair_loss(model, ref_model, batch, beta, max_length)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    model.eval()
    test_losses, sizes = [], []
    with torch.no_grad():
        for i in range(0, len(test_data), batch_size):
            batch = test_data[i : i + batch_size]
            test_losses.append(pair_loss(model, ref_model, batch, beta, max_length))
            sizes.append(len(batch))
    weights = torch.tensor(sizes) / sum(sizes)
    test_loss = (torch.stack(test_losses).cpu() * weights).sum().item()
    eval_results = evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=batch_size)
    return {"losses": losses, "test_loss": test_loss, "eval_results": eval_results}
'''

# The handout's batches: each side's labels under a key of its own.
SIDE_LABELS = '''

def get_log_probs(model, batch):
    """The labels may be those of a whole batch, or of one of its sides."""
    for key in ("labels", "chosen_labels", "rejected_labels"):
        if key in batch:
            labels = batch[key]
            break
    mask = batch["attention_mask"]
    position_ids = (mask.long().cumsum(-1) - 1).masked_fill(mask == 0, 0)
    logits = model(
        input_ids=batch["input_ids"], attention_mask=mask, position_ids=position_ids
    ).logits
    return _get_batch_logps(logits, labels, average_log_prob=False)
'''

HANDOUT_KEYS = (
    SIDE_LABELS
    + '''

def collate_fn(pairs, max_length=128):
    """One dictionary with both sides under the handout's names."""
    batch = {}
    for index, side in ((1, "chosen"), (2, "rejected")):
        made = tokenize_completions(
            [pair[0] for pair in pairs], [pair[index] for pair in pairs], tokenizer, max_length
        )
        labels = create_labels_from_attention_mask(made, made["prompt_lengths"])
        batch[f"{side}_input_ids"] = made["input_ids"].to(device)
        batch[f"{side}_attention_mask"] = made["attention_mask"].to(device)
        batch[f"{side}_labels"] = labels.to(device)
    return batch


def side_of(batch, side):
    return {
        "input_ids": batch[f"{side}_input_ids"],
        "attention_mask": batch[f"{side}_attention_mask"],
        f"{side}_labels": batch[f"{side}_labels"],
    }


def batch_loss(batch, reference, beta):
    chosen, rejected = side_of(batch, "chosen"), side_of(batch, "rejected")
    with torch.no_grad():
        before = [get_log_probs(reference, side) for side in (chosen, rejected)]
    now = [get_log_probs(model, side) for side in (chosen, rejected)]
    return compute_DPO_loss(*now, *before, beta=beta)


def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    from functools import partial

    from torch.utils.data import DataLoader

    reset_model_optimizer(model_name, lr)
    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()
    collate = partial(collate_fn, max_length=max_length)
    rows = 2 * batch_size if debug else None
    train_loader = DataLoader(
        train_texts_parallel[:rows], batch_size=batch_size, shuffle=True, collate_fn=collate
    )
    test_loader = DataLoader(
        test_texts_parallel[:rows], batch_size=batch_size, shuffle=False, collate_fn=collate
    )
    losses = []
    for _ in range(2):
        for batch in train_loader:
            loss = batch_loss(batch, reference, beta)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in test_loader:
            rows = batch["chosen_labels"].shape[0]
            total += rows * batch_loss(batch, reference, beta).item()
            count += rows
    evaluation = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return {"losses": losses, "test_loss": total / count, "eval_results": evaluation}
'''
)

# The handout's other habit: one batch with both sides' rows, and all three kinds of labels in it.
LABELS_BESIDE = """

def make_batch(pairs, max_length):
    prompts = [prompt for prompt, _, _ in pairs] * 2
    sides = [chosen for _, chosen, _ in pairs] + [rejected for _, _, rejected in pairs]
    made = tokenize_completions(prompts, sides, tokenizer, max_length)
    labels = create_labels_from_attention_mask(made, made["prompt_lengths"])
    return {
        "input_ids": made["input_ids"].to(device),
        "attention_mask": made["attention_mask"].to(device),
        "labels": labels.to(device),
        "chosen_labels": labels[: len(pairs)].to(device),
        "rejected_labels": labels[len(pairs):].to(device),
    }
"""

# Both sides are tokenised apart and joined to one forward pass, as in the authors' own code.
CONCATENATED = """

def pad_to(values, width, filler):
    return F.pad(values, (width - values.shape[1], 0), value=filler)


def concatenated_inputs(pairs, max_length):
    sides = []
    for index in (1, 2):
        made = tokenize_completions(
            [pair[0] for pair in pairs], [pair[index] for pair in pairs], tokenizer, max_length
        )
        made["labels"] = create_labels_from_attention_mask(made, made["prompt_lengths"])
        sides.append(made)
    width = max(side["input_ids"].shape[1] for side in sides)
    fillers = {"input_ids": tokenizer.pad_token_id, "attention_mask": 0, "labels": -100}
    return {
        key: torch.cat([pad_to(side[key], width, filler) for side in sides]).to(device)
        for key, filler in fillers.items()
    }


def concatenated_forward(policy, pairs, max_length):
    all_logps = get_log_probs(policy, concatenated_inputs(pairs, max_length))
    return all_logps[: len(pairs)], all_logps[len(pairs):]


def dpo_loss_of(pairs, reference, beta, max_length):
    policy_chosen_logps, policy_rejected_logps = concatenated_forward(model, pairs, max_length)
    with torch.no_grad():
        before_chosen, before_rejected = concatenated_forward(reference, pairs, max_length)
    return compute_DPO_loss(
        policy_chosen_logps=policy_chosen_logps, policy_rejected_logps=policy_rejected_logps,
        reference_chosen_logps=before_chosen, reference_rejected_logps=before_rejected, beta=beta,
    )
"""

PADDED_RIGHT = '''

def make_batch(pairs, max_length):
    """Rows padded on the right, where positions count by themselves."""
    rows, lengths = [], []
    for index in (1, 2):
        for pair in pairs:
            prompt_ids = tokenizer(pair[0]).input_ids
            rows.append((prompt_ids + tokenizer(pair[index][len(pair[0]):]).input_ids)[:max_length])
            lengths.append(len(prompt_ids))
    width = max(map(len, rows))
    made = {
        "input_ids": [row + [tokenizer.pad_token_id] * (width - len(row)) for row in rows],
        "attention_mask": [[1] * len(row) + [0] * (width - len(row)) for row in rows],
    }
    made = {key: torch.tensor(values, device=device) for key, values in made.items()}
    made["labels"] = create_labels_from_attention_mask(made, torch.tensor(lengths))
    return made
'''

MICRO_BATCHES = '''

def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    """Each pair is scored by itself; a batch's gradients add up to one step."""
    reset_model_optimizer(model_name, lr)
    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()
    reference.requires_grad_(False)
    limit = 2 * batch_size if debug else None
    pairs, test_pairs = train_texts_parallel[:limit], test_texts_parallel[:limit]
    losses = []
    for start in [*range(0, len(pairs), batch_size)] * 2:
        batch = pairs[start : start + batch_size]
        optimizer.zero_grad()
        of_batch = 0.0
        for pair in batch:
            loss = dpo_loss_of([pair], reference, beta, max_length).mean() / len(batch)
            loss.backward()
            of_batch += loss.item()
        optimizer.step()
        losses.append(of_batch)
    with torch.inference_mode():
        each = [dpo_loss_of([pair], reference, beta, max_length).mean().item() for pair in test_pairs]
    return dict(
        losses=losses,
        test_loss=sum(each) / len(each),
        eval_results=evaluate(tokenizer, model, reward_tokenizer, reward_model),
    )
'''

BY_LENGTH = '''

from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    """Pairs in the order of their length, so that rows need little padding."""

    def __init__(self, pairs):
        self.pairs = sorted(pairs, key=lambda pair: len(pair[1]) + len(pair[2]))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[index]


def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    policy, opt = reset_model_optimizer(model_name, lr=lr)
    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device)
    reference.eval()
    count = 2 * batch_size if debug else len(train_texts_parallel)
    loader = DataLoader(
        Pairs(train_texts_parallel[:count]), batch_size=batch_size, shuffle=True, collate_fn=list,
        generator=torch.Generator().manual_seed(1),
    )
    tests = Pairs(test_texts_parallel[: 2 * batch_size] if debug else test_texts_parallel)
    results = {"losses": [], "epochs": []}
    for epoch in range(1, 3):
        for pairs in loader:
            loss = dpo_loss_of(pairs, reference, beta, max_length)
            opt.zero_grad(set_to_none=False)
            loss.backward()
            opt.step()
            results["losses"].append(loss.detach().numpy().item())
            results["epochs"].append(epoch)
    with torch.no_grad():
        sums = [
            len(pairs) * dpo_loss_of(pairs, reference, beta, max_length)
            for pairs in DataLoader(tests, batch_size=64, collate_fn=list)
        ]
    results["test_loss"] = torch.stack(sums).sum() / len(tests)
    results["eval_results"] = evaluate(tokenizer, policy, reward_tokenizer, reward_model)
    return results
'''

# One dictionary with both sides; get_log_probs takes it as well as the batches of its docstring.
BOTH_SIDES = """

def get_log_probs(model, batch):
    if "chosen_input_ids" in batch:
        return torch.cat([get_log_probs(model, side_of(batch, side)) for side in SIDES])
    mask = batch["attention_mask"]
    logits = model(batch["input_ids"], attention_mask=mask, position_ids=count_positions(mask)).logits
    return _get_batch_logps(logits, batch["labels"])


SIDES = ("chosen", "rejected")


def side_of(batch, side):
    return {key: batch[f"{side}_{key}"] for key in ("input_ids", "attention_mask", "labels")}


def make_batch(pairs, max_length):
    both = {}
    for index, side in enumerate(SIDES, start=1):
        made = tokenize_completions(
            [pair[0] for pair in pairs], [pair[index] for pair in pairs], tokenizer, max_length
        )
        made["labels"] = create_labels_from_attention_mask(made, made["prompt_lengths"])
        both |= {f"{side}_{key}": values.to(device) for key, values in made.items()}
    return both
"""

# The loop's own forward pass, without get_log_probs.
OWN_FORWARD = """

def scores_of(policy, made):
    logits = policy(
        input_ids=made["input_ids"],
        attention_mask=made["attention_mask"],
        position_ids=count_positions(made["attention_mask"]),
    ).logits
    return _get_batch_logps(logits, made["labels"])


def dpo_loss_of(pairs, reference, beta, max_length):
    made = make_batch(pairs, max_length)
    chosen, rejected = scores_of(model, made).split(len(pairs))
    with torch.no_grad():
        before = scores_of(reference, made)
    return compute_DPO_loss(chosen, rejected, before[: len(pairs)], before[len(pairs) :], beta)
"""

RIGHT = (
    Right("one dictionary with both sides, scores of all rows", BOTH_SIDES),
    Right(
        "one dictionary with both sides, scores in two parts",
        replaced(
            BOTH_SIDES,
            (
                "        return torch.cat([get_log_probs(model, side_of(batch, side)) for side in SIDES])\n",
                "        return tuple(get_log_probs(model, side_of(batch, side)) for side in SIDES)\n",
            ),
        ),
        changes=((SCORES, SCORES.replace(".chunk(2)", "")),),
    ),
    Right("the loop's own forward pass", OWN_FORWARD),
    Right("pairs as the notebook batches them", NOTEBOOK_DPO),
    Right("each side by itself, ids joined by hand", TWO_SIDES),
    Right("labels of each side under the handout's keys", HANDOUT_KEYS),
    Right("labels of both sides beside the labels of all rows", LABELS_BESIDE),
    Right("get_log_probs that knows the keys of each side", SIDE_LABELS + NOTEBOOK_DPO),
    Right("both sides joined to one forward pass", CONCATENATED),
    Right("pairs padded on the right", PADDED_RIGHT),
    Right("one pair at a time that add up to a step", MICRO_BATCHES),
    Right("a Dataset in the order of length", BY_LENGTH),
    Right("a Dataset in the order of length, both sides joined", BY_LENGTH + CONCATENATED),
    Right("weights loaded once, each side by itself", CACHED + TWO_SIDES),
    Right("everything as the notebook does it", EVALUATION + NOTEBOOK + NOTEBOOK_DPO),
    Right("everything in small functions", ZIPPED_EVALUATION + STEPWISE + CONCATENATED + TWO_SIDES),
    Right(
        "scaler and autocast, off without a GPU",
        changes=(
            (
                STEP,
                """            scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, enabled=device.type == "cuda"):
                pair_loss = dpo_loss_of(
                    pairs=train_pairs[k : k + batch_size], reference=reference, beta=beta,
                    max_length=max_length,
                )
            scaler.scale(pair_loss).backward()
            scaler.step(optimizer)
            scaler.update()
""",
            ),
        ),
    ),
    Right(
        "a warm-up that starts above zero",
        changes=(
            (
                REFERENCE + "    rows",
                REFERENCE
                + "    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.5, 1.0, total_iters=2)\n    rows",
            ),
            (STEP, STEP + "            warmup.step()\n"),
        ),
    ),
    Right(
        "reference frozen before training, no no_grad",
        changes=(
            ("import torch\nimport", "import copy\n\nimport torch\nimport"),
            (
                REFERENCE + "    rows",
                "    reference = copy.deepcopy(model).eval().requires_grad_(False)\n    rows",
            ),
            (
                SCORES,
                """    chosen, rejected = get_log_probs(model, made).chunk(2)
    reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)
""",
            ),
        ),
    ),
    Right(
        "test loss of larger batches, as a tensor, with more in the results",
        changes=(
            (
                RETURNED,
                """    test_loss = average_dpo_loss(reference, beta, 64, max_length, test_pairs)
    return {
        "losses": torch.tensor(history),
        "test_loss": torch.tensor(test_loss),
        "beta": beta,
        "test_pairs": len(test_pairs),
""",
            ),
        ),
    ),
    Right(
        "evaluation before the test loss",
        changes=(
            (
                RETURNED,
                """    after = evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=batch_size)
    return {
        "losses": history,
        "test_loss": average_dpo_loss(reference, beta, batch_size, max_length, test_pairs),
""",
            ),
            (
                '        "eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model),\n',
                '        "eval_results": after,\n',
            ),
        ),
    ),
)
