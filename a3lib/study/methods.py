"""The study's methods: a loss, the data that it learns from and their order, by name."""

from dataclasses import dataclass

from torch import Tensor

from a3lib.errors import InputError
from a3lib.losses import check_preference, initial_slope, preference_loss, slic_loss
from a3lib.profiles import study_method_of

# The divergences in the order in which theory expects them to keep entropy, the least first:
# alpha goes from reverse KL (0) to forward KL (1). Jensen-Shannon is not on that line.
ALPHAS = (0.3, 0.5, 0.7)
ORDERED_DIVERGENCES = ("reverse_kl", *(f"alpha_{alpha}" for alpha in ALPHAS), "forward_kl")
DIVERGENCE_NAMES = (*ORDERED_DIVERGENCES, "jensen_shannon")
# What they are called in a figure of the divergences alone.
DIVERGENCE_LABELS = {
    "reverse_kl": "reverse KL (DPO)",
    **{f"alpha_{alpha}": f"alpha = {alpha}" for alpha in ALPHAS},
    "forward_kl": "forward KL",
    "jensen_shannon": "Jensen-Shannon",
}


@dataclass(frozen=True)
class Method:
    """A loss (a link of `preference_loss`, or "slic" or "rrhf") with its data and their order.

    `data` is "tournament" or "rejection" (RSO); `curriculum` puts the easiest pairs first.
    """

    name: str
    loss: str
    divergence: str = "reverse_kl"
    alpha: float | None = None
    data: str = "tournament"
    curriculum: bool = False

    @property
    def listwise(self) -> bool:
        """Whether the loss ranks all candidates of a prompt and not a pair."""
        return self.loss == "rrhf"

    def coefficient(self, beta: float) -> float:
        """Return the loss's own coefficient where plain DPO would have this beta.

        The divergences' slopes and the links' slopes at 0 (1/2 for sigmoid, 1 for hinge) are
        divided out, so that all start with DPO's gradient. ipo's target margin 1/(2 beta) and
        SLiC's delta become the margin at which that hinge stops; RRHF's is its SFT term's weight,
        which has no slope to match.
        """
        hinge = beta / (2 * initial_slope(self.divergence))
        return {
            "sigmoid": 2 * hinge,
            "hinge": hinge,
            "ipo": hinge / 2,
            "slic": 1 / hinge,
            "rrhf": beta,
        }[self.loss]

    def pair_losses(self, policy: Tensor, reference: Tensor, beta: float) -> Tensor:
        """Return the loss of each pair, (B,), from summed log-probabilities (2, B), chosen first.

        `beta` is plain DPO's. SLiC is held at the chosen completion, its best-ranked decode.
        """
        if self.loss == "slic":
            return slic_loss(policy[0], policy[1], policy[0], delta=self.coefficient(beta))
        return preference_loss(
            *policy,
            *reference,
            beta=self.coefficient(beta),
            link=self.loss,
            divergence=self.divergence,
            alpha=self.alpha,
        )


def spelled_method(name: str) -> Method:
    """Return the method whose name spells its link and divergence, such as sigmoid-alpha_0.5."""
    return Method(name, *study_method_of(name))


METHODS = {
    method.name: method
    for method in (
        *(spelled_method(f"sigmoid-{divergence}") for divergence in DIVERGENCE_NAMES),
        *(spelled_method(f"hinge-{divergence}") for divergence in DIVERGENCE_NAMES),
        Method("ipo", "ipo"),
        Method("slic", "slic"),
        Method("rrhf", "rrhf"),
        Method("rso", "sigmoid", data="rejection"),
        Method("curriculum", "sigmoid", curriculum=True),
    )
}


def find_method(name: str) -> Method:
    """Return a method of `METHODS`, or one that its name spells, such as sigmoid-alpha_0.9.

    Raises InputError where the name spells none, or a combination that means nothing.
    """
    if name in METHODS:
        return METHODS[name]
    try:
        method = spelled_method(name)
        check_preference(1.0, method.loss, method.divergence, method.alpha, label_smoothing=0.0)
    except ValueError as error:
        raise InputError(
            f"There is no method {name!r} ({error}) Take some of {', '.join(METHODS)}."
        ) from error
    return method
