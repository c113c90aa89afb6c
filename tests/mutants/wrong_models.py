"""Wrong solutions that mix up which model is meant, or hide it behind a function or a wrapper."""

from helpers.solutions import Wrong
from mutants.right_models import IMPORT as FUNCTIONAL
from mutants.right_models import IN_TRAIN, IN_TRAIN_DPO, SNAPSHOT
from mutants.wrong_told import DPO, SAMPLE

LOAD = "    model = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
RESETS = "def reset_model_optimizer("
STEP = "        loss.backward()\n        optimizer.step()\n"
STEP_DPO = "            pair_loss.backward()\n            optimizer.step()\n"
LIVE = SNAPSHOT.replace("p.detach().clone()", "p.detach()")
OWN = "the policy is its own reference"


def wrong(check: str, name: str, mistake: str, *changes: tuple[str, str]) -> Wrong:
    """Return a change of the plain solution."""
    return Wrong(name, check, mistake, changes)


WRONG = (
    wrong(
        "reset.weights",
        "a policy that is kept for the next call",
        "the trained model comes back",
        (RESETS, "LOADED = {}\n\n\n" + RESETS),
        (
            LOAD,
            "    if model_name not in LOADED:\n    "
            + LOAD.replace("model =", "LOADED[model_name] =")
            + "    model = LOADED[model_name]\n",
        ),
    ),
    wrong(
        "train.reference",
        "a function that calls the policy is the original",
        OWN,
        (IN_TRAIN, "    original = lambda **more: model(**more)\n    reviews"),
    ),
    wrong(
        "train_dpo.start",
        "a function that calls the policy is the reference",
        OWN,
        (IN_TRAIN_DPO, "    reference = lambda **more: model(**more)\n"),
    ),
    wrong(
        "train.reference",
        "the weights as they are now, by functional_call",
        OWN,
        (FUNCTIONAL, FUNCTIONAL + "from torch.func import functional_call\n"),
        (IN_TRAIN, LIVE.replace("NAME", "original") + "    reviews"),
    ),
    wrong(
        "train_dpo.history",
        "the optimizer has the reference",
        "optimizer of another model",
        (
            IN_TRAIN_DPO,
            IN_TRAIN_DPO + "    optimizer = torch.optim.AdamW(reference.parameters(), lr=lr)\n",
        ),
    ),
    wrong(
        "train.rollouts",
        "the reward model in training mode",
        "dropout in the reward model",
        (SAMPLE, "        reward_model.train()\n" + SAMPLE),
    ),
    wrong(
        "train_dpo.history",
        "beta is multiplied in twice",
        "log-probabilities are changed",
        (DPO, DPO.replace("(chosen, rejected", "(beta * chosen, beta * rejected")),
    ),
    wrong(
        "train_dpo.test_loss",
        "sums are divided by the batch",
        "log-probabilities are changed",
        (DPO, DPO.replace("(chosen, rejected", "(chosen / 2, rejected / 2")),
    ),
    *[
        wrong(check, "no step", "no step is taken", (STEP, "        loss.backward()\n"))
        for check in ("train.history", "train.optimizer", "train.penalty")
    ],
    wrong(
        "train_dpo.history",
        "no step of DPO",
        "no step is taken",
        (STEP_DPO, "            pair_loss.backward()\n"),
    ),
    wrong(
        "train.optimizer",
        "two epochs",
        "reviews used more than once",
        (
            "    for start in tqdm(range(0, len(reviews), batch_size)):",
            "    for start in [*range(0, len(reviews), batch_size)] * 2:",
        ),
    ),
)
