"""Correct solutions that use parts of torch which need a compiler or other processes."""

from helpers.solutions import Right

GET = "    scores = model(\n"
LOOP = "    for start in tqdm(range(0, len(reviews), batch_size)):\n"
GROUP = "        group = reviews[start : start + batch_size]\n"
EVALUATE = "    loop = tqdm(range(0, len(test_texts), batch_size))\n    for i in loop:\n"
BATCH = "        batch = test_texts[i : i + batch_size]\n"


def loading(options: str) -> tuple[tuple[str, str], ...]:
    """Return changes that read reviews through a DataLoader."""
    loader = "torch.utils.data.DataLoader({texts}, batch_size=batch_size, {options})"
    of_test, of_training = (
        loader.format(texts=texts, options=options) for texts in ("test_texts", "reviews")
    )
    return (
        (EVALUATE, f"    for batch in tqdm({of_test}):\n"),
        (BATCH, ""),
        (LOOP, f"    for group in tqdm({of_training}):\n"),
        (GROUP, ""),
    )


NOTED = "    note(policy_chosen_logps)\n"
# All of these ask where they are called from.
LOOKING = """
import collections, dataclasses, enum, logging, traceback, typing, warnings
import matplotlib.pyplot

Sums = collections.namedtuple("Sums", "chosen rejected")
logging.basicConfig(level=logging.INFO, format="%(funcName)s %(lineno)d %(message)s")


def doubled(value):
    return value * 2


def note(values):
    kind = enum.Enum("Kind", "chosen rejected")
    row = typing.NamedTuple("Row", [("kind", kind), ("mean", float)])
    pair = collections.namedtuple("Pair", "row sums")(row(kind.chosen, 0.0), Sums(values, values))
    number = typing.TypeVar("number", int, float)
    named = dataclasses.make_dataclass("Named", ["pair", (str(number)[1:], number)])
    torch.manual_seed(len(values))
    torch.vmap(torch.jit.script(doubled))(values.detach()[:, None])
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a pair", stacklevel=2)
    try:
        raise ValueError(str(named(pair, 1)))
    except ValueError as error:
        logging.info("%s", traceback.format_exc(), stack_info=True)
        logging.getLogger("pairs").warning("once", exc_info=True)
        traceback.print_exception(error)
        traceback.print_stack()
    matplotlib.pyplot.close(matplotlib.pyplot.subplots()[0])
"""
RIGHT = (
    Right(
        "functions compiled",
        changes=(
            ("def compute_DPO_loss(\n", "@torch.compile\ndef compute_DPO_loss(\n"),
            (
                "def masks_of(output_tokens",
                "@torch.compile(dynamic=True)\ndef masks_of(output_tokens",
            ),
        ),
        functions="\n_get_batch_logps = torch.compile(_get_batch_logps, mode='reduce-overhead')\n",
    ),
    Right(
        "a model compiled",
        changes=(
            (
                GET,
                "    compiled = torch.compile(model, fullgraph=True)\n    scores = compiled(\n",
            ),
            (
                "    reset_model_optimizer(model_name, lr)\n    original",
                "    reset_model_optimizer(model_name, lr)\n    model.compile()\n    original",
            ),
        ),
    ),
    Right(
        "libraries that look at frames",
        changes=(("    policy_gap = ", NOTED + "    policy_gap = "),),
        functions=LOOKING,
    ),
    Right("a loader with processes", changes=loading("num_workers=2")),
    Right(
        "a loader with processes that last",
        changes=loading("num_workers=4, persistent_workers=True, prefetch_factor=2, timeout=9"),
    ),
)
