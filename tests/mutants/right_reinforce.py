"""Correct solutions of section 2, written differently."""

from helpers.solutions import Right

CROSS_ENTROPY = '''

def compute_reinforce_loss(reward, output_tokens, model):
    """cross_entropy with reduction none."""
    logits = model(output_tokens).logits
    negative = F.cross_entropy(
        logits[:, 9:29].reshape(-1, logits.shape[-1]), output_tokens[:, 10:].reshape(-1),
        reduction="none",
    ).view(len(output_tokens), 20)
    return torch.log_softmax(logits, -1), torch.mean(reward.detach() * negative.sum(-1))
'''

LOGSUMEXP = '''

def compute_reinforce_loss(reward, output_tokens, model):
    """The chosen logit minus logsumexp, over all 29 positions that have a prediction."""
    logits = model(input_ids=output_tokens).logits
    chosen = torch.gather(logits[:, :-1], 2, output_tokens[:, 1:, None])[..., 0]
    scores = chosen - logits[:, :-1].logsumexp(dim=-1)
    log_probs = logits - logits.logsumexp(dim=-1, keepdim=True)
    return log_probs, (-scores.sum(dim=1) * reward.detach()).sum() / len(reward)


def compute_kl_divergence(log_probs_current, output_tokens, orig_model):
    """Also over 29 positions."""
    with torch.no_grad():
        before = torch.log_softmax(orig_model(input_ids=output_tokens).logits, dim=-1)
    terms = log_probs_current.exp() * (log_probs_current - before)
    return terms[:, :-1].sum(dim=(1, 2)).mean()
'''

LOOPS = '''

def compute_reinforce_loss(reward, output_tokens, model):
    """Python loops; each row by itself and without its padding."""
    all_rows, total = [], 0.0
    for row, value in zip(output_tokens, reward.tolist()):
        padding = 0
        while row[padding] == tokenizer.eos_token_id and padding < 9:
            padding += 1
        log_probs = model(row[padding:].unsqueeze(0)).logits[0].log_softmax(-1)
        for t in range(10 - padding, 30 - padding):
            total = total - value * log_probs[t - 1, row[padding + t]]
        all_rows.append(F.pad(log_probs, (0, 0, padding, 0)))
    return torch.stack(all_rows), total / len(output_tokens)
'''

CATEGORICAL = '''

def compute_reinforce_loss(reward, output_tokens, model):
    """torch.distributions.Categorical."""
    attention_mask, counted = masks_of(output_tokens)
    logits = model(
        output_tokens, attention_mask=attention_mask, position_ids=count_positions(attention_mask)
    ).logits
    policy = torch.distributions.Categorical(logits=logits[:, 9:-1])
    log_prob = policy.log_prob(output_tokens[:, 10:]) * counted
    log_probs = torch.distributions.Categorical(logits=logits).logits
    with torch.no_grad():
        weight = -reward / reward.numel()
    return log_probs, torch.dot(weight, log_prob.sum(1).to(weight.dtype))


def compute_kl_divergence(log_probs_current, output_tokens, orig_model):
    """torch.distributions.kl_divergence."""
    attention_mask, counted = masks_of(output_tokens)
    with torch.no_grad():
        logits = orig_model(
            output_tokens,
            attention_mask=attention_mask,
            position_ids=count_positions(attention_mask),
        ).logits
    p = torch.distributions.Categorical(logits=log_probs_current[:, 9:-1])
    q = torch.distributions.Categorical(logits=logits[:, 9:-1])
    return (torch.distributions.kl_divergence(p, q) * counted).sum(1).mean()
'''

FUNCTIONAL = '''

def compute_reinforce_loss(reward, output_tokens, model):
    """functional_call for the model and vmap for the texts."""
    weights = dict(model.named_parameters())
    logits = torch.func.functional_call(model, weights, (output_tokens,)).logits
    log_probs = logits.log_softmax(dim=-1)

    def of_text(rows, tokens, value):
        return -value * torch.take_along_dim(rows[9:29], tokens[10:, None], dim=1).sum()

    losses = torch.func.vmap(of_text)(log_probs, output_tokens, reward.detach())
    return log_probs, losses.mean()
'''

ONE_HOT = '''

def compute_reinforce_loss(reward, output_tokens, model):
    """Labels of -100 for the seed, one-hot vectors, and a loss in float64."""
    attention_mask, counted = masks_of(output_tokens)
    log_probs = log_probs_of(model, output_tokens)
    labels = output_tokens.clone()
    labels[:, :10] = -100
    wanted = labels[:, 1:] >= 0
    picked = (F.one_hot(output_tokens[:, 1:], log_probs.shape[-1]) * log_probs[:, :-1]).sum(-1)
    picked = torch.where(wanted, picked, torch.zeros_like(picked)).double()
    picked[:, 9:] = picked[:, 9:] * counted
    losses = [-r * s for r, s in zip(reward.detach(), picked.sum(1))]
    return log_probs, sum(losses) / len(losses)
'''

GLOBALS_ONLY = '''

def reset_model_optimizer(model_name, lr=1e-4):
    """Sets the globals and returns nothing; loads weights into the model that is there."""
    global model, optimizer
    from a3lib.models import load_policy

    model = load_policy(model_name, device)
    optimizer = torch.optim.Adam(params=model.parameters(), lr=lr, betas=(0.9, 0.95))
'''

LOCALS_ONLY = '''

def reset_model_optimizer(model_name, lr=1e-4):
    """Returns the two and sets no globals; weights and biases in two groups."""
    model = AutoModelForCausalLM.from_pretrained(model_name)
    model.to(device)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": others, "weight_decay": 0.0}, {"params": decayed, "weight_decay": 0.01}]
    return model, torch.optim.AdamW(groups, lr=lr)


def train(model_name, alpha=0.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    """Locals for model and optimizer; gradients are clipped; dropout is on in the steps alone."""
    from torch.utils.data import DataLoader

    model, optimizer = reset_model_optimizer(model_name, lr=lr)
    if use_kl_divergence:
        orig_model, _ = reset_model_optimizer(model_name)
        orig_model.eval()
        for p in orig_model.parameters():
            p.requires_grad = False
    history = {"losses": [], "rewards": [], "kl_divergences": []}
    texts = train_texts[:64] if debug else train_texts
    for step, batch in enumerate(DataLoader(texts, batch_size=batch_size, shuffle=True)):
        model.eval()
        reward, output_tokens, generations = compute_reward_for_mini_batch(
            batch, tokenizer, model, reward_tokenizer, reward_model
        )
        model.train()
        log_probs, loss = compute_reinforce_loss(reward, output_tokens, model)
        total = loss
        if use_kl_divergence:
            kl = compute_kl_divergence(log_probs, output_tokens, orig_model=orig_model)
            history["kl_divergences"].append(kl.detach())
            total = total + alpha * kl
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        history["losses"].append(loss.detach())
        history["rewards"].append(reward.mean())
    model.eval()
    eval_results = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return {**history, "eval_results": eval_results, "model": model}


def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    """Locals here as well; the order of the pairs is drawn anew each epoch."""
    import random

    model, optimizer = reset_model_optimizer(model_name, lr)
    model.eval()
    reference, _ = reset_model_optimizer(model_name, lr)
    reference.eval().requires_grad_(False)

    def loss_of(pairs):
        made = make_batch(pairs, max_length)
        scores, before = get_log_probs(model, made), get_log_probs(reference, made)
        n = len(pairs)
        return compute_DPO_loss(scores[:n], scores[n:], before[:n], before[n:], beta)

    losses = []
    for epoch in range(2):
        order = [*range(len(train_texts_parallel))]
        random.Random(epoch).shuffle(order)
        for i in range(0, len(order), batch_size):
            loss = loss_of([train_texts_parallel[j] for j in order[i : i + batch_size]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    tests = list(test_texts_parallel)
    groups = [tests[i : i + batch_size] for i in range(0, len(tests), batch_size)]
    with torch.no_grad():
        test_loss = sum(loss_of(group) * len(group) / len(tests) for group in groups)
    results = evaluate(tokenizer, model, reward_tokenizer, reward_model)
    return {"losses": torch.stack(losses), "test_loss": test_loss, "eval_results": results}
'''

RIGHT = (
    Right("cross_entropy with reduction none", CROSS_ENTROPY),
    Right("gather minus logsumexp, over 29 positions", LOGSUMEXP, positions=("29", "either")),
    Right("Python loops over texts without their padding", LOOPS),
    Right("Categorical and its kl_divergence", CATEGORICAL),
    Right("functional_call and vmap", FUNCTIONAL),
    Right("one-hot vectors and labels", ONE_HOT),
    Right("a reset that sets globals and returns nothing, with Adam", GLOBALS_ONLY),
    Right("a reset that returns and sets no globals, clipped gradients, dropout", LOCALS_ONLY),
    Right(
        "RMSprop",
        changes=(
            (
                "torch.optim.AdamW(model.parameters(), lr=lr)",
                "torch.optim.RMSprop(model.parameters(), lr=lr)",
            ),
        ),
    ),
)
