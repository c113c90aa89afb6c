"""What student code rebinds is put back, what it adds stays, and it sees nothing of its callers."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.solutions import PLAIN

from a3lib.kit.grading.grader import all_checks
from a3lib.kit.sandbox.worker import Child, Limits, Worker

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

pytestmark = pytest.mark.slow("starts two workers with all libraries")

HERE = Path(__file__).parent / "in_the_sandbox"
DPO = next(check for check in all_checks() if check.name == "dpo_loss.values")
LOSS = """
import torch

def compute_DPO_loss(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    {inside}
    margin = (chosen - rejected) - (reference_chosen - reference_rejected)
    return -torch.nn.functional.logsigmoid(beta * margin).mean()
"""
HONEST = {
    "the notebook's imports": (
        "from a3lib.kit.check import check\nfrom a3lib.kit.export import export_this_notebook",
        "check(compute_DPO_loss)",
    ),
    "a method more": (
        "torch.nn.Module.count = lambda self: len(list(self.parameters()))",
        "assert torch.nn.Linear(1, 1).count() == 2",
    ),
    "a property more": (
        "torch.nn.Module.where = property(lambda self: 'cpu')",
        "assert torch.nn.Linear(1, 1).where == 'cpu'",
    ),
    "another print of tensors": ("torch.Tensor.__repr__ = lambda self: 'tensor'", "repr(chosen)"),
    "JSON of tensors": ("import json\njson.JSONEncoder.default = lambda self, o: float(o)", ""),
    "loading as before": (
        "import functools\ntorch.load = functools.partial(torch.load, weights_only=False)",
        "",
    ),
    "settings": (
        "import warnings, transformers, numpy, random, matplotlib.pyplot as plt\n"
        "warnings.filterwarnings('ignore')\ntransformers.logging.set_verbosity_error()\n"
        "numpy.random.seed(0)\nrandom.seed(0)\nplt.rcParams['figure.dpi'] = 90\n"
        "torch.set_default_dtype(torch.float32)\ntorch.set_default_device('cpu')",
        "torch.manual_seed(0)",
    ),
    "records": (
        "import dataclasses, collections\nPair = collections.namedtuple('Pair', 'a b')\n"
        "@dataclasses.dataclass\nclass Settings:\n    beta: float = 0.1",
        "Pair(1, Settings())",
    ),
    "a bar, a log and a warning": (
        "import logging, warnings\nfrom tqdm import tqdm",
        "list(tqdm([1])); logging.info('x'); warnings.warn('y')",
    ),
    "a trace of an error": (
        "import traceback",
        "exec('try: 1 / 0\\nexcept ZeroDivisionError: traceback.format_exc()')",
    ),
    "a signature": ("import inspect", "inspect.signature(compute_DPO_loss)"),
    "a thread that ends": (
        "import threading",
        "t = threading.Thread(target=int); t.start(); t.join()",
    ),
    "an optimizer": (
        "",
        "o = torch.optim.RMSprop([torch.zeros(1, requires_grad=True)]); o.step(); o.zero_grad()",
    ),
    "modes that are left": ("", "torch.set_grad_enabled(True)"),
}
REFUSED = {
    "rebinds": ("torch.Tensor.tolist = lambda self: 0.0", "torch.Tensor.tolist"),
    "hides": ("torch.Tensor.__getattribute__ = object.__getattribute__", "__getattribute__"),
    "removes": ("del torch.autograd.grad", "torch.autograd.grad"),
    "builtins": ("import builtins; builtins.float = int", "Python's own functions"),
    "a thread": (
        "import threading; threading.Thread(target=at_work, daemon=True).start()",
        "a thread of it was still at work",
    ),
}
# Before and after the whole loop of `train`.
FOR_A_WHILE_IN_TRAIN = """
def in_between(train):
    def call(*given, **more):
        {before}
        try:
            return train(*given, **more)
        finally:
            {after}
    return call

train = in_between(train)
"""
# Changes of a library and of the checks' own functions, and how to undo them.
FOR_A_WHILE = {
    "a library's method": (
        "method = torch.Tensor.tolist; torch.Tensor.tolist = lambda self: method(self)",
        "torch.Tensor.tolist = method",
        "torch.Tensor.tolist",
    ),
    "a method of a watcher": (
        "kind = next(k for k in object.__subclasses__() if k.__name__ == 'Recorded'); "
        "method = kind.__call__; kind.__call__ = lambda self, *a, **k: method(self, *a, **k)",
        "kind.__call__ = method",
        "Recorded.__call__",
    ),
    "a name of the checks": (
        "kind = next(k for k in object.__subclasses__() if k.__name__ == 'Recorded'); "
        "names = kind.__init__.__globals__; find = names['find']; "
        "names['find'] = lambda *a: find(*a)",
        "names['find'] = find",
        "the checks' own functions",
    ),
}
DEBUGGERS = (
    "sys._getframe()",
    "inspect.currentframe()",
    "inspect.stack()",
    "sys.settrace(print)",
    "sys.setprofile(print)",
    "gc.get_objects()",
    "gc.get_referrers(sys)",
    "gc.get_referents(vars(dict))",
    "sys._current_frames()",
    "next(traceback.walk_tb(error().__traceback__))",
    "error().__traceback__.tb_frame",
    "(i for i in ()).gi_frame",
    "ctypes.pythonapi.PyCell_Set",
    "setattr(json.dumps, '__code__', f.__code__)",
    "setattr(json.dumps, '__defaults__', (1,))",
    # What calls it is a library, which was given it.
    "weakref.finalize(error, sys._getframe, 1)()",
    "tree_map(sys._getframe, [1])",
    "tree_map(operator.attrgetter('tb_frame'), [error().__traceback__])",
    "tree_map(inspect.stack, [1])",
    "pickle._loads(b'csys\\n_getframe\\n(I1\\ntR.')",
    "traceback.StackSummary.extract(traceback.walk_stack(None), capture_locals=True)",
    # Code that says it is a library's.
    "exec(compile('import sys; sys._getframe()', os.__file__, 'exec'))",
    "compile(ast.parse('1'), os.__file__, 'exec')",
    "error.__code__.replace(co_filename=os.__file__)",
    "types.CodeType(*parts(error.__code__))",
    "marshal.loads(marshal.dumps(error.__code__))",
    "tree_map(marshal.loads, [marshal.dumps(error.__code__)])",
)
ERROR = """
import ast, ctypes, gc, inspect, json, marshal, operator, os, pickle, sys, threading, traceback
import types, weakref
from torch.utils._pytree import tree_map

def parts(code):
    names = "argcount posonlyargcount kwonlyargcount nlocals stacksize flags code consts names "
    names += "varnames filename name qualname firstlineno linetable exceptiontable freevars "
    names += "cellvars"
    found = {name: getattr(code, f"co_{name}", None) for name in names.split()}
    return (found | {"filename": os.__file__}).values()

def error():
    try:
        1 / 0
    except ZeroDivisionError as found:
        return found
"""


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(limits=Limits(seconds=60), slot=45) as started:
        yield started


def answer_of(child: Child) -> tuple:
    reply = child.ask(DPO.probe, DPO.inputs)
    return reply.kind, reply.answers.get("loss", reply.text)


@pytest.mark.parametrize("name", HONEST)
def test_what_honest_files_do_changes_nothing(name: str, worker: Worker) -> None:
    above, inside = HONEST[name]
    with worker.child([LOSS.format(inside="pass")]) as child:
        expected = answer_of(child)
    texts = ["import torch", *above.split("\n@")[0].split("\n"), LOSS.format(inside=inside)]
    texts[1:-1] += ["@" + part for part in above.split("\n@")[1:]]
    with worker.child(texts) as child:
        assert child.load_errors == []
        assert [answer_of(child) for _ in range(2)] == [expected] * 2


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_changed_in_a_call_is_refused_and_put_back(name: str, worker: Worker) -> None:
    code, told = REFUSED[name]
    work = "import time\ndef at_work(): time.sleep(1)"
    inside = f"count.append(0)\n    if len(count) == 1: exec({code!r}, globals())"
    with worker.child(["count = []", *work.split("\n"), LOSS.format(inside=inside)]) as child:
        kind, text = answer_of(child)
        assert kind == "raised" and told in text
        if name != "a thread":
            assert answer_of(child)[0] == "answers"


@pytest.mark.parametrize("name", FOR_A_WHILE)
def test_what_is_changed_for_a_while_is_refused(name: str, worker: Worker) -> None:
    before, after, told = FOR_A_WHILE[name]
    asked = next(check for check in all_checks() if check.name == "train.learns")
    # Else the loop calls functions of the file itself, after which all is looked at anyhow.
    inputs = asked.inputs | {"stand_ins": True}
    right = PLAIN.read_text(encoding="utf-8")
    with worker.child([right, FOR_A_WHILE_IN_TRAIN.format(before="pass", after="pass")]) as child:
        reply = child.ask(asked.probe, inputs)
        assert reply.kind == "answers", reply.text
    with worker.child([right, FOR_A_WHILE_IN_TRAIN.format(before=before, after=after)]) as child:
        reply = child.ask(asked.probe, inputs)
    assert reply.kind == "raised" and told in reply.text


def test_no_library_calls_a_file_while_the_checks_prepare(worker: Worker) -> None:
    texts = [
        "import torch, torch._dynamo",
        "calls = []",
        "class Loading:\n    torch.compiler.set_stance = torch._dynamo.set_stance = "
        "torch.cuda._is_in_bad_fork = lambda *given, **more: calls.append(given)",
        LOSS.format(inside="return torch.tensor(float(len(calls)))"),
    ]
    with worker.child(texts) as child:
        assert child.load_errors == []
        assert answer_of(child) == ("answers", 0.0)


def test_what_is_changed_by_loading_is_put_back(worker: Worker) -> None:
    texts = [
        "import torch, builtins, json, sys",
        "torch.Tensor.tolist = torch.Tensor.detach = lambda self: 0.0",
        "builtins.float = builtins.max = builtins.all = builtins.abs = None",
        "json.JSONEncoder.iterencode = torch.autograd.grad = None",
        "torch.set_grad_enabled(False)",
        "torch.set_default_dtype(torch.float16)",
        "sys.modules['json'] = sys.modules['tempfile'] = None",
    ]
    with worker.child([LOSS.format(inside="pass")]) as child:
        expected = answer_of(child)
    with worker.child([*texts, LOSS.format(inside="pass")]) as child:
        assert answer_of(child) == expected


def test_no_hook_of_its_own_sees_what_is_audited(worker: Worker) -> None:
    code = """
import sys
seen = []

def f():
    sys.addaudithook(lambda event, arguments: seen.append(event))
    compile("1", "text", "eval")
    return float(len(seen))

def compute_DPO_loss(*sums, beta=0.1):
    import torch
    return torch.tensor(f())
"""
    with worker.child([code]) as child:
        assert answer_of(child) == ("answers", 0.0)


@pytest.mark.parametrize(
    "code",
    [
        "signal.signal(signal.SIGUSR1, lambda number, frame: frame)",
        "resource.setrlimit(resource.RLIMIT_CPU, (1, 1))",
        "resource.prlimit(0, resource.RLIMIT_CPU, (1, 1))",
    ],
)
def test_the_kernel_refuses_handlers_and_lower_limits(code: str, worker: Worker) -> None:
    text = f"""
import resource, signal

def compute_DPO_loss(*sums, beta=0.1):
    resource.getrlimit(resource.RLIMIT_CPU), resource.prlimit(0, resource.RLIMIT_CPU)
    {code}
"""
    with worker.child([text]) as child:
        kind, told = answer_of(child)
    assert kind == "raised" and ("not permitted" in told or "not allowed" in told), told


def test_every_optimizers_steps_are_seen_though_torch_is_put_back(worker: Worker) -> None:
    """Torch wraps an optimizer's class when the first one is made, which is no change to undo."""
    steps = """
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

def compute_DPO_loss(*sums, beta=0.1):
    seen = []
    hook = register_optimizer_step_post_hook(lambda *call: seen.append(call))
    for kind in (torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop, torch.optim.NAdam):
        weight = torch.ones(2, requires_grad=True)
        weight.grad = torch.ones(2)
        kind([weight], lr=0.1).step()
    hook.remove()
    return torch.tensor(float(len(seen)))
"""
    with worker.child([steps]) as child:
        assert [answer_of(child) for _ in range(2)] == [("answers", 4.0)] * 2
        assert child.load_errors == []


@pytest.mark.parametrize("code", DEBUGGERS)
def test_what_debuggers_do_is_refused(code: str) -> None:
    with debugged(ERROR + f"def f():\n    {code}\n    return 1") as child:
        reply = child.ask("f", {})
    assert reply.kind == "raised" and "for debuggers" in reply.text, reply


def test_a_course_may_debug_its_own_code() -> None:
    code = ERROR + "def f():\n    return len(inspect.stack()) + len(gc.get_objects())"
    settings = {"probes": "stand_in_probes", "folders": (HERE,), "preload": ()}
    with Worker(trusted=True, slot=43, **settings) as started, started.child([code]) as child:
        assert child.ask("f", {}).kind == "answers"


STARTED: list[Worker] = []


def debugged(code: str):
    return STARTED[0].child([code])


@pytest.fixture(scope="module", autouse=True)
def light_worker() -> Iterator[None]:
    limits = Limits(seconds=20)
    with Worker(
        probes="stand_in_probes", folders=(HERE,), preload=(), limits=limits, slot=46
    ) as started:
        STARTED.append(started)
        yield


@pytest.mark.parametrize(
    "name", ["a3lib.kit.checks.probes.dispatch", "a3lib.kit.checks.fixtures", "a3lib.kit.sandbox"]
)
def test_the_kit_cannot_be_imported(name: str, worker: Worker) -> None:
    texts = [f"import {name}", "import a3lib.kit; found = dir(a3lib.kit); assert found[-1] > '_'"]
    with worker.child([*texts, "import sys; assert 'checks' not in dir(a3lib.kit)"]) as child:
        assert len(child.load_errors) == 1 and name in child.load_errors[0]


def test_an_answer_without_the_key_is_not_taken() -> None:
    code = """
import os, struct
def f():
    body = b'{"value": 1}'
    os.write(3, struct.pack(">IBI", 2, 2, len(body) + 16) + bytes(16) + body)
    return 0
"""
    with debugged(code) as child:
        reply = child.ask("f", {})
    assert (reply.kind, reply.text) == ("unreadable", "the answer was not written by the probes")
