"""The reward is the softmax probability of the label that means positive."""

import copy
import math

import pytest
import torch
from helpers.tiny_checkpoints import save_tiny_classifier
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from a3lib.errors import InputError
from a3lib.models import load_reward_model
from a3lib.rewards import (
    NEGATIVE_PROBES,
    POSITIVE_PROBES,
    find_positive_label,
    label_probabilities,
    named_positive_label,
    positive_label,
    positive_probability,
)
from a3lib.tinyworld import REWARD_MODEL_FOLDER

Loaded = tuple[PreTrainedModel, PreTrainedTokenizerBase]

TEXTS = [
    "This movie is wonderful and I loved it.",
    "bad",
    "",
    "The acting was bad but the story is great, and I would see it again with my friends.",
    "It is one of the worst films I have ever seen.",
    "The film",
    "An unseen wörd: zxqv!",
    "This movie is terrible and I hated it. " * 40,
]


@pytest.fixture(scope="module")
def shipped() -> Loaded:
    return load_reward_model(str(REWARD_MODEL_FOLDER))


def classifier_with(shipped: Loaded, names: list[str], order: list[int]) -> PreTrainedModel:
    """The shipped classifier with these label names, its head's rows in this order."""
    model = copy.deepcopy(shipped[0])
    model.classifier.weight.data = model.classifier.weight.data[order].clone()
    model.classifier.bias.data = model.classifier.bias.data[order].clone()
    model.config.id2label = dict(enumerate(names))
    return model


@torch.no_grad()
def by_hand(texts: list[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """The softmax over the labels, text by text, in float64 and without padding."""
    precise = copy.deepcopy(model).double().eval()
    rows = []
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=128)["input_ids"]
        logits = precise(input_ids=torch.tensor([ids])).logits[0].tolist()
        total = sum(math.exp(x) for x in logits)
        rows.append([math.exp(x) / total for x in logits])
    return torch.tensor(rows)


def test_the_reward_is_the_softmax_probability_of_positive(shipped: Loaded) -> None:
    scores = positive_probability(TEXTS, *shipped)
    assert scores.shape == (len(TEXTS),)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, by_hand(TEXTS, *shipped)[:, 1], rtol=0, atol=1e-5)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_praise_scores_high_and_blame_low(shipped: Loaded) -> None:
    scores = positive_probability([*POSITIVE_PROBES, *NEGATIVE_PROBES], *shipped)
    assert scores[:3].min() > 0.8
    assert scores[3:].max() < 0.2


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_batch_size_does_not_matter(shipped: Loaded, batch_size: int) -> None:
    scores = positive_probability(TEXTS, *shipped, batch_size=batch_size)
    torch.testing.assert_close(scores, positive_probability(TEXTS, *shipped), rtol=0, atol=1e-6)


def test_order_does_not_matter(shipped: Loaded) -> None:
    scores = positive_probability(TEXTS, *shipped, batch_size=3)
    turned = positive_probability(TEXTS[::-1], *shipped, batch_size=3)
    torch.testing.assert_close(turned.flip(0), scores, rtol=0, atol=1e-6)


def test_batches_are_no_larger_than_asked(shipped: Loaded) -> None:
    model, tokenizer = copy.deepcopy(shipped[0]), shipped[1]
    positive_label(model, tokenizer)
    rows: list[int] = []
    model.classifier.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    positive_probability(TEXTS, model, tokenizer, batch_size=3)
    assert rows == [3, 3, 2]


def test_no_texts_give_no_scores(shipped: Loaded) -> None:
    assert positive_probability([], *shipped).shape == (0,)


def test_an_empty_text_has_a_score(shipped: Loaded) -> None:
    alone = positive_probability([""], *shipped)
    assert 0 < alone.item() < 1
    with_others = positive_probability(["", TEXTS[0]], *shipped)
    torch.testing.assert_close(with_others[:1], alone, rtol=0, atol=1e-6)


def test_a_text_beyond_the_limit_is_cut_at_its_end(shipped: Loaded) -> None:
    model, tokenizer = shipped
    filler = "This movie is wonderful and I loved it. " * 30
    scores = positive_probability([filler, filler + NEGATIVE_PROBES[0] * 30], model, tokenizer)
    assert len(tokenizer(filler)["input_ids"]) > 128
    assert scores[0].item() == pytest.approx(scores[1].item(), abs=1e-6)


def test_a_text_beyond_the_models_positions_is_cut_too(shipped: Loaded) -> None:
    model, tokenizer = shipped[0], copy.deepcopy(shipped[1])
    tokenizer.model_max_length = 10**30  # as tokenizers have it that were saved without a limit
    text = "This movie is wonderful and I loved it. " * 30
    assert positive_probability([text], model, tokenizer).item() > 0.9


def test_dropout_is_off_and_no_gradient_is_kept(shipped: Loaded) -> None:
    model, tokenizer = copy.deepcopy(shipped[0]).requires_grad_(True), shipped[1]
    quiet = positive_probability(TEXTS, *shipped)
    model.train()
    scores = positive_probability(TEXTS, model, tokenizer)
    torch.testing.assert_close(scores, quiet, rtol=0, atol=1e-6)
    assert all(module.training for module in model.modules())
    assert not scores.requires_grad


def test_a_half_precision_classifier_gives_float32_probabilities(shipped: Loaded) -> None:
    model = copy.deepcopy(shipped[0]).bfloat16()
    found = label_probabilities(TEXTS, model, shipped[1])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.sum(dim=1), torch.ones(len(TEXTS)), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        found[:, 1], positive_probability(TEXTS, *shipped), rtol=0, atol=0.05
    )


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["NEGATIVE", "POSITIVE"], [0, 1]),
        (["POSITIVE", "NEGATIVE"], [1, 0]),
        (["pos", "neg"], [1, 0]),
        (["Negative", "Positive"], [0, 1]),
        (["LABEL_0", "LABEL_1"], [0, 1]),
        (["LABEL_0", "LABEL_1"], [1, 0]),
    ],
)
def test_the_positive_label_is_found_whatever_its_place(
    shipped: Loaded, names: list[str], order: list[int]
) -> None:
    model = classifier_with(shipped, names, order)
    assert find_positive_label(model, shipped[1]) == order.index(1)
    scores = positive_probability(TEXTS, model, shipped[1])
    torch.testing.assert_close(scores, positive_probability(TEXTS, *shipped), rtol=0, atol=1e-6)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_third_label_takes_its_share_of_the_probability(shipped: Loaded, place: int) -> None:
    order = [0, 0]
    order.insert(place, 1)
    names = ["negative", "neutral"]
    names.insert(place, "positive")
    model = classifier_with(shipped, names, order)
    scores = positive_probability(TEXTS, model, shipped[1])
    expected = by_hand(TEXTS, model, shipped[1])
    torch.testing.assert_close(scores, expected[:, place], rtol=0, atol=1e-5)
    assert (scores < positive_probability(TEXTS, *shipped)).all()


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["1 star", "5 stars"], [0, 1]),
        (["LABEL_0", "LABEL_1", "LABEL_2"], [0, 0, 1]),
        (["pos", "positive"], [0, 1]),
        (["LABEL_0", "toxic"], [0, 1]),
        (["good"], [1]),
    ],
)
def test_labels_without_a_telling_name_are_an_error_that_names_them(
    shipped: Loaded, names: list[str], order: list[int]
) -> None:
    model = classifier_with(shipped, names, order)
    with pytest.raises(InputError, match="no label called positive") as caught:
        positive_probability(TEXTS, model, shipped[1])
    assert all(repr(name) in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["POSITIVE", "NEGATIVE"], [0, 1]),  # the names are swapped and the head is not
        (["NEGATIVE", "POSITIVE"], [1, 0]),
        (["NEGATIVE", "POSITIVE"], [1, 1]),  # the head tells nothing
        (["LABEL_0", "LABEL_1"], [1, 1]),
    ],
)
def test_names_that_the_probes_contradict_are_an_error(
    shipped: Loaded, names: list[str], order: list[int]
) -> None:
    model = classifier_with(shipped, names, order)
    with pytest.raises(InputError, match="its positive class cannot be determined") as caught:
        positive_probability(TEXTS, model, shipped[1])
    assert all(repr(name) in str(caught.value) for name in names)


@pytest.mark.parametrize("names", [["NEGATIVE", "POSITIVE"], ["LABEL_0", "LABEL_1"]])
def test_a_random_classifier_is_an_error_that_names_its_labels(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("classifier")
    save_tiny_classifier(folder)
    model, tokenizer = load_reward_model(str(folder))
    model.config.id2label = dict(enumerate(names))
    with pytest.raises(InputError) as caught:
        positive_probability(TEXTS, model, tokenizer)
    assert all(repr(name) in str(caught.value) for name in names)
    assert repr(str(folder)) in str(caught.value)


def test_names_alone_tell_the_positive_label() -> None:
    assert named_positive_label({0: "NEG", 1: "POS"}) == 1
    assert named_positive_label({0: "Positive", 1: "neutral", 2: "negative"}) == 0
    assert named_positive_label({0: "pos", 1: "positive"}) is None
    assert named_positive_label({0: "not positive", 1: "1 star"}) is None


def test_the_label_is_looked_for_once_a_model(shipped: Loaded) -> None:
    model, tokenizer = copy.deepcopy(shipped[0]), shipped[1]
    calls: list[nn.Module] = []
    model.register_forward_hook(lambda module, *_: calls.append(module))
    positive_probability(TEXTS[:1], model, tokenizer)
    assert len(calls) == 3  # two kinds of probes and the text
    positive_probability(TEXTS[:1], model, tokenizer)
    assert len(calls) == 4


def test_each_model_has_its_own_label(shipped: Loaded) -> None:
    turned = classifier_with(shipped, ["POSITIVE", "NEGATIVE"], [1, 0])
    assert positive_label(shipped[0], shipped[1]) == 1
    assert positive_label(turned, shipped[1]) == 0
    assert positive_label(shipped[0], shipped[1]) == 1


def test_the_text_that_scores_nan_is_named(shipped: Loaded) -> None:
    model, tokenizer = copy.deepcopy(shipped[0]), shipped[1]
    words = {
        token
        for text in [*POSITIVE_PROBES, *NEGATIVE_PROBES]
        for token in tokens_of(text, tokenizer)
    }
    text = "The ending is shocking"
    broken = next(token for token in tokens_of(text, tokenizer) if token not in words)
    model.get_input_embeddings().weight.data[broken] = math.nan
    assert positive_probability([TEXTS[0]], model, tokenizer).isfinite().all()
    with pytest.raises(InputError, match="'The ending is shocking' as NaN"):
        positive_probability([TEXTS[0], text, TEXTS[0]], model, tokenizer)


def tokens_of(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    return list(tokenizer(text)["input_ids"])


def test_weights_of_nan_are_an_error(shipped: Loaded) -> None:
    model, tokenizer = copy.deepcopy(shipped[0]), shipped[1]
    nan_from_the_start = copy.deepcopy(model)
    nan_from_the_start.classifier.weight.data.fill_(math.nan)
    with pytest.raises(InputError, match="NEGATIVE"):
        positive_probability(["Fine."], nan_from_the_start, tokenizer)

    positive_probability(["Fine."], model, tokenizer)
    model.classifier.weight.data.fill_(math.nan)
    with pytest.raises(InputError, match=r"'Fine\.' as NaN"):
        positive_probability(["Fine."], model, tokenizer)


def test_the_prompt_of_the_text_that_scores_nan_is_shown(shipped: Loaded) -> None:
    model, tokenizer = copy.deepcopy(shipped[0]), shipped[1]
    prompts = ["The", "My brother said", "The ending", "", "Is it"]
    texts = ["The film", "My brother said so.", "The ending is shocking", "Great", "Is it?"]
    harmless = [*POSITIVE_PROBES, *NEGATIVE_PROBES, *texts[:2], *texts[3:]]
    words = {token for text in harmless for token in tokens_of(text, tokenizer)}
    broken = next(token for token in tokens_of(texts[2], tokenizer) if token not in words)
    model.get_input_embeddings().weight.data[broken] = math.nan
    for batch_size in (1, 2, 64):  # the row is counted over all batches
        with pytest.raises(InputError) as caught:
            positive_probability(texts, model, tokenizer, batch_size=batch_size, prompts=prompts)
        message = str(caught.value)
        assert "'The ending is shocking' (of the prompt 'The ending') as NaN" in message
    with pytest.raises(InputError) as caught:
        positive_probability(texts, model, tokenizer)
    assert "prompt" not in str(caught.value)


def test_an_empty_prompt_is_shown_too(shipped: Loaded) -> None:
    model, tokenizer = copy.deepcopy(shipped[0]), shipped[1]
    positive_label(model, tokenizer)
    model.classifier.bias.data.fill_(math.nan)
    with pytest.raises(InputError, match=r"'Fine\.' \(of the prompt ''\) as NaN"):
        positive_probability(["Fine."], model, tokenizer, prompts=[""])


def test_prompts_change_no_score(shipped: Loaded) -> None:
    prompts = [text[:3] for text in TEXTS]
    scores = positive_probability(TEXTS, *shipped, prompts=prompts)
    assert torch.equal(scores, positive_probability(TEXTS, *shipped))
