"""What is right for labels: the instructor's part."""

from collections.abc import Callable
from typing import Any

from a3lib.kit.checks.answers.mistakes import Expected, mistake
from a3lib.kit.checks.catalogue import Check


def labels(check: Check) -> Expected:
    """Return labels: the ids of the completion's tokens and -100 elsewhere."""
    ids, masks = check.inputs["input_ids"], check.inputs["attention_mask"]
    lengths = check.inputs["prompt_lengths"]

    def labels_where(keep: Callable[[int, int, int, int], bool]) -> list[list[int]]:
        """Keep a token by its column, its number among real tokens, whether real, prompt length."""
        return [
            [
                token if keep(t, sum(mask[: t + 1]), mask[t], n) else -100
                for t, token in enumerate(row)
            ]
            for row, mask, n in zip(ids, masks, lengths, strict=True)
        ]

    right = labels_where(lambda t, number, real, n: bool(real) and number > n)

    def place(values: list[list[int]]) -> str:
        """Say of the first label that differs from the right one what it should be."""
        rows = enumerate(zip(values, right, strict=True))
        pairs = ((b, t, x, y) for b, (u, v) in rows for t, (x, y) in enumerate(zip(u, v)))
        return next(f"labels[{b}, {t}] should be {y}" for b, t, x, y in pairs if x != y)

    ended = [[-100 if x == 0 else x for x in row] for row in right]
    wrong = [
        ("prompt not masked", "{where}.", labels_where(lambda t, number, real, n: bool(real))),
        (
            "padding side ignored",
            "the padding is on the left, so the prompt does not begin in column 0: {where}.",
            labels_where(lambda t, number, real, n: bool(real) and t >= n),
        ),
        (
            "padding side ignored",
            "the padding is on the left, so the prompt does not begin in column 0: {where}.",
            labels_where(lambda t, number, real, n: t >= n),
        ),
        (
            "padding not masked",
            "padding has no part in the loss: {where}.",
            labels_where(lambda t, number, real, n: not real or number > n),
        ),
        (
            "nothing masked",
            "the prompt and the padding have no part in the loss: {where}.",
            labels_where(lambda t, number, real, n: True),
        ),
        (
            "EOS masked because pad = EOS",
            "padding is where attention_mask is 0, not where the id is the pad token's: {where}.",
            ended,
        ),
        (
            "prompt boundary off by one",
            "the prompt has as many tokens as prompt_lengths says: {where}.",
            labels_where(lambda t, number, real, n: bool(real) and number >= n),
        ),
        (
            "prompt boundary off by one",
            "the completion's first token counts: {where}.",
            labels_where(lambda t, number, real, n: bool(real) and number > n + 1),
        ),
        *[
            (
                "masked with another number",
                "cross_entropy and the handout leave out -100: {where}.",
                [[x if x != -100 else number for x in row] for row in right],
            )
            for number in (-1, 0)
        ],
        (
            "everything masked",
            "the completion's tokens stay: {where}.",
            labels_where(lambda *token: False),
        ),
    ]
    own_length = "each row's prompt has its own length: {where}."
    wrong += [
        (
            "one prompt length for all rows",
            own_length,
            [
                [x if sum(mask[: t + 1]) > length else -100 for t, x in enumerate(row)]
                for row, mask in zip(ids, masks, strict=True)
            ],
        )
        for length in (max(lengths), min(lengths), lengths[0])
    ]
    inverse = [
        [x if real and y == -100 else -100 for x, y, real in zip(*row, strict=True)]
        for row in zip(ids, right, masks, strict=True)
    ]
    from_the_end = [
        [x if real and sum(mask[t:]) > n else -100 for t, (x, real) in enumerate(zip(row, mask))]
        for row, mask, n in zip(ids, masks, lengths, strict=True)
    ]
    wrong += [
        ("prompt and completion mixed up", "the completion's tokens stay: {where}.", inverse),
        (
            "the end masked for the prompt",
            "the prompt stands before the completion: {where}.",
            from_the_end,
        ),
        (
            "labels shifted",
            "labels stand where their tokens do; _get_batch_logps shifts them: {where}.",
            [[*row[1:], -100] for row in right],
        ),
        (
            "labels shifted",
            "labels stand where their tokens do: {where}.",
            [[-100, *row[:-1]] for row in right],
        ),
        (
            "last token masked",
            "the completion's last token counts: {where}.",
            [[*row[:-1], -100] for row in right],
        ),
        *[
            (
                "no token ids",
                "a label is the token's own id: {where}.",
                [[number if x != -100 else -100 for x in row] for row in right],
            )
            for number in (0, 1)
        ],
    ]
    changed = mistake(
        "input_ids changed in place", "make the labels from a clone.", input_ids_changed=1.0
    )
    right_answers = {"labels": right, "is_tensor": 1.0}
    # Whether they are the right ones is another check's matter.
    unchanged = {"are_labels": 1.0, "input_ids_changed": 0.0, "attention_mask_changed": 0.0}
    as_list = mistake("a list is returned", "return a tensor.", is_tensor=0.0)
    named = [
        mistake(name, hint.format(where=place(values)), labels=values)
        for name, hint, values in wrong
        if values != right
    ]
    mask_changed = mistake(
        "attention_mask changed in place", "work on a clone.", attention_mask_changed=1.0
    )
    named += by_place(right, masks)
    in_place = check.name == "labels.unchanged"
    return {
        "right": unchanged if in_place else right_answers,
        "mistakes": [changed, mask_changed] if in_place else [as_list, *named],
    }


def by_place(right: list[list[int]], masks: list[list[int]]) -> list[dict[str, Any]]:
    """Return mistakes for labels that are none of the known wrong ones, by where they differ."""
    whole, seen = ([x for row in rows for x in row] for rows in (right, masks))
    kept = [i for i, x in enumerate(whole) if x != -100]
    prompt = [i for i, x in enumerate(whole) if x == -100 and seen[i]]
    padding = [i for i, x in enumerate(whole) if x == -100 and not seen[i]]
    found = [
        mistake(
            "completion masked",
            "each token after the prompt keeps its id, an EOS too.",
            labels={"some_of": kept, "equal": -100},
        ),
        mistake(
            "prompt not masked",
            "the prompt has as many tokens as prompt_lengths says; each is -100.",
            labels={"some_of": prompt, "unlike": -100},
        ),
    ]
    if padding:
        found.append(
            mistake(
                "padding not masked",
                "padding is where attention_mask is 0; each label there is -100.",
                labels={"some_of": padding, "unlike": -100},
            )
        )
    return found


LABEL_ORACLES: dict[str, Callable[[Check], Expected]] = {
    f"labels.{part}": labels for part in ("values", "eos", "unchanged")
}
