"""What may be wrong with a training loop of either kind, `train` or `train_DPO`."""

import math
from typing import Any

from a3lib.kit.checks import fixtures
from a3lib.kit.checks.answers.mistakes import mistake
from a3lib.kit.checks.catalogue import Check

# More than rounding, and less than any step moves.
NONE, SOME = {"from": -1e-4, "to": 1e-4}, {"from": 1e-4}
RECEIPT_SEED, MOST_ROWS = 31, 10_000

# What a distance is where two lists of weights are not of one length.
ANOTHER_SIZE = 99.0
# More than any optimizer's own.
MOST_DECAY = 0.1

# How far the first step of AdamW and its kin moves a weight at least, in learning rates.
OF_ADAMW = {"from": 0.5}
OTHER_OPTIMIZER = mistake(
    "another optimizer than AdamW",
    "take the optimizer that reset_model_optimizer makes.",
    first_step={"from": 1e-3, "to": 0.5},
)
REBUILT = [
    mistake(
        "weights reset in the middle",
        "reset once, before the loop: what was learnt until then is lost.",
        started_again={"from": 1},
    ),
    mistake(
        "optimizer rebuilt each step",
        "make it once, before the loop: it remembers the steps before.",
        optimizers={"from": 2},
    ),
]
OLD = mistake(
    "weights not reset",
    "begin with reset_model_optimizer(model_name, lr), which makes model and optimizer global.",
    old_optimizer=1.0,
)


def not_called(function: str, **fits: Any) -> dict[str, Any]:
    """Return the mistake that a loop takes its steps without one of the functions it is given."""
    return mistake(
        f"{function} is not called",
        "call it by this name; other code that does its work cannot be followed.",
        steps={"from": 1},
        **fits,
    )


HELD = [
    OLD,
    mistake(
        "optimizer of another model",
        "the model that gives the loss has no parameter in the optimizer that takes the steps.",
        trains_another_model=1.0,
    ),
    mistake(
        "optimizer of other parameters",
        "give it model.parameters(): all of the policy's, and no other model's.",
        start_off_checkpoint=ANOTHER_SIZE,
        steps={"from": 1},
    ),
    mistake(
        "weights are frozen",
        "all of the policy's weights are trained: look for requires_grad.",
        weights_frozen={"from": 1},
    ),
]
KEPT = mistake(
    "weights not reset",
    "begin with reset_model_optimizer(model_name, lr).",
    start_off_checkpoint={"from": 1e-3},
    steps={"from": 1},
)
STILL = mistake(
    "nothing is learnt",
    "is backward called, and does the optimizer have this model's parameters?",
    preference={"from": -0.02, "to": 0.02},
)
CUT_OFF = mistake(
    "no gradient",
    "backward does not reach the model: its log-probabilities are detached or made anew.",
    losses_cut_off={"from": 1},
)
LEFT_UNTRAINED = mistake(
    "the global model is not the trained one",
    "later cells use the global model: leave the trained one there.",
    global_model_off=SOME,
)
DECAYED = mistake(
    "weight decay",
    "keep the optimizer's own: so much pulls all weights to 0.",
    weight_decay={"from": MOST_DECAY},
)
SOME_WITHOUT = mistake(
    "no gradient in some steps",
    "each batch's loss is differentiated as it is: look for a clamp or a condition.",
    steps_without_gradient={"from": 1},
)
PILED = mistake(
    "gradients pile up", "call optimizer.zero_grad() each step.", not_piled_up={"to": 1e-3}
)
RATE = [
    mistake(
        "learning rate raised",
        "it is the lr that was given: a schedule may lower it, and not raise it.",
        rate_off={"from": 1e-6},
        first_rate_off={"to": 1e-6},
    ),
    mistake(
        "learning rate ignored", "pass lr on to reset_model_optimizer.", rate_off={"from": 1e-6}
    ),
]
ELSEWHERE = mistake(
    "gradient of something else",
    "it is not that of this batch's loss alone: look at zero_grad and backward.",
    steps_along_losses={"to": 0},
)
OTHER_LENGTHS = mistake(
    "another number of tokens",
    "ask for a seed of 10 tokens and 20 more, which compute_reward_for_mini_batch has as defaults.",
    lengths_off={"from": 1},
)
BY_HAND = mistake(
    "weights changed by hand",
    "only optimizer.step() may change the weights.",
    weights_moved_outside_steps=SOME,
)
NOT_DIFFERENTIATED = mistake(
    "no gradient",
    "backward does not reach the loss: it is detached, made anew, or backward is not called.",
    losses_differentiated=0.0,
)
EVALUATED = [
    mistake(
        "eval_results is cut",
        "it is what evaluate returned: all generations and rewards.",
        evaluation_cut={"from": 1},
        evaluation_given=1.0,
    ),
    mistake(
        "eval_results is not evaluate's",
        "it is what evaluate returned: nothing is left out or put in its place.",
        evaluation_given=0.0,
    ),
    mistake(
        "the untrained model is evaluated",
        "call evaluate after the last step, with the model that was trained.",
        evaluation_off=SOME,
        evaluation_off_start={"from": -1e-6, "to": 1e-6},
    ),
    mistake(
        "another model is evaluated",
        "call evaluate after the last step, with the model that was trained.",
        evaluation_off=SOME,
    ),
]
TURNED = [
    mistake("gradient ascent", "a minus sign is missing or one too many.", least_direction_off=2.0),
    mistake(
        "gradient of something else",
        "it is not that of this batch's loss alone: look at zero_grad and backward.",
        direction_off=SOME,
    ),
]
REFERENCE_IN_TRAINING = mistake(
    "reference in training mode",
    "dropout makes its log-probabilities random: call eval() on it.",
    reference_dropout=1.0,
)
FOLLOWS = mistake(
    "reference not frozen",
    "its weights change while the policy is trained: load it once, and leave it as it is.",
    reference_off=SOME,
)


def step_count(check: Check, rows: int) -> tuple[float, float]:
    """Return the number of batches, and that without a last partial one."""
    size = check.inputs["arguments"]["batch_size"]
    return float(math.ceil(rows / size)), float(rows // size)


def last_batch_dropped(check: Check, rows: int, what: str, epochs: int = 1) -> dict[str, Any]:
    """Return the mistake that the rows of the last partial batch, and no others, are left out."""
    size = check.inputs["arguments"]["batch_size"]
    return mistake(
        "last partial batch dropped",
        f"all {what} are trained on.",
        steps=float(epochs * (rows // size)),
        rows_never_trained=float(rows % size),
    )


def of_another_call(*keys: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return that a second call's histories hold nothing of the first one's, and the mistake."""
    hint = "begin with new, empty lists in each call: none at the top level or as a default."
    name, kept = "the history of an earlier call", [f"{key}_from_before" for key in keys]
    return {key: 0.0 for key in kept}, [mistake(name, hint, **{key: {"from": 1}}) for key in kept]


def of_step_count(check: Check, steps: float) -> list[dict[str, Any]]:
    """Return what is wrong where the steps are not as many as the batches."""
    size = check.inputs["arguments"]["batch_size"]
    ignored = "the batches have another size than the batch_size that was given."
    every = {"rows_never_trained": {"to": 0}}
    return [
        mistake("no step is taken", "call optimizer.step() for each batch.", steps=0.0),
        mistake("batch_size ignored", ignored, largest_batch={"from": size + 1}),
        mistake(
            "batch_size ignored",
            ignored,
            largest_batch={"to": size - 1},
            steps={"from": steps + 1},
            losses_count={"from": steps + 1},
            **every,
        ),
        mistake(
            "fewer steps than batches",
            "take one step a batch: zero_grad, backward and step for each.",
            steps={"from": 1, "to": steps - 1},
            losses_count={"from": steps},
        ),
        mistake(
            "more steps than batches",
            "take one step a batch.",
            steps={"from": steps + 1},
            losses_count={"to": steps},
        ),
    ]


def receipt(count: int, times: int = 1) -> float:
    """Return the sum over rows that shows that each was trained on so many times."""
    shares = 0.5 + fixtures.noise(MOST_ROWS, seed=RECEIPT_SEED) / 12**0.5
    return times * float(shares[:count].sum())


def of_history(key: str, what: str) -> list[dict[str, Any]]:
    """Return what a history may hold in place of each step's own value."""
    return [
        mistake(
            f"{key} is a running mean",
            f"keep each batch's own {what}.",
            **{f"{key}_off": SOME, f"{key}_off_running_mean": NONE},
        ),
        mistake(f"{key} is something else", f"keep each batch's {what}.", **{f"{key}_off": SOME}),
    ]


def too_little(steps: float) -> dict[str, Any]:
    """Return the mistake that steps have the right gradient, and hardly move the weights."""
    return mistake(
        "too little is learnt",
        "the gradients are right and the steps too small: look at the optimizer, which is AdamW "
        "with lr, at clipping and at a schedule.",
        steps_along_losses={"from": steps},
        steps={"to": steps},
        preference={"from": -0.02, "to": 0.2},
    )
