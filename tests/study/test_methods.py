"""Methods: what a name means, its number at a beta, and the loss of its pairs."""

import math

import pytest
import torch
from helpers.refusals import refused
from torch import Tensor

from a3lib.losses import preference_loss, slic_loss
from a3lib.study.methods import (
    ALPHAS,
    DIVERGENCE_NAMES,
    METHODS,
    ORDERED_DIVERGENCES,
    Method,
    find_method,
)

BETAS = (0.003, 0.1, 1.0, 10.0)
SPELLED = [f"{link}-{name}" for link in ("sigmoid", "hinge") for name in DIVERGENCE_NAMES]
OTHERS = ["ipo", "slic", "rrhf", "rso", "curriculum"]
PAIRWISE = [name for name in METHODS if name != "rrhf"]


def sums(seed: int = 0, rows: int = 6) -> tuple[Tensor, Tensor]:
    """Summed log-probabilities of a policy and a reference, chosen first, (2, B) each."""
    generator = torch.Generator().manual_seed(seed)
    policy = -20 + 3 * torch.randn(2, rows, generator=generator, dtype=torch.float64)
    return policy, policy + torch.randn(2, rows, generator=generator, dtype=torch.float64)


def initial_gradient(method: Method, beta: float) -> Tensor:
    """The gradient of the summed loss where the policy is still the reference."""
    start = sums()[0]
    policy = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(method.pair_losses(policy, start, beta).sum(), policy)
    return gradient


def test_there_are_two_links_with_six_divergences_and_five_others() -> None:
    assert list(METHODS) == SPELLED + OTHERS
    assert len(SPELLED) == 12
    assert all(method.name == name for name, method in METHODS.items())


def test_divergences_are_ordered_from_reverse_to_forward_kl() -> None:
    expected = ["reverse_kl", "alpha_0.3", "alpha_0.5", "alpha_0.7", "forward_kl"]
    assert list(ORDERED_DIVERGENCES) == expected
    assert list(ALPHAS) == sorted(ALPHAS)
    assert set(DIVERGENCE_NAMES) - set(ORDERED_DIVERGENCES) == {"jensen_shannon"}


def test_a_name_says_which_link_divergence_and_alpha_are_meant() -> None:
    for link in ("sigmoid", "hinge"):
        for name in DIVERGENCE_NAMES:
            method = METHODS[f"{link}-{name}"]
            kind, _, number = name.partition("_") if name.startswith("alpha") else (name, "", "")
            assert (method.loss, method.divergence) == (link, kind)
            assert method.alpha == (float(number) if number else None)
            assert (method.data, method.curriculum, method.listwise) == ("tournament", False, False)


def test_the_others_differ_from_plain_dpo_in_one_thing_each() -> None:
    assert METHODS["rso"] == Method("rso", "sigmoid", data="rejection")
    assert METHODS["curriculum"] == Method("curriculum", "sigmoid", curriculum=True)
    assert [METHODS[name].loss for name in ("ipo", "slic", "rrhf")] == ["ipo", "slic", "rrhf"]
    assert [name for name, method in METHODS.items() if method.listwise] == ["rrhf"]
    assert {METHODS[name].divergence for name in OTHERS} == {"reverse_kl"}


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("name", [*SPELLED, "rso", "curriculum"])
def test_all_begin_with_the_gradient_of_plain_dpo(name: str, beta: float) -> None:
    found = initial_gradient(METHODS[name], beta)
    # By hand: the slope of -logsigmoid(beta * Delta) at 0 is -beta / 2.
    expected = torch.tensor([-beta / 2, beta / 2], dtype=torch.float64)[:, None].expand(2, 6)
    assert torch.allclose(found, expected, rtol=1e-12, atol=0)
    plain = initial_gradient(METHODS["sigmoid-reverse_kl"], beta)
    assert torch.allclose(found, plain, rtol=1e-12, atol=0)


@pytest.mark.parametrize("beta", BETAS)
def test_plain_dpo_takes_beta_as_it_is_and_jensen_shannon_twice_of_it(beta: float) -> None:
    assert METHODS["sigmoid-reverse_kl"].coefficient(beta) == beta
    assert METHODS["sigmoid-jensen_shannon"].coefficient(beta) == 2 * beta
    assert METHODS["rrhf"].coefficient(beta) == beta


@pytest.mark.parametrize("beta", BETAS)
def test_ipo_and_slic_aim_at_the_margin_at_which_the_hinge_stops(beta: float) -> None:
    hinge = METHODS["hinge-reverse_kl"]
    reference = torch.zeros(2, 2, dtype=torch.float64)
    stop = 1 / hinge.coefficient(beta)
    # Just before the margin and just after it.
    policy = torch.tensor([[0.999 * stop, 1.001 * stop], [0.0, 0.0]], dtype=torch.float64)
    before, after = hinge.pair_losses(policy, reference, beta).tolist()
    assert before > 0 and after == 0
    assert 1 / (2 * METHODS["ipo"].coefficient(beta)) == pytest.approx(stop)
    assert METHODS["slic"].coefficient(beta) == pytest.approx(stop)
    reached = torch.tensor([[stop], [0.0]], dtype=torch.float64)
    ipo = METHODS["ipo"].pair_losses(reached, reference[:, :1], beta)
    assert ipo.item() == pytest.approx(0, abs=1e-18 * stop**2 + 1e-12)


@pytest.mark.parametrize("name", PAIRWISE)
def test_pair_losses_are_those_of_the_loss_called_by_hand(name: str) -> None:
    policy, reference = sums(seed=1)
    method, beta = METHODS[name], 0.4
    found = method.pair_losses(policy, reference, beta)
    if name == "slic":
        # Held at the chosen completion; the reference is in no part of it.
        expected = slic_loss(policy[0], policy[1], policy[0], delta=2 / beta)
    else:
        twice = 2 if method.divergence == "jensen_shannon" else 1
        expected = preference_loss(
            policy[0],
            policy[1],
            reference[0],
            reference[1],
            beta={"sigmoid": beta, "hinge": beta / 2, "ipo": beta / 4}[method.loss] * twice,
            link=method.loss,
            divergence=method.divergence,
            alpha=method.alpha,
        )
    assert found.shape == (6,)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_the_first_row_is_the_chosen_one() -> None:
    policy = torch.tensor([[2.0], [-2.0]])
    for name in PAIRWISE:
        right = METHODS[name].pair_losses(policy, torch.zeros(2, 1), 0.1)
        wrong = METHODS[name].pair_losses(policy.flip(0), torch.zeros(2, 1), 0.1)
        assert right.item() < wrong.item(), name


def test_a_method_is_found_by_its_name() -> None:
    for name, method in METHODS.items():
        assert find_method(name) is method


@pytest.mark.parametrize("link", ["sigmoid", "hinge"])
def test_another_alpha_is_spelled_out(link: str) -> None:
    method = find_method(f"{link}-alpha_0.9")
    assert method == Method(f"{link}-alpha_0.9", link, "alpha", 0.9)
    assert torch.allclose(
        initial_gradient(method, 0.1), initial_gradient(METHODS["sigmoid-reverse_kl"], 0.1)
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sigmoid-alpha_0", "alpha is 0.0"),
        ("sigmoid-alpha_1", "alpha is 1.0"),
        ("hinge-alpha_1.5", "alpha is 1.5"),
        ("sigmoid-alpha_-0.5", "alpha is -0.5"),
        ("sigmoid-alpha_nan", "alpha is nan"),
        ("sigmoid-alpha_half", "'half'"),
        ("sigmoid-alpha_", "could not convert"),
        ("sigmoid-alpha", "alpha is None"),
        ("ipo-forward_kl", "ipo with the divergence forward_kl"),
        ("ipo-alpha_0.5", "ipo with the divergence alpha"),
        ("slic-reverse_kl", "no link 'slic'"),
        ("sigmoid-kl", "no divergence 'kl'"),
        ("sigmoid", "no divergence ''"),
        ("dpo", "no link 'dpo'"),
        ("sft", "no link 'sft'"),
        ("", "no link ''"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_the_reason(name: str, reason: str) -> None:
    with refused(f"no method {name!r}", reason, "sigmoid-reverse_kl", "curriculum"):
        find_method(name)


def test_no_number_of_a_method_is_zero_or_infinite() -> None:
    for method in METHODS.values():
        for beta in BETAS:
            assert 0 < method.coefficient(beta) < math.inf
