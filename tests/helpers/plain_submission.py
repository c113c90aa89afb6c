"""The assignment solved with plain PyTorch and transformers, as a good student would solve it.

Wrong and right solutions are this text with a few lines replaced, so it is written to be replaced:
most lines occur once. It imports only what a student's copy of the library has.
"""

import torch
import torch.nn.functional as F
from tqdm import tqdm
from transformers import AutoModelForCausalLM

from a3lib.data import load_pairs, load_reviews
from a3lib.models import choose_device, load_reward_model, load_tokenizer
from a3lib.profiles import get_profile
from a3lib.tokenization import tokenize_completions

SEED_TOKENS = 10

if __name__ == "__main__":
    profile = get_profile()
    device = choose_device()
    model_name = profile.policy
    tokenizer = load_tokenizer(model_name)
    reward_model, reward_tokenizer = load_reward_model(profile.reward_model, device)
    train_texts, test_texts = load_reviews(profile)
    train_texts_parallel, test_texts_parallel = load_pairs(profile)


def count_positions(attention_mask):
    """Number the real tokens of each row from 0."""
    return (attention_mask.cumsum(dim=1) - 1).clamp(min=0)


# Section 1


def compute_reward_for_mini_batch(
    batch, tokenizer, model, reward_tokenizer, reward_model, seed_token_length=10, max_new_tokens=20
):
    seeds = tokenizer(
        list(batch),
        truncation=True,
        max_length=seed_token_length,
        padding="max_length",
        return_tensors="pt",
    ).to(device)
    model.eval()
    with torch.no_grad():
        output_tokens = model.generate(
            input_ids=seeds["input_ids"],
            attention_mask=seeds["attention_mask"],
            do_sample=True,
            top_k=0,
            max_new_tokens=max_new_tokens,
            pad_token_id=tokenizer.eos_token_id,
        )
    # Where all texts have ended, generate stops early.
    missing = seed_token_length + max_new_tokens - output_tokens.shape[1]
    output_tokens = F.pad(output_tokens, (0, missing), value=tokenizer.eos_token_id)
    texts = tokenizer.batch_decode(output_tokens, skip_special_tokens=True)
    encoded = reward_tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(device)
    with torch.no_grad():
        class_logits = reward_model(
            input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]
        ).logits
    reward = class_logits.softmax(dim=-1)[:, 1]
    return reward, output_tokens, texts


def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32):
    rewards, generations = [], []
    loop = tqdm(range(0, len(test_texts), batch_size))
    for i in loop:
        batch = test_texts[i : i + batch_size]
        with torch.no_grad():
            reward, _, texts = compute_reward_for_mini_batch(
                batch, tokenizer, model, reward_tokenizer, reward_model
            )
        rewards.append(reward)
        generations += texts
    return {
        "reward": torch.cat(rewards).mean().item(),
        "generations": generations,
        "rewards": torch.cat(rewards).tolist(),
    }


# Section 2


def masks_of(output_tokens):
    """Return which tokens are text, and which of the generated ones come up to the first EOS."""
    is_end = output_tokens == tokenizer.eos_token_id
    text = (~is_end).long().cumsum(dim=1) > 0
    ends = is_end[:, SEED_TOKENS:].long()
    generated = ends.cumsum(dim=1) - ends == 0
    return text.long(), generated.float()


def log_probs_of(model, output_tokens):
    """Return log p of every next token (B, 30, V)."""
    attention_mask, _ = masks_of(output_tokens)
    outputs = model(
        input_ids=output_tokens,
        attention_mask=attention_mask,
        position_ids=count_positions(attention_mask),
    )
    return F.log_softmax(outputs.logits, dim=-1)


def compute_reinforce_loss(reward, output_tokens, model):
    log_probs = log_probs_of(model, output_tokens)
    sampled = output_tokens[:, SEED_TOKENS:]
    of_sampled = log_probs[:, SEED_TOKENS - 1 : -1].gather(2, sampled.unsqueeze(2)).squeeze(2)
    _, counted = masks_of(output_tokens)
    of_texts = (of_sampled * counted).sum(dim=1)
    loss = -(reward.detach() * of_texts).mean()
    return log_probs, loss


def reset_model_optimizer(model_name, lr=1e-4):
    global model, optimizer
    model = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    return model, optimizer


def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    reset_model_optimizer(model_name, lr)
    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()
    reviews = train_texts[: 2 * batch_size] if debug else train_texts
    losses, rewards, divergences = [], [], []
    for start in tqdm(range(0, len(reviews), batch_size)):
        group = reviews[start : start + batch_size]
        reward, output_tokens, _ = compute_reward_for_mini_batch(
            group, tokenizer, model, reward_tokenizer, reward_model
        )
        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)
        if use_kl_divergence:
            divergence = compute_kl_divergence(log_probs, output_tokens, original)
            divergences.append(divergence.item())
            loss = loss + alpha * divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        rewards.append(reward.mean().item())
    results = {"losses": losses, "rewards": rewards}
    if use_kl_divergence:
        results["kl_divergences"] = divergences
    results["eval_results"] = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return results


# Section 3


def compute_kl_divergence(log_probs_current, output_tokens, orig_model):
    with torch.no_grad():
        log_probs_original = log_probs_of(orig_model, output_tokens)
    current = log_probs_current[:, SEED_TOKENS - 1 : -1]
    before = log_probs_original[:, SEED_TOKENS - 1 : -1]
    at_positions = (current.exp() * (current - before)).sum(dim=2)
    _, divergent = masks_of(output_tokens)
    return (at_positions * divergent).sum(dim=1).mean()


# Section 4


def compute_DPO_loss(
    policy_chosen_logps,
    policy_rejected_logps,
    reference_chosen_logps,
    reference_rejected_logps,
    beta=0.1,
):
    policy_gap = policy_chosen_logps - policy_rejected_logps
    reference_gap = reference_chosen_logps - reference_rejected_logps
    return -F.logsigmoid(beta * (policy_gap - reference_gap)).mean()


def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    real = tokenized_input["attention_mask"]
    labels = tokenized_input["input_ids"].clone()
    lengths = torch.as_tensor(prompt_lengths, device=labels.device).reshape(-1, 1)
    in_completion = (real == 1) & (real.cumsum(dim=1) > lengths)
    labels[~in_completion] = -100
    return labels


def _get_batch_logps(logits, labels, average_log_prob=False):
    targets = labels[:, 1:].clone()
    scored = targets != -100
    targets[~scored] = 0
    next_log_probs = logits[:, :-1].log_softmax(dim=-1)
    per_token = next_log_probs.gather(2, targets.unsqueeze(-1)).squeeze(-1) * scored
    if average_log_prob:
        return per_token.sum(dim=1) / scored.sum(dim=1)
    return per_token.sum(dim=1)


def get_log_probs(model, batch):
    mask = batch["attention_mask"]
    scores = model(
        input_ids=batch["input_ids"], attention_mask=mask, position_ids=count_positions(mask)
    )
    return _get_batch_logps(scores.logits, batch["labels"])


def make_batch(pairs, max_length):
    """Tokenise pairs: the chosen texts, then the rejected ones, with their labels."""
    prompts = [prompt for prompt, _, _ in pairs] * 2
    sides = [chosen for _, chosen, _ in pairs] + [rejected for _, _, rejected in pairs]
    made = tokenize_completions(prompts, sides, tokenizer, max_length)
    made = {key: values.to(device) for key, values in made.items()}
    made["labels"] = create_labels_from_attention_mask(made, made["prompt_lengths"])
    return made


def dpo_loss_of(pairs, reference, beta, max_length):
    """Return the loss of some pairs under the global model and its reference."""
    made = make_batch(pairs, max_length)
    chosen, rejected = get_log_probs(model, made).chunk(2)
    with torch.no_grad():
        reference_chosen, reference_rejected = get_log_probs(reference, made).chunk(2)
    return compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=beta)


def average_dpo_loss(reference, beta, batch_size, max_length, test_pairs):
    """Return the mean loss over all test pairs."""
    total = 0.0
    for j in range(0, len(test_pairs), batch_size):
        part = test_pairs[j : j + batch_size]
        with torch.no_grad():
            total += dpo_loss_of(part, reference, beta, max_length).item() * len(part)
    return total / len(test_pairs)


def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    reset_model_optimizer(model_name, lr)
    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()
    rows = 2 * batch_size if debug else None
    train_pairs, test_pairs = train_texts_parallel[:rows], test_texts_parallel[:rows]
    history = []
    for _epoch in range(2):
        for k in tqdm(range(0, len(train_pairs), batch_size)):
            optimizer.zero_grad()
            pair_loss = dpo_loss_of(train_pairs[k : k + batch_size], reference, beta, max_length)
            pair_loss.backward()
            optimizer.step()
            history.append(pair_loss.item())
    return {
        "losses": history,
        "test_loss": average_dpo_loss(reference, beta, batch_size, max_length, test_pairs),
        "eval_results": evaluate(tokenizer, model, reward_tokenizer, reward_model),
    }
