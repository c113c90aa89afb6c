"""Right solutions whose original model is no plain language model, but leads to one."""

from helpers.solutions import Right

IMPORT = "import torch.nn.functional as F\n"
IN_TRAIN = (
    "    original = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n    reviews"
)
IN_TRAIN_DPO = (
    "    reference = AutoModelForCausalLM.from_pretrained(model_name).to(device).eval()\n"
)
POLICY = "    chosen, rejected = get_log_probs(model, made).chunk(2)\n"
TRAIN = "\n\ndef train("
# The weights before training, lent to the policy for a call.
SNAPSHOT = """    frozen = {name: p.detach().clone() for name, p in model.named_parameters()}

    def NAME(**inputs):
        return functional_call(model, frozen, args=(), kwargs=inputs)

"""
DELEGATES = """

class Frozen:
    def __init__(self, name):
        self.inner = AutoModelForCausalLM.from_pretrained(name).to(device).eval()

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __call__(self, *given, **more):
        with torch.no_grad():
            return self.inner(*given, **more)
"""
ONLY_CALLED = DELEGATES.replace(
    "    def __getattr__(self, name):\n        return getattr(self.inner, name)\n\n", ""
)
MODULE = """

class Frozen(torch.nn.Module):
    def __init__(self, name):
        super().__init__()
        self.inner = AutoModelForCausalLM.from_pretrained(name).to(device).eval()

    @torch.no_grad()
    def forward(self, *given, **more):
        return self.inner(*given, **more)
"""


def wrapped(name: str, wrapper: str) -> Right:
    """Return a solution in which both loops put the original model into a class of their own."""
    return Right(
        name,
        changes=(
            (TRAIN, wrapper + TRAIN),
            (IN_TRAIN, "    original = Frozen(model_name)\n    reviews"),
            (IN_TRAIN_DPO, "    reference = Frozen(model_name)\n"),
        ),
    )


RIGHT = (
    Right(
        "the weights before training, by functional_call",
        changes=(
            (IMPORT, IMPORT + "from torch.func import functional_call\n"),
            (IN_TRAIN, SNAPSHOT.replace("NAME", "original") + "    reviews"),
            (IN_TRAIN_DPO, SNAPSHOT.replace("NAME", "reference")),
        ),
    ),
    wrapped("a wrapper that hands on the rest", DELEGATES),
    wrapped("a wrapper that can only be called", ONLY_CALLED),
    wrapped("a wrapper that is a module", MODULE),
    Right(
        "a function that calls the policy",
        changes=((POLICY, POLICY.replace("(model,", "(lambda **more: model(**more),")),),
    ),
)
