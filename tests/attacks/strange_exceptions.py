"""Raise what an `except Exception` lets through, with a message that cannot be had."""


class Lying(BaseException):
    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__


def attack():
    raise Lying


def compute_reinforce_loss(reward, output_tokens, model):
    raise GeneratorExit


def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    raise KeyboardInterrupt
