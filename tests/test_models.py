"""Models and tokenizers are loaded as the library needs them, or refused with what to do."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from datasets import config as datasets_config
from helpers.refusals import refused
from helpers.tiny_checkpoints import (
    byte_level_tokenizer,
    review_texts,
    save_tiny_classifier,
    save_tiny_gpt2,
)
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BloomConfig,
    BloomForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from a3lib import models
from a3lib.models import (
    choose_device,
    has_tokenizer,
    load_policy,
    load_reference,
    load_reward_model,
    load_tokenizer,
)
from a3lib.util import hub
from a3lib.util.hub import looks_local

LOADERS: list[Callable[[str], Any]] = [
    load_tokenizer,
    load_policy,
    load_reference,
    load_reward_model,
]

# The size of each random model.
SIZE: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 32,
    "bos_token_id": 1,
    "eos_token_id": 1,
    "pad_token_id": 0,
}


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Do as with HF_HUB_OFFLINE=1 in the environment, and note every address that is looked up."""
    asked: list[str] = []

    def refuse(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise OSError("no network in the tests")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets_config, "HF_HUB_OFFLINE", True)
    # The look at the hub is taken once a process; here, once a test.
    monkeypatch.setattr(
        models, "use_local_cache_if_unreachable", hub.use_local_cache_if_unreachable.__wrapped__
    )
    return asked


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random `policy` and a random `classifier`, and both in half precision."""
    folder = tmp_path_factory.mktemp("checkpoints")
    save_tiny_gpt2(folder / "policy")
    save_tiny_classifier(folder / "classifier")
    save_tiny_gpt2(folder / "half_policy")
    save_tiny_classifier(folder / "half_classifier")
    halve(AutoModelForCausalLM, folder / "half_policy")
    halve(AutoModelForSequenceClassification, folder / "half_classifier")
    return folder


def halve(auto_class: Any, folder: Path) -> None:
    """Save a checkpoint again in half precision."""
    auto_class.from_pretrained(folder).half().save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["dtype"] == "float16"


def save_loud(model: PreTrainedModel, folder: Path) -> str:
    """Save a model whose logits are as large as a trained model's, and return its folder."""
    with torch.no_grad():
        head = model.get_output_embeddings().weight
        head *= 20 / model(input_ids=torch.arange(3)[None]).logits.abs().max()
        loudest = model(input_ids=torch.arange(3)[None]).logits.abs().max()
    assert loudest > 1.5
    model.save_pretrained(folder)
    return str(folder)


def save_tokenizer(folder: Path, **special: str) -> str:
    """Save a tokenizer with these special tokens beside a model, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_level_tokenizer(review_texts(), [*special.values()])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    LlamaConfig(**SIZE).save_pretrained(folder)
    return str(folder)


# The tokenizer


def test_the_tokenizer_pads_on_the_left_with_eos(checkpoints: Path) -> None:
    tokenizer = load_tokenizer(str(checkpoints / "policy"))
    assert tokenizer.padding_side == "left"
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    found = tokenizer(["a", "a film"], padding=True)
    assert found["input_ids"][0][0] == tokenizer.eos_token_id
    assert found["attention_mask"][0][0] == 0


def test_padding_is_eos_even_where_the_tokenizer_has_its_own(tmp_path: Path) -> None:
    folder = save_tokenizer(tmp_path / "padded", pad_token="<pad>", eos_token="</s>")
    tokenizer = load_tokenizer(folder)
    assert tokenizer.pad_token == "</s>"
    assert tokenizer.pad_token_id == tokenizer.convert_tokens_to_ids("</s>") != 0


def test_a_tokenizer_that_is_saved_with_right_padding_pads_on_the_left(tmp_path: Path) -> None:
    folder = Path(save_tokenizer(tmp_path / "right", eos_token="</s>"))
    file = folder / "tokenizer_config.json"
    options = json.loads(file.read_text(encoding="utf-8")) | {"padding_side": "right"}
    file.write_text(json.dumps(options), encoding="utf-8")
    assert load_tokenizer(str(folder)).padding_side == "left"


def test_a_tokenizer_without_eos_is_refused(tmp_path: Path) -> None:
    folder = save_tokenizer(tmp_path / "endless", unk_token="<unk>")
    with refused(f"The tokenizer of '{folder}' has no EOS token", "set eos_token in it"):
        load_tokenizer(folder)


# Policy, reference and reward model


@pytest.mark.parametrize("name", ["policy", "half_policy"])
def test_a_policy_is_float32_whatever_the_checkpoint_is(checkpoints: Path, name: str) -> None:
    for load in (load_policy, load_reference):
        model = load(str(checkpoints / name))
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["classifier", "half_classifier"])
def test_a_reward_model_is_float32_whatever_the_checkpoint_is(checkpoints: Path, name: str) -> None:
    model, _ = load_reward_model(str(checkpoints / name))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_dropout_is_off_in_all_of_them(checkpoints: Path) -> None:
    folder = str(checkpoints / "policy")
    loaded = [load_policy(folder), load_reference(folder)]
    loaded.append(load_reward_model(str(checkpoints / "classifier"))[0])
    assert not any(module.training for model in loaded for module in model.modules())


def test_only_the_policy_takes_gradients(checkpoints: Path) -> None:
    folder = str(checkpoints / "policy")
    reward_model, _ = load_reward_model(str(checkpoints / "classifier"))
    assert all(parameter.requires_grad for parameter in load_policy(folder).parameters())
    assert not any(parameter.requires_grad for parameter in load_reference(folder).parameters())
    assert not any(parameter.requires_grad for parameter in reward_model.parameters())


def test_the_reference_begins_as_the_policy_and_stays_when_that_changes(checkpoints: Path) -> None:
    policy = load_policy(str(checkpoints / "policy"))
    reference = load_reference(str(checkpoints / "policy"))
    before = {name: value.clone() for name, value in reference.state_dict().items()}
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 1
    assert all(torch.equal(value, before[name]) for name, value in reference.state_dict().items())


def test_the_weights_are_those_of_the_checkpoint(checkpoints: Path) -> None:
    folder = checkpoints / "policy"
    saved = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    loaded = load_policy(str(folder)).state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in loaded.items())


def test_the_reward_models_tokenizer_is_its_own(checkpoints: Path) -> None:
    model, tokenizer = load_reward_model(str(checkpoints / "classifier"))
    assert tokenizer.pad_token == "[PAD]"
    assert len(tokenizer) == model.config.vocab_size
    assert model.config.id2label == {0: "NEGATIVE", 1: "POSITIVE"}


# Devices and names


@pytest.mark.parametrize(
    ("cuda", "mps", "device"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_cuda_comes_before_mps_and_mps_before_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device().type == device


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("distilgpt2", False),
        ("distilbert/distilgpt2", False),
        ("a/b/c", True),
        ("./policy", True),
        ("../policy", True),
        ("/nowhere", True),
        ("~/policy", True),
        ("here", True),
        ("here/inside", True),
    ],
)
def test_a_name_is_local_if_it_exists_or_cannot_be_on_the_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, local: bool
) -> None:
    (tmp_path / "here" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert looks_local(name) == local


@pytest.mark.parametrize(
    "file", ["tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model"]
)
def test_a_folder_with_a_usual_tokenizer_file_has_a_tokenizer(tmp_path: Path, file: str) -> None:
    assert not has_tokenizer(tmp_path)
    (tmp_path / file).touch()
    assert has_tokenizer(tmp_path)


def test_a_folder_may_begin_with_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, checkpoints: Path
) -> None:
    monkeypatch.setenv("HOME", str(checkpoints))
    assert load_policy("~/policy").num_parameters() > 0


# What cannot be used


@pytest.mark.parametrize("load", LOADERS)
def test_an_unknown_hub_name_is_refused_with_what_to_give_instead(
    load: Callable[[str], Any], addresses: list[str]
) -> None:
    what = "reward model" if load is load_reward_model else "policy"
    with refused(
        f"The {what} 'nobody/nothing' cannot be loaded (",
        "check the name and the connection",
        "--policy",
        "--reward-model",
        "tiny profile (--profile tiny)",
    ):
        load("nobody/nothing")
    assert addresses == []


def test_without_a_network_a_hub_name_is_asked_for_once_and_refused(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with refused("The policy 'nobody/nothing' cannot be loaded (", "--profile tiny"):
        load_policy("nobody/nothing")
    assert len(addresses) == 1


def test_no_folder_looks_for_the_hub(
    monkeypatch: pytest.MonkeyPatch, checkpoints: Path, addresses: list[str]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    load_policy(str(checkpoints / "policy"))
    load_reward_model(str(checkpoints / "classifier"))
    assert addresses == []


@pytest.mark.parametrize("load", LOADERS)
def test_a_folder_without_a_config_is_no_checkpoint(
    tmp_path: Path, load: Callable[[str], Any]
) -> None:
    with refused(f"'{tmp_path}' is not a checkpoint folder", "config.json", "save_pretrained"):
        load(str(tmp_path))


def test_a_path_that_does_not_exist_is_not_looked_for_on_the_hub() -> None:
    with refused("'./nowhere' is not a checkpoint folder", "hub name"):
        load_policy("./nowhere")


@pytest.mark.parametrize("load", [load_tokenizer, load_reward_model])
def test_a_folder_without_a_tokenizer_is_refused(
    tmp_path: Path, load: Callable[[str], Any]
) -> None:
    LlamaConfig(**SIZE).save_pretrained(tmp_path)
    with refused(f"folder '{tmp_path}' has no tokenizer", "tokenizer.save_pretrained"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "load"),
    [
        ("model.safetensors", load_policy),
        ("config.json", load_policy),
        ("tokenizer.json", load_tokenizer),
    ],
)
def test_a_broken_folder_is_refused_with_a_look_at_its_files(
    tmp_path: Path, file: str, load: Callable[[str], Any]
) -> None:
    save_tiny_gpt2(tmp_path)
    (tmp_path / file).write_bytes(b"{")
    with refused(f"The policy '{tmp_path}' cannot be loaded (", "check the files in it"):
        load(str(tmp_path))


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    save_tiny_gpt2(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with refused(f"The policy '{tmp_path}' cannot be loaded (", "check the files in it"):
        load_policy(str(tmp_path))


def test_a_classifier_is_no_policy(checkpoints: Path) -> None:
    with refused("cannot be loaded (", "check the files in it"):
        load_policy(str(checkpoints / "classifier"))


# Policies that the library can and cannot score


def gemma2(softcap: float | None) -> PreTrainedModel:
    torch.manual_seed(0)
    return Gemma2ForCausalLM(Gemma2Config(**SIZE, head_dim=8, final_logit_softcapping=softcap))


def test_a_llama_is_accepted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    folder = save_loud(LlamaForCausalLM(LlamaConfig(**SIZE)), tmp_path / "llama")
    assert isinstance(load_policy(folder), LlamaForCausalLM)


def test_a_gpt_neox_is_accepted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    size = {key: value for key, value in SIZE.items() if key != "num_key_value_heads"}
    folder = save_loud(GPTNeoXForCausalLM(GPTNeoXConfig(**size)), tmp_path / "neox")
    assert isinstance(load_policy(folder), GPTNeoXForCausalLM)


def test_gemma_is_accepted_where_its_logits_are_not_capped(tmp_path: Path) -> None:
    folder = save_loud(gemma2(None), tmp_path / "uncapped")
    assert isinstance(load_policy(folder), Gemma2ForCausalLM)


@pytest.mark.parametrize("softcap", [2.0, 50.0])
def test_gemma_is_refused_where_its_logits_are_capped(tmp_path: Path, softcap: float) -> None:
    folder = save_loud(gemma2(softcap), tmp_path / "capped")
    with refused(
        f"The policy '{folder}' changes its logits after the output head",
        "take a GPT-2 or Llama type",
    ):
        load_policy(folder)


@pytest.mark.parametrize(
    ("model_class", "config"),
    [
        (CohereForCausalLM, CohereConfig(**SIZE, logit_scale=0.0625)),
        (GraniteForCausalLM, GraniteConfig(**SIZE, logits_scaling=8.0)),
    ],
)
def test_policies_that_scale_their_logits_are_refused(
    tmp_path: Path, model_class: Any, config: Any
) -> None:
    torch.manual_seed(0)
    folder = save_loud(model_class(config), tmp_path / "scaled")
    for load in (load_policy, load_reference):
        with refused("changes its logits after the output head"):
            load(folder)


def test_a_policy_without_position_ids_is_refused(tmp_path: Path) -> None:
    size: dict[str, Any] = {"vocab_size": 64, "hidden_size": 16, "n_layer": 1, "n_head": 2}
    BloomForCausalLM(BloomConfig(**size)).save_pretrained(tmp_path)
    with refused(f"The policy '{tmp_path}' takes no position ids", "take a GPT-2 or Llama type"):
        load_policy(str(tmp_path))
