"""Names that only the author's machine has are replaced."""

import ast
from pathlib import Path

import pytest
from helpers.read_submissions import kept, left_out, read, reasons

# A function's body, and what becomes of it.
DEVICES = {
    "return x.to('mps')": "return x.to(device)",
    "return x.to(device='cuda:1')": "return x.to(device=device)",
    "return x.cuda()": "return x.to(device)",
    "return x.a.cuda(0).b('cuda')": "return x.a.to(device).b(device)",
    "return torch.device('cuda', 0)": "return torch.device(device)",
    "return torch.device('mps' if y else 'cpu')": "return torch.device(device if y else 'cpu')",
    "device = 'cuda'; return x.to(device)": "device = 'cpu'; return x.to(device)",
    "device = torch.device('mps')": "device = torch.device('cpu')",
    "torch.mps.empty_cache(); return x": "pass; return x",
    "torch.cuda.synchronize(); return x": "pass; return x",
    "y: str = 'cuda'": "y: str = device",
    "g = lambda a, *, b='cuda': b": "g = lambda a, *, b=device: b",
    "return AdamW(x, lr=1, correct_bias=False)": "return AdamW(x, lr=1)",
    "return transformers.AdamW(x)": "return __import__('torch').optim.AdamW(x)",
    "return tqdm.notebook.tqdm(x)": "return tqdm.tqdm(x)",
    "from tqdm.notebook import tqdm as t": "from tqdm import tqdm as t",
    "from tqdm import tqdm_notebook": "from tqdm import tqdm as tqdm_notebook",
    "import tqdm.notebook as t": "import tqdm as t",
    "from transformers import AutoModelWithLMHead, pipeline": "from transformers import "
    "AutoModelForCausalLM as AutoModelWithLMHead, pipeline",
}
NO_DEVICES = (
    "with torch.autocast('cuda'): return x",
    "return torch.amp.GradScaler('cuda')",
    "return x.device.type == 'cuda'",
    "return torch.cuda.is_available()",
    "return str(x).startswith('cuda')",
    "return {'cuda': 1}['cuda']",
    "return 'cuda cores', x.f('cudax')",
    "return torch.cuda.empty_cache()",
    "from torch.cuda.amp import GradScaler, autocast",
    "return Adam(x, correct_bias=False)",
)


@pytest.mark.parametrize("body", [*DEVICES, *NO_DEVICES])
def test_names_that_only_the_author_has_are_replaced_and_listed(body: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"# above\ndef f(x, y):\n    {body}\n")
    new = DEVICES.get(body, body)
    assert ast.dump(ast.parse(found.kept[0].text)) == ast.dump(
        ast.parse(f"def f(x, y):\n    {new}\n")
    )
    listed = {item.line for item in found.left_out}
    assert listed == ({3} if body in DEVICES else set()) or body.startswith("return tqdm")
    assert body in DEVICES or found.kept[0].text.startswith("# above\n")


def test_replaced_names_say_what_became_of_them(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
        import torch
        from transformers import AdamW, GPT2Config
        from transformers.optimization import AdamW as Old
        DEV = torch.device("cuda:0")
        OTHER = "mps"
        def f(x, d="cuda"):
            return x.to(DEV), \\
                x.to("mps")
        """,
    )
    assert kept(found)[1:] == [
        "from torch.optim import AdamW",
        "from transformers import GPT2Config",
        "from torch.optim import AdamW as Old",
        "DEV = torch.device(device)",
        "OTHER = device",
        "def f(x, d=device):;     return (x.to(DEV), x.to(device))",
    ]
    assert left_out(found) == [
        (2, "from transformers import AdamW, GPT2Config"),
        (3, "from transformers.optimization import AdamW as Old"),
        (4, "'cuda:0'"),
        (5, "'mps'"),
        (6, "'cuda'"),
        (8, "'mps'"),
    ]
    assert reasons(found)[5] == "rewritten to device, because graders have no such device"
