"""What is right for the training loop of `train_DPO`: the instructor's part."""

import math
from collections.abc import Callable
from typing import Any

from a3lib.kit.checks.answers.loop_mistakes import (
    BY_HAND,
    CUT_OFF,
    DECAYED,
    ELSEWHERE,
    EVALUATED,
    FOLLOWS,
    HELD,
    KEPT,
    LEFT_UNTRAINED,
    MOST_DECAY,
    NONE,
    NOT_DIFFERENTIATED,
    OF_ADAMW,
    OTHER_OPTIMIZER,
    PILED,
    RATE,
    REBUILT,
    REFERENCE_IN_TRAINING,
    SOME,
    SOME_WITHOUT,
    STILL,
    TURNED,
    last_batch_dropped,
    not_called,
    of_another_call,
    of_history,
    of_step_count,
    receipt,
    step_count,
    too_little,
)
from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.catalogue import Check

LN_2 = math.log(2)
# What beta is unless it is given, in compute_DPO_loss and in train_DPO.
DEFAULT_BETAS = (0.1, 0.5)


NOT_CALLED = not_called("compute_DPO_loss", losses_asked_for=0.0)
OTHER_ROWS = mistake(
    "rows that are not the pairs' texts",
    "a row is a prompt with one completion: a pair's texts begin with the prompt already.",
    rows_of_other_texts={"from": 1},
)
CHANGED = mistake(
    "log-probabilities are changed",
    "give compute_DPO_loss the policy's sums as get_log_probs returns them: it multiplies by beta.",
    scores_changed={"from": 1},
)
MIXED_UP = mistake(
    "policy and reference swapped",
    "the policy's log-probabilities come first, and only they need a gradient.",
    models_mixed_up={"from": 1},
)
SIDES = [
    mistake(
        "chosen and rejected swapped",
        "the chosen texts' log-probabilities come first.",
        sides_swapped={"from": 1},
        pairs_mixed={"to": 0},
        sides_same={"to": 0},
    ),
    mistake(
        "chosen and rejected of different pairs",
        "row n of the chosen and row n of the rejected are the texts of one pair.",
        pairs_mixed={"from": 1},
    ),
    mistake(
        "one side twice",
        "give compute_DPO_loss the chosen and the rejected texts' log-probabilities.",
        sides_same={"from": 1},
    ),
]
ONE_SIDE_READ = mistake(
    "one side twice",
    "give compute_DPO_loss the chosen and the rejected texts' log-probabilities.",
    rejected_read=0.0,
    asked_for_scores=1.0,
)
REFERENCES = [
    mistake(
        "no reference",
        "subtract the original's log-probabilities of the same texts.",
        without_reference={"from": 1},
    ),
    mistake(
        "reference scores of another kind",
        "they are what get_log_probs gives for the original model: sums over the same tokens.",
        references_strange={"from": 1},
    ),
    mistake(
        "reference scores of other pairs",
        "the reference's log-probabilities are of the same texts as the policy's.",
        references_mixed={"from": 1},
    ),
]


def history(check: Check) -> Expected:
    """Return that two epochs go over all training pairs and are recorded: handout, section 4."""
    rows = check.inputs["pairs"][0]
    per_epoch, _ = step_count(check, rows)
    right = {
        "losses_count": 2 * per_epoch,
        "steps": 2 * per_epoch,
        "has_evaluation": 1.0,
        "start_off_checkpoint": NONE,
        "rows_of_test": 0.0,
        "rows_never_trained": 0.0,
        "evaluation_cut": 0.0,
        "global_model_off": NONE,
    }
    if check.inputs["stand_ins"] == "count":
        right |= {"asked_for_scores_in_training": 0.0, "receipt": receipt(rows, 2)}
        right |= {"evaluation_off": NONE}
        return {"right": right, "mistakes": []}
    right |= {
        "rows_not_twice": 0.0,
        "pairs_mixed": 0.0,
        "sides_same": 0.0,
        "references_mixed": 0.0,
        "receipt": receipt(rows, 2),
        "beta_off_in_training": NONE,
        "slopes": [1.0] * int(2 * per_epoch),
        "direction_off": NONE,
        "losses_off": NONE,
        "evaluation_off": NONE,
        "weights_moved_outside_steps": NONE,
        "first_step": OF_ADAMW,
    }
    named = [
        NOT_CALLED,
        *HELD,
        KEPT,
        *REBUILT,
        OTHER_ROWS,
        MIXED_UP,
        CHANGED,
        *SIDES,
        *REFERENCES,
        mistake(
            "trained on the test pairs",
            "train on train_texts_parallel; the test pairs are for test_loss.",
            rows_of_test={"from": 1},
        ),
        mistake(
            "the same batch every step", "take the next pairs each step.", batches_repeated=1.0
        ),
        mistake("one epoch", "train for two epochs.", steps=per_epoch),
        last_batch_dropped(check, rows, "pairs", epochs=2),
        *of_step_count(check, 2 * per_epoch),
        mistake(
            "pairs left out",
            "each epoch goes over all of train_texts_parallel: look for a slice or a break.",
            rows_never_trained={"from": 1},
        ),
        mistake(
            "pairs not used twice",
            "each of the two epochs uses each pair once.",
            rows_not_twice={"from": 1},
        ),
        *of_beta(check, "training"),
        NOT_DIFFERENTIATED,
        CUT_OFF,
        PILED,
        mistake(
            "gradients are thrown away",
            "call optimizer.zero_grad() before backward, not between it and step.",
            slopes=[0.0] * int(2 * per_epoch),
        ),
        SOME_WITHOUT,
        mistake(
            "gradient of one side only",
            "both sides' log-probabilities of the policy need their gradient: look for detach.",
            steps_with_one_half={"from": 1},
        ),
        *TURNED,
        *EVALUATED,
        *of_history("losses", "loss"),
        BY_HAND,
        LEFT_UNTRAINED,
        OTHER_OPTIMIZER,
    ]
    return {"right": right, "mistakes": named}


def of_beta(check: Check, place: str) -> list[dict[str, Any]]:
    """Return the mistakes of another beta than the given one: a default, or something else."""
    beta, key = (
        check.inputs["arguments"]["beta"],
        f"beta_off_in_{place.replace('test loss', 'test')}",
    )
    off = [abs(beta - default) for default in DEFAULT_BETAS if beta != default]
    return [
        *[
            mistake(
                f"beta ignored in {'the ' * (place != 'training')}{place}",
                "give compute_DPO_loss the beta of train_DPO.",
                **{key: {"from": by - 1e-6, "to": by + 1e-6}},
            )
            for by in off
        ],
        mistake(
            f"another beta in {'the ' * (place != 'training')}{place}",
            "give compute_DPO_loss the beta of train_DPO as it is.",
            **{key: SOME},
        ),
    ]


def start(check: Check) -> Expected:
    """Return that policy and reference begin equal, on rows and labels that are the pairs'."""
    per_epoch, _ = step_count(check, check.inputs["pairs"][0])
    at_start = {"from": -1e-3 + LN_2, "to": 1e-3 + LN_2}
    own, kept = of_another_call("losses")
    limits: dict[str, Any] = {
        "losses_first": at_start,
        "losses_last": {"to": LN_2 - 1e-3},
        "steps": 2 * per_epoch,
        "texts_read": 2.0 * sum(check.inputs["pairs"]),
        "rows_of_other_texts": 0.0,
        "padding_read": 0.0,
        "prompt_lengths_off": 0.0,
        "labels_off": 0.0,
    }
    named = [
        NOT_CALLED,
        OTHER_ROWS,
        mistake(
            "no attention mask",
            "the padding is read as text: the batch's mask has 0 there.",
            padding_read={"from": 1},
        ),
        mistake(
            "wrong prompt lengths or mask",
            "count each prompt's own tokens, and give the mask that leaves out the padding.",
            prompt_lengths_off={"from": 1},
        ),
        mistake(
            "labels of other tokens",
            "a row's labels are its completion's tokens: mask the prompt and the padding.",
            labels_off={"from": 1},
        ),
        *HELD,
        *RATE,
        MIXED_UP,
        ONE_SIDE_READ,
        FOLLOWS,
        CUT_OFF,
        STILL,
        mistake(
            "the policy is its own reference",
            "the loss stays at ln 2: the reference is a model of its own that never changes.",
            losses_first=at_start,
            losses_last=at_start,
            other_models=0.0,
        ),
        *kept,
    ]
    return {"right": limits | own, "mistakes": named}


def learns(check: Check) -> Expected:
    """Return that the chosen word becomes likelier."""
    up = mistake(
        "chosen and rejected swapped",
        "the rejected word became likelier.",
        preference={"to": -0.02},
        steps_along_losses={"from": 1},
    )
    ascent = mistake(
        "gradient ascent",
        "a minus sign is missing or one too many.",
        preference={"to": -0.02},
        steps_along_losses=0.0,
    )
    per_epoch, _ = step_count(check, check.inputs["pairs"][0])
    right = {
        "steps_along_losses": 2 * per_epoch,
        "preference": {"from": 0.2},
        "weights_moved_outside_steps": NONE,
    }
    before = [NOT_CALLED, BY_HAND, *HELD, *RATE, MIXED_UP, ONE_SIDE_READ, CUT_OFF]
    after = [too_little(2 * per_epoch), STILL, ELSEWHERE]
    return {"right": right, "mistakes": [*before, up, ascent, *after]}


def reference(check: Check) -> Expected:
    """Return that one optimizer trains the policy, and the original model stays as it is.

    And that texts of more tokens than max_length lose their end.
    """
    longest = check.inputs["arguments"]["max_length"]
    per_epoch, _ = step_count(check, check.inputs["pairs"][0])
    right = {
        "optimizers": 1.0,
        "steps": 2 * per_epoch,
        # Two sides of each pair, by the policy and by the reference.
        "rows_read": {"from": 4.0 * check.inputs["pairs"][0]},
        "rate_off": {"from": -1e-6, "to": 1e-6},
        "reference_moved": NONE,
        "reference_off": NONE,
        "reference_dropout": 0.0,
        "weight_decay": {"to": MOST_DECAY},
        # Some tokenizers' texts end with a token of their own.
        "longest_row": {"from": longest - 2.0, "to": longest + 1.0},
    }
    ignored = "cut each text, prompt and completion, to max_length tokens."
    named = [
        *REBUILT,
        FOLLOWS,
        *HELD,
        *RATE,
        DECAYED,
        mistake(
            "pairs that no model reads",
            "the loss is made of both texts' log-probabilities, by the policy and the reference.",
            rows_read={"to": 4.0 * check.inputs["pairs"][0] - 1},
        ),
        NOT_CALLED,
        mistake("max_length ignored", ignored, longest_row={"from": longest + 2.0}),
        mistake("texts are cut too short", ignored, longest_row={"to": longest - 3.0}),
        mistake(
            "reference not frozen", "only the policy is trained.", reference_moved={"from": 1e-6}
        ),
        REFERENCE_IN_TRAINING,
    ]
    return {"right": right, "mistakes": named}


DPO_TRAINING_ORACLES: dict[str, Callable[[Check], Expected]] = {
    "train_dpo.history": history,
    "train_dpo.start": start,
    "train_dpo.learns": learns,
    "train_dpo.reference": reference,
}
