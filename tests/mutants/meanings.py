"""Which names of mistakes tell what a wrong program does: the words of those who wrote it."""

MEANINGS = {
    "fewer steps than batches": {
        "fewer steps than batches",
        "no step is taken",
    },
    "no step is taken": {
        "no step is taken",
        "nothing is learnt",
    },
    "part of the weights in the optimizer": {
        "optimizer of other parameters",
    },
    "all but a layer norm is frozen": {
        "no gradient",
        "weights are frozen",
    },
    "models mixed up in the loss": {
        "policy and reference swapped",
        "chosen and rejected swapped",
    },
    "chosen and rejected mixed up in the rows": {
        "chosen and rejected of different pairs",
    },
    "pairs' scores detached": {
        "no gradient",
    },
    "label smoothing": {
        "labels smoothed",
    },
    "words are forbidden": {
        "words that were there are forbidden or less likely",
        "the policy's scores are changed",
    },
    "-1 or 0 for -100": {
        "masked with another number",
    },
    "a dictionary is returned": {
        "returned values",
    },
    "a hinge": {
        "hinge loss",
    },
    "a list is returned": {
        "returned values",
    },
    "a penalty that was not asked for": {
        "a penalty that was not asked for",
        "losses is something else",
    },
    "alpha is ignored": {
        "alpha is ignored",
        "another penalty is added",
    },
    "alpha times the KL is not what is added": {
        "another penalty is added",
    },
    "an approximation of the KL": {
        "sampled estimate",
    },
    "another loss": {
        "squared loss (IPO)",
    },
    "another reward than the text's own": {
        "reviews left out",
        "rewards changed",
        "rewards is something else",
        "the same reward for all",
    },
    "beam search": {
        "beam search or a very low temperature",
    },
    "beta is ignored": {
        "beta is ignored",
        "beta ignored in the test loss",
        "beta ignored in training",
    },
    "beta on the loss": {
        "losses is something else",
    },
    "both sides are the chosen text": {
        "one side twice",
    },
    "chosen and rejected mixed up": {
        "chosen and rejected of different pairs",
    },
    "chosen and rejected of the reference swapped": {
        "reference scores of other pairs",
    },
    "chosen and rejected swapped": {
        "chosen and rejected swapped",
        "gradient of something else",
    },
    "completions are cut off": {
        "rows that are not the pairs' texts",
    },
    "dropout is on in the reference": {
        "dropout on in the test loss",
        "reference in training mode",
    },
    "dropout is on in the test loss": {
        "dropout on in the test loss",
    },
    "eval_results is missing": {
        "returned values",
    },
    "eval_results is no dictionary": {
        "returned values",
    },
    "everything masked": {
        "wrong prompt lengths or mask",
    },
    "generations is missing": {
        "returned values",
    },
    "gradient ascent": {
        "chosen and rejected swapped",
        "gradient ascent",
        "gradient of something else",
    },
    "gradient of one side only": {
        "gradient of one side only",
        "gradient of something else",
    },
    "gradients are thrown away": {
        "gradients are thrown away",
        "nothing is learnt",
    },
    "gradients pile up": {
        "gradient of something else",
        "gradients pile up",
    },
    "greedy": {
        "every call gives the same texts",
        "greedy",
    },
    "in bits and not in nats": {
        "in bits",
    },
    "kl_divergences is empty": {
        "kl_divergences is something else",
    },
    "kl_divergences is missing": {
        "returned values",
    },
    "labels of another kind": {
        "labels of other tokens",
        "wrong prompt lengths or mask",
    },
    "last partial batch dropped": {
        "last partial batch dropped",
        "texts are missing",
    },
    "losses and rewards swapped": {
        "rewards is something else",
    },
    "losses is missing": {
        "returned values",
    },
    "min-p": {
        "top-k",
    },
    "more than one epoch": {
        "more steps than batches",
        "reviews used more than once",
    },
    "more than two epochs": {
        "pairs not used twice",
    },
    "no dictionary is returned": {
        "returned values",
    },
    "no gradient": {
        "no gradient",
        "reference not frozen",
    },
    "not all pairs are tested": {
        "test pairs left out",
    },
    "not all pairs are trained on": {
        "one epoch",
        "pairs left out",
    },
    "not all texts are evaluated": {
        "texts are missing",
    },
    "not all texts are trained on": {
        "last partial batch dropped",
        "reviews left out",
    },
    "not one entry a step": {
        "kl_divergences is something else",
        "losses is something else",
        "rewards is something else",
    },
    "not summed": {
        "wrong shape",
    },
    "not the batch's KL": {
        "kl_divergences is a running mean",
        "kl_divergences is something else",
        "kl_divergences is weighted",
    },
    "not the batch's loss": {
        "losses is a running mean",
        "losses is something else",
    },
    "not the batch's mean reward": {
        "returned values",
        "rewards is a running mean",
        "rewards is something else",
        "rewards is the maximum",
    },
    "not the mean": {
        "only the last batch",
    },
    "nothing is learnt": {
        "no gradient",
        "no step is taken",
        "nothing is learnt",
        "optimizer of another model",
        "too little is learnt",
        "weights changed by hand",
    },
    "nothing is returned": {
        "returned values",
    },
    "one number for the batch": {
        "wrong shape",
    },
    "one prompt length for all rows": {
        "one prompt length for all rows",
        "wrong prompt lengths or mask",
    },
    "optimizer rebuilt each epoch": {
        "optimizer rebuilt each step",
    },
    "part of the weights is frozen": {
        "gradient of something else",
        "nothing is learnt",
        "weights are frozen",
    },
    "penalty not added": {
        "another penalty is added",
        "penalty left out of some steps",
        "penalty not added",
    },
    "policy and reference swapped": {
        "policy and reference swapped",
        "chosen and rejected swapped",
    },
    "prompt lengths in characters": {
        "wrong prompt lengths or mask",
    },
    "returned 1 value": {
        "returned values",
    },
    "returned 2 values": {
        "returned values",
    },
    "returned 3 values": {
        "returned values",
    },
    "returned 4 values": {
        "returned values",
    },
    "reward is missing": {
        "returned values",
    },
    "reward is no number": {
        "wrong shape",
    },
    "rewards are not the reviews' own": {
        "rewards of the batches",
        "the rewards are in another order",
    },
    "rewards in another order": {
        "rewards in another order",
        "the rewards are in another order",
    },
    "rewards is missing": {
        "returned values",
    },
    "shape (B, 1)": {
        "wrong shape",
    },
    "shape (B, 2)": {
        "wrong shape",
    },
    "shape (B, 20)": {
        "wrong shape",
    },
    "shape (B,)": {
        "wrong shape",
    },
    "sigmoid twice": {
        "sigmoid taken twice",
    },
    "test_loss is missing": {
        "returned values",
    },
    "texts are no list": {
        "texts without their seed",
    },
    "texts of another model": {
        "sampled from another model",
    },
    "the KL of the wrong pair": {
        "KL of another model",
        "KL of other texts",
        "the policy is its own reference",
    },
    "the cross-entropy": {
        "cross-entropy",
    },
    "the divergence is clamped": {
        "no gradient",
    },
    "the loss is cut off from the model": {
        "no gradient",
        "nothing is learnt",
    },
    "the margin is clamped": {
        "no gradient",
    },
    "the padded length is not the prompt's": {
        "wrong prompt lengths or mask",
    },
    "the penalty has no gradient": {
        "KL of another model",
        "penalty not added",
        "penalty without a gradient",
    },
    "the penalty is clamped": {
        "penalty not added",
    },
    "the prompt is missing": {
        "rows that are not the pairs' texts",
    },
    "the prompt twice in a row": {
        "rows that are not the pairs' texts",
    },
    "the reference follows the policy": {
        "reference not frozen",
        "the policy is its own reference",
    },
    "the reference is not the original": {
        "reference not frozen",
    },
    "the reward does not matter": {
        "gradient ascent",
        "rewards as columns",
        "rewards changed",
        "rewards of other texts",
        "the same reward for all",
    },
    "the reward has the wrong sign": {
        "rewards negated",
    },
    "the same batch every step": {
        "test pairs left out",
        "the same batch every step",
    },
    "the symmetric divergence": {
        "symmetric divergence",
    },
    "the training loss for the test loss": {
        "test pairs left out",
        "the last training loss",
    },
    "the training pairs are tested": {
        "test loss of the training pairs",
    },
    "the training texts are evaluated": {
        "the training reviews are evaluated",
    },
    "the untrained model is evaluated": {
        "another model is evaluated",
        "the untrained model is evaluated",
    },
    "the first batch counts twice": {
        "the first batch counts twice",
        "reviews counted more than once",
    },
    "the untrained model is tested": {
        "policy and reference are the same in the test loss",
        "test loss taken before the last step",
        "test loss taken before training",
    },
    "trained on the test pairs": {
        "test loss of the training pairs",
        "trained on the test pairs",
    },
    "trained on the test texts": {
        "trained on the test reviews",
    },
    "typical sampling": {
        "top-k",
    },
    "values in the wrong order": {
        "returned values",
        "wrong shape",
    },
    "weights reset each epoch": {
        "weights reset in the middle",
        "optimizer rebuilt each step",
    },
}

# Programs that lose points and are told no name, or one that tells less than their words.
UNNAMED = {
    "data-the first batch each time in the evaluation",
    "data-the reviews for the texts",
    "data_dpo-a shuffle that reference scores do not follow",
    "data_dpo-a slice left in the test pairs",
    "data_dpo-reference scores of other batches",
    "dpo_batches-labels of the other side",
    "dpo_results-losses after the step",
    "dpo_results-policy and reference mixed up in the scores",
    "dpo_results-share of pairs in the right order as test loss",
    "dpo_results-the trained model as reference of the test",
    "dpo_steps-a mean log-probability for the sum",
    "dpo_steps-likelihood of the chosen text",
    "dpo_steps-no reference",
    "dpo_steps-one step an epoch",
    "dpo_steps-rows taken in turns",
    "dpo_steps-two steps with one gradient",
    "names-a key that is not there",
    "names-a penalty for words that were there",
    "names-an entropy bonus",
    "names-beam search without sampling",
    "penalty-a mean of loss and penalty",
    "returned-a mask for the labels",
    "returned-generations in one string",
    "returned-rewards before the loss",
    "returned-share of positive texts for the mean",
    "returned-the median for the mean",
    "rewards-a language model's own loss",
    "training-the best weights of the beginning put back",
}


def names_for(mistake: str) -> set[str]:
    """Return the names that tell a mistake, which is given in its writer's words."""
    return MEANINGS.get(mistake, {mistake})
