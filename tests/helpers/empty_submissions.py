"""Submissions that compute nothing: constants, random numbers and inputs, in the right shapes.

None may get a point for it.
"""

HEADER = """
import math
import random
import torch

def leaf(values):
    return values.requires_grad_() if GRADIENTS else values
"""

SHAPES = """
def compute_reward_for_mini_batch(batch, *tools, **sizes):
    texts = [text + " the" for text in batch]
    return leaf(made(len(batch))), made(len(batch), 30).long(), texts

def evaluate(*tools, batch_size=32):
    texts = [text + " the" if SIGNED else text for text in test_texts]
    return {"reward": made(1).item(), "generations": texts, "rewards": history(len(texts))}

def compute_reinforce_loss(reward, output_tokens, model):
    return leaf(made(*output_tokens.shape, model.config.vocab_size)), leaf(made(1)).sum()

def reset_model_optimizer(model_name, lr=1e-4):
    return model, optimizer

def history(count):
    return made(count).tolist()

def train(model_name, alpha=.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False):
    count = math.ceil(len(train_texts) / batch_size)
    return {
        "losses": history(count), "rewards": history(count), "kl_divergences": history(count),
        "eval_results": evaluate(),
    }

def compute_kl_divergence(log_probs_current, output_tokens, orig_model):
    return leaf(made(1)).sum()

def compute_DPO_loss(chosen, rejected, of_chosen, of_rejected, beta=0.1):
    return leaf(made(1)).sum()

def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    return made(*tokenized_input["input_ids"].shape).long()

def _get_batch_logps(logits, labels, average_log_prob=False):
    return leaf(made(len(labels)))

def get_log_probs(model, batch):
    return leaf(made(len(batch["labels"])))

def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False):
    count = 2 * math.ceil(len(train_texts_parallel) / batch_size)
    losses = [math.log(2) - 0.01 * n for n in range(count)]
    return {"losses": losses, "test_loss": made(1).item(), "eval_results": evaluate()}
"""

INPUTS = """
def compute_reward_for_mini_batch(batch, tokenizer, *tools, **sizes):
    rows = [tokenizer(text)["input_ids"] for text in batch]
    tokens = torch.tensor([(row * 30)[:30] for row in rows])
    return torch.rand(len(batch)), tokens, list(batch)

def compute_reinforce_loss(reward, output_tokens, model):
    return output_tokens, reward.mean()

def compute_kl_divergence(log_probs_current, output_tokens, orig_model):
    return log_probs_current.mean()

def compute_DPO_loss(chosen, rejected, of_chosen, of_rejected, beta=0.1):
    return chosen.mean()

def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    return tokenized_input["input_ids"]

def _get_batch_logps(logits, labels, average_log_prob=False):
    return logits.sum(dim=(1, 2))

def get_log_probs(model, batch):
    return model(batch["input_ids"]).logits.sum(dim=(1, 2))
"""

CONSTANT = "\n".join(
    f"def {name}(*arguments, **more):\n    return VALUE\n"
    for name in (
        "compute_reward_for_mini_batch",
        "evaluate",
        "compute_reinforce_loss",
        "reset_model_optimizer",
        "train",
        "compute_kl_divergence",
        "compute_DPO_loss",
        "create_labels_from_attention_mask",
        "_get_batch_logps",
        "get_log_probs",
        "train_DPO",
    )
)


def in_shape(values: str, gradients: bool = False, signed: bool = True) -> str:
    """Return a stub whose tensors have the right shapes and are made by `values`."""
    settings = f"GRADIENTS = {gradients}\nSIGNED = {signed}\n"
    return f"{HEADER}{settings}\ndef made(*shape):\n    return torch.{values}\n{SHAPES}"


STUBS = {
    "None": f"VALUE = None\n{CONSTANT}",
    "0": f"VALUE = 0.0\n{CONSTANT}",
    "a tensor of one number": f"import torch\nVALUE = torch.zeros(())\n{CONSTANT}",
    "the first argument": CONSTANT.replace("return VALUE", "return arguments[0]"),
    "empty dicts and tuples": f"VALUE = ()\n{CONSTANT}",
    "zeros in shape": in_shape("zeros(*shape)"),
    "ones in shape": in_shape("ones(*shape)", gradients=True, signed=False),
    "halves in shape": in_shape("full(shape, 0.5)", gradients=True),
    "-100 in shape": in_shape("full(shape, -100.0)"),
    "random in shape": in_shape("rand(*shape)", gradients=True),
    "random words in shape": in_shape("rand(*shape) * 700"),
    "normal in shape": in_shape("randn(*shape)", gradients=True, signed=False),
    "not a number in shape": in_shape("full(shape, math.nan)", gradients=True),
    "inputs as they are": in_shape("rand(*shape)") + INPUTS,
}
