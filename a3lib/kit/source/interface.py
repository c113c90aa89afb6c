"""The functions that a hand-in has, with their arguments, and the globals that it is given."""

import ast

SIGNATURES = ast.parse("""
def compute_reward_for_mini_batch(batch, tokenizer, model, reward_tokenizer, reward_model,
    seed_token_length=10, max_new_tokens=20): ...
def evaluate(tokenizer, model, reward_tokenizer, reward_model, batch_size=32): ...
def compute_reinforce_loss(reward, output_tokens, model): ...
def reset_model_optimizer(model_name, lr=1e-4): ...
def train(model_name, alpha=.001, lr=1e-4, batch_size=32, use_kl_divergence=False, debug=False): ...
def compute_kl_divergence(log_probs_current, output_tokens, orig_model): ...
def compute_DPO_loss(policy_chosen_logps, policy_rejected_logps,
    reference_chosen_logps, reference_rejected_logps, beta=0.1): ...
def _get_batch_logps(logits, labels, average_log_prob=False): ...
def get_log_probs(model, batch): ...
def create_labels_from_attention_mask(tokenized_input, prompt_lengths): ...
def train_DPO(model_name, beta=0.5, lr=5e-7, batch_size=32, max_length=128, debug=False): ...
""")
FUNCTION_NODES = [node for node in SIGNATURES.body if isinstance(node, ast.FunctionDef)]
REQUIRED_FUNCTIONS = {node.name: tuple(a.arg for a in node.args.args) for node in FUNCTION_NODES}
# How many of a required function's last arguments have a default value.
REQUIRED_DEFAULTS = {node.name: len(node.args.defaults) for node in FUNCTION_NODES}
# The globals that a grader supplies, so a submission's own are not used.
INTERFACE_GLOBALS = frozenset(
    {
        "device",
        "model_name",
        "optimizer",
        "orig_model",
        "tokenizer",
        "model",
        "reward_tokenizer",
        "reward_model",
        "train_texts",
        "test_texts",
        "train_texts_parallel",
        "test_texts_parallel",
    }
)
