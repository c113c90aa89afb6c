"""Correct solutions whose state is made at the top level, in more than one step or by code.

Each pairs statements with an expression that is 1 where they have run; the DPO loss is multiplied
by it, so that what is lost raises an error or gives another loss.
"""

from helpers.solutions import Right

LOSS = """

def compute_DPO_loss(
    policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps,
    beta=0.1,
):
    gap = policy_chosen_logps - policy_rejected_logps
    gap = gap - reference_chosen_logps + reference_rejected_logps
    return -F.logsigmoid(beta * gap).mean() * ({one})
"""

# Statements, and an expression that is 1 after them.
STATES: dict[str, tuple[str, str]] = {
    "a dict filled by an item": ('CONFIG = {}\nCONFIG["one"] = 1', 'CONFIG["one"]'),
    "a dict in a dict": (
        'CONFIG = {"loss": {}}\nCONFIG["loss"]["one"] = 1',
        'CONFIG["loss"]["one"]',
    ),
    "a dict by update": ("CONFIG = {}\nCONFIG.update(one=1)", 'CONFIG["one"]'),
    "a dict by setdefault": ('CONFIG = {}\nCONFIG.setdefault("one", 1)', 'CONFIG["one"]'),
    "a dict by its union": ('CONFIG = {}\nCONFIG |= {"one": 1}', 'CONFIG["one"]'),
    "a dict by a loop": (
        'CONFIG = {}\nfor key, value in [("zero", 0), ("one", 1)]:\n    CONFIG[key] = value',
        'CONFIG["one"]',
    ),
    "a dict by a comprehension": (
        'NAMES = []\nNAMES.append("one")\nCONFIG = {name: 1 for name in NAMES}',
        'CONFIG["one"]',
    ),
    "a dict without an item": ('CONFIG = {"one": 2}\ndel CONFIG["one"]', 'CONFIG.get("one", 1)'),
    "a dict in a with": (
        'CONFIG = {}\nwith torch.no_grad():\n    CONFIG["one"] = torch.ones(())',
        'CONFIG["one"]',
    ),
    "a dict in a try": (
        'CONFIG = {}\ntry:\n    CONFIG["one"] = int("one")\nexcept ValueError:\n'
        '    CONFIG["one"] = 1',
        'CONFIG["one"]',
    ),
    "a dict in an if": (
        'CONFIG = {}\nif SEED_TOKENS > 5:\n    CONFIG["one"] = 1\nelse:\n    CONFIG["one"] = 2',
        'CONFIG["one"]',
    ),
    "a dict by dict()": ('CONFIG = dict()\nCONFIG["one"] = float("1")', 'CONFIG["one"]'),
    "a defaultdict": (
        'from collections import defaultdict\nFOUND = defaultdict(list)\nFOUND["a"].append(1)',
        'FOUND["a"][0]',
    ),
    "a list by append": ("ONES = []\nONES.append(1)", "ONES[0]"),
    "a list by extend and pop": ("ONES = []\nONES.extend([1, 2])\nONES.pop()", "ONES[-1]"),
    "a list by +=": ("ONES = []\nONES += [1]", "ONES[0]"),
    "a list by a slice": ("ONES = [0, 0]\nONES[:] = [1]", "sum(ONES)"),
    "a list by a while loop": ("ONES = []\nwhile len(ONES) < 3:\n    ONES.append(1)", "ONES[2]"),
    "a list by remove and sort": (
        "ONES = [3, 1, 2]\nONES.remove(2)\nONES.sort()",
        "ONES[0] + len(ONES) - 2",
    ),
    "a list by a module's function": (
        "import heapq\nHEAP = []\nheapq.heappush(HEAP, 2)\nheapq.heappush(HEAP, 1)",
        "HEAP[0]",
    ),
    "a list by its class": ("ONES = []\nlist.append(ONES, 1)", "ONES[0]"),
    "a list by a comprehension for its effect": (
        "ONES = []\n[ONES.append(i) for i in (1, 2)]",
        "ONES[0]",
    ),
    "a set by add": ("SEEN = set()\nSEEN.add(1)", "len(SEEN)"),
    "a tensor filled in place": ("WEIGHTS = torch.zeros(2)\nWEIGHTS.fill_(1)", "WEIGHTS[1]"),
    "a tensor's item": ("WEIGHTS = torch.zeros(2)\nWEIGHTS[1] = 1", "WEIGHTS[1]"),
    "a counter": ("COUNT = 0\nCOUNT += 1", "COUNT"),
    "a name bound by a loop": ("for ONE in (3, 2, 1):\n    pass", "ONE"),
    "a walrus in an if": ("if (FIVE := 5) > 3:\n    ONE = FIVE - 4\nelse:\n    ONE = 2", "ONE"),
    "a walrus in an if alone": ("if (ONE := 1) > 3:\n    print(ONE)", "ONE"),
    "a test that changes a list": ("ONES = [1, 2]\nif ONES.pop():\n    print(2)", "len(ONES)"),
    "vars()": ("class C: pass\nCONFIG = C()\nvars(CONFIG).update(one=1)", "CONFIG.one"),
    "__dict__ by another name": (
        "class C: pass\nCONFIG = C()\nHELD = CONFIG.__dict__\nHELD['one'] = 1",
        "CONFIG.one",
    ),
    "object.__setattr__": (
        "class C: pass\nCONFIG = C()\nobject.__setattr__(CONFIG, 'one', 1)",
        "CONFIG.one",
    ),
    "exec of a text": ("ONE = 2\nexec('ONE = 1')", "ONE"),
    "the module's attribute": (
        "import sys\nONE = 2\nsetattr(sys.modules[__name__], 'ONE', 1)",
        "ONE",
    ),
    "the module by another name": (
        "import sys\nONE = 2\nTHIS = sys.modules[__name__]\nTHIS.ONE = 1",
        "ONE",
    ),
    "globals() by another name": ("ONE = 2\nNAMES = globals()\nNAMES.update(ONE=1)", "ONE"),
    "globals() in a function": (
        "ONE = 2\ndef put(**names):\n    globals().update(names)\nput(ONE=1)",
        "ONE",
    ),
    "dict.update": ("CONFIG = {}\ndict.update(CONFIG, one=1)", 'CONFIG["one"]'),
    "a map over append": ("ONES = []\nany(map(ONES.append, [1]))", "ONES[0]"),
    "a method by another name": ("ONES = []\nadd = ONES.append\nadd(1)", "ONES[0]"),
    "a lambda that is called": ("ONES = []\nadd = lambda x: ONES.append(x)\nadd(1)", "ONES[0]"),
    "a partial that is called": (
        "import functools\nONES = []\nadd = functools.partial(ONES.append, 1)\nadd()",
        "ONES[0]",
    ),
    "nonlocal": (
        "def box():\n    held = 2\n    def put(value):\n        nonlocal held\n"
        "        held = value\n    def get():\n        return held\n    return put, get\n"
        "put, get = box()\nput(1)",
        "get()",
    ),
    "an iterator that is gone through": (
        "NUMBERS = iter([2, 1])\nfor _ in NUMBERS:\n    break",
        "[*NUMBERS, 1][0]",
    ),
    "an object with __call__": (
        "class Count:\n    n = 0\n    def __call__(self):\n        self.n += 1\n"
        "COUNT = Count()\nCOUNT()",
        "COUNT.n",
    ),
    "a default that is filled": (
        "def more(held=[]):\n    held.append(1)\n    return len(held)\nmore()\nSIZE = more()",
        "SIZE - 1",
    ),
    "a class that counts itself": (
        "class Part:\n    n = 0\n    def __init__(self):\n        type(self).n += 1\npart = Part()",
        "Part.n",
    ),
    "a name that may be missing": ("try:\n    ONE\nexcept NameError:\n    ONE = 1", "ONE"),
    "a try that fails": ("ONE = 2\ntry:\n    int('a')\nexcept ValueError:\n    ONE = 1", "ONE"),
    "a name of Python's again": ("sum = 3\ndel sum", "sum([1])"),
    "a name bound by a walrus": ("print(ONE := 1)", "ONE"),
    "a name bound by a with": (
        "import contextlib\nwith contextlib.nullcontext(1) as ONE:\n    pass",
        "ONE",
    ),
    "a name bound by a match": (
        "match (1, 2):\n    case (ONE, _):\n        pass",
        "ONE",
    ),
    "names unpacked": ("ONE, *REST = [int(digit) for digit in '123']", "ONE"),
    "names unpacked in brackets": (
        "(ONE, (TWO, THREE)) = 1, divmod(7, 3)",
        "ONE * TWO * THREE // 2",
    ),
    "names through globals()": ('globals()["ONE"] = 1', "ONE"),
    "names through globals() in a loop": (
        'for number, name in enumerate(["ZERO", "ONE"]):\n    globals()[name] = number',
        "ONE",
    ),
    "names through globals().update": ("globals().update(ONE=1)", "ONE"),
    "another name for a list": ("A = []\nB = A\nB.append(1)", "A[0]"),
    "another name for a dict's dict": (
        'CONFIG = {"loss": {}}\nINNER = CONFIG["loss"]\nINNER["one"] = 1',
        'CONFIG["loss"]["one"]',
    ),
    "a list within a list": ("INNER = []\nOUTER = [INNER]\nINNER.append(1)", "OUTER[0][0]"),
    "a list put into a list": (
        "INNER, OUTER = [], []\nOUTER.append(INNER)\nINNER.append(1)",
        "OUTER[0][0]",
    ),
    "two dicts in a loop": (
        'A, B = {}, {}\nfor part in (A, B):\n    part["one"] = 1',
        'A["one"] * B["one"]',
    ),
    "what setdefault gave": (
        'CONFIG = {}\nONES = CONFIG.setdefault("ones", [])\nONES.append(1)',
        'CONFIG["ones"][0]',
    ),
    "setattr on a class": ('class Config:\n    pass\nsetattr(Config, "one", 1)', "Config.one"),
    "an attribute of a class": ("class Config:\n    pass\nConfig.one = 1", "Config.one"),
    "a method that a class gets later": (
        "class Scale:\n    pass\ndef one(self):\n    return 1\nScale.one = one",
        "Scale().one()",
    ),
    "a lambda that a class gets later": (
        "class Scale:\n    pass\nScale.one = lambda self: 1",
        "Scale().one()",
    ),
    "a namespace filled later": (
        "from types import SimpleNamespace\nCONFIG = SimpleNamespace()\nCONFIG.one = 1",
        "CONFIG.one",
    ),
    "an attribute of a function": (
        "def scale():\n    return scale.one\nscale.one = 1",
        "scale()",
    ),
    "an attribute of the function itself": (
        "{loss}compute_DPO_loss.one = 1",
        "compute_DPO_loss.one",
    ),
    "an object whose constructor runs code": (
        "class Config:\n    def __init__(self):\n        self.one = self.make()\n"
        "    def make(self):\n        return int('1')\nCONFIG = Config()",
        "CONFIG.one",
    ),
    "an object that is told": (
        "class Registry:\n    def __init__(self):\n        self.found = {}\n"
        "    def add(self, name, value):\n        self.found[name] = value\n"
        'REGISTRY = Registry()\nREGISTRY.add("one", 1)',
        'REGISTRY.found["one"]',
    ),
    "an object that a with changes": (
        "import contextlib\nCONFIG = {}\n@contextlib.contextmanager\ndef filling():\n"
        '    yield CONFIG\nwith filling() as inner:\n    inner["one"] = 1',
        'CONFIG["one"]',
    ),
    "a dataclass": (
        "from dataclasses import dataclass, field\n@dataclass\nclass Config:\n"
        "    ones: list = field(default_factory=list)\nCONFIG = Config()\nCONFIG.ones.append(1)",
        "CONFIG.ones[0]",
    ),
    "a module of torch": (
        "class Times(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.register_buffer('one', torch.ones(()))\n"
        "    def forward(self):\n        return self.one\nTIMES = Times()\nTIMES.eval()",
        "TIMES()",
    ),
    "a function of the file that makes a value": (
        "def make(size):\n    return torch.ones(size)\nONES = make(3)",
        "ONES[2]",
    ),
    "a function of the file that fills": (
        "CONFIG = {}\ndef fill(config):\n    config['one'] = 1\nfill(CONFIG)",
        'CONFIG["one"]',
    ),
    "a function of the file that fills a global": (
        "CONFIG = {}\ndef register(name, value):\n    CONFIG[name] = value\nregister('one', 1)",
        'CONFIG["one"]',
    ),
    "a function of the file that binds a global": (
        "def prepare_all():\n    global ONE\n    ONE = 1\nprepare_all()",
        "ONE",
    ),
    "a decorator that registers": (
        "STEPS = {}\ndef step(function):\n    STEPS[function.__name__] = function\n"
        "    return function\n@step\ndef one():\n    return 1",
        'STEPS["one"]()',
    ),
    "a call of a lambda": ("ONE = (lambda x: x + 1)(0)", "ONE"),
    "a map with a function of the file": (
        "def half(x):\n    return x // 2\nHALVES = list(map(half, [2, 4]))",
        "HALVES[0]",
    ),
    "functools.partial": (
        "import functools\ndef power(base, exponent):\n    return base**exponent\n"
        "square = functools.partial(power, exponent=2)",
        "square(1)",
    ),
    "functools.lru_cache called": (
        "import functools\ndef one():\n    return 1\none = functools.lru_cache(one)",
        "one()",
    ),
    "a table of functions": (
        "def one():\n    return 1\nTABLE = {}\nTABLE['one'] = one",
        "TABLE['one']()",
    ),
    "an environment variable": (
        'import os\nos.environ["A3_ONE"] = "1"',
        'int(os.environ["A3_ONE"])',
    ),
    "a generator at work": ("COUNTER = iter([0, 1, 2])\nnext(COUNTER)\nONE = next(COUNTER)", "ONE"),
    "a random generator with a seed": (
        "GENERATOR = torch.Generator()\nGENERATOR.manual_seed(3)\n"
        "DRAWN = torch.rand(2, generator=GENERATOR)",
        "len(DRAWN) - 1",
    ),
    "a regular expression": (
        'import re\nDIGITS = re.compile(r"\\d")\nFOUND = DIGITS.findall("a1")',
        "int(FOUND[0])",
    ),
    "a text of JSON": ("import json\nCONFIG = json.loads('{\"one\": 1}')", 'CONFIG["one"]'),
    "a lock": ("import threading\nLOCK = threading.Lock()", "int(not LOCK.locked())"),
    "a value taken back": ("CONFIG = {}\nCONFIG['one'] = 2\nCONFIG['one'] -= 1", "CONFIG['one']"),
    "code behind a guard": (
        'CONFIG = {}\nif __name__ == "__main__":\n    CONFIG["one"] = 1\n    print("trains")',
        'CONFIG["one"]',
    ),
    "a printed list": (
        "ONES = []\nfor i in (1, 2):\n    print(i)\n    ONES.append(i)",
        "ONES[0]",
    ),
    "a token's id": ('IDS = {}\nIDS["end"] = tokenizer.eos_token_id', 'int(IDS["end"] >= 0)'),
    "a function of the library with another one": (
        "torch.Tensor.itself = lambda self: self",
        "torch.ones(()).itself()",
    ),
}

# The asked function is bound by a statement and not defined by a `def`.
BOUND: dict[str, str] = {
    "a decorator called": (
        "import functools\ndef traced(function):\n    @functools.wraps(function)\n"
        "    def inner(*a, **k):\n        inner.calls += 1\n        return function(*a, **k)\n"
        "    inner.calls = 0\n    return inner\n"
        "{loss}compute_DPO_loss = traced(compute_DPO_loss)\n"
    ),
    "a partial of a longer one": (
        "import functools\n{loss}longer = compute_DPO_loss\n"
        "def with_scale(*sums, scale, beta=0.1):\n    return scale * longer(*sums, beta=beta)\n"
        "compute_DPO_loss = functools.partial(with_scale, scale=1)\n"
    ),
    "lru_cache of it": (
        "import functools\n{loss}"
        "compute_DPO_loss = functools.lru_cache(maxsize=None)(compute_DPO_loss)\n"
    ),
    "torch.no_grad and enable_grad around it": (
        "{loss}compute_DPO_loss = torch.enable_grad()(compute_DPO_loss)\n"
    ),
    "an object that is called": (
        "class Loss:\n    def __init__(self, scale):\n        self.scale = self.check(scale)\n"
        "    def check(self, scale):\n        return scale\n"
        "    def __call__(self, *sums, beta=0.1):\n"
        "        return self.scale * first(*sums, beta=beta)\n"
        "{loss}first = compute_DPO_loss\ncompute_DPO_loss = Loss(1)\n"
    ),
    "a method of an object": (
        "class Losses:\n    def dpo(self, *sums, beta=0.1):\n"
        "        return first(*sums, beta=beta)\n"
        "{loss}first = compute_DPO_loss\nLOSSES = Losses()\ncompute_DPO_loss = LOSSES.dpo\n"
    ),
    "a static method": (
        "class Losses:\n    @staticmethod\n    def dpo(*sums, beta=0.1):\n"
        "        return first(*sums, beta=beta)\n"
        "{loss}first = compute_DPO_loss\ncompute_DPO_loss = Losses.dpo\n"
    ),
    "an entry of a table": (
        "TABLE = {{}}\n{loss}TABLE['dpo'] = compute_DPO_loss\ndel compute_DPO_loss\n"
        "compute_DPO_loss = TABLE['dpo']\n"
    ),
    "a function that makes it": (
        "{loss}first = compute_DPO_loss\ndef make(scale):\n"
        "    def compute(*sums, beta=0.1):\n        return scale * first(*sums, beta=beta)\n"
        "    return compute\ncompute_DPO_loss = make(1)\n"
    ),
    "globals()": (
        "{loss}first = compute_DPO_loss\ndel compute_DPO_loss\n"
        "globals()['compute_DPO_loss'] = lambda *sums, beta=0.1: first(*sums, beta=beta)\n"
    ),
    "a loop over names": (
        "def counted(function):\n    return lambda *a, **k: function(*a, **k)\n"
        "{loss}for name in ['compute_DPO_loss', '_get_batch_logps']:\n"
        "    globals()[name] = counted(globals()[name])\n"
    ),
    "an if": (
        "{loss}first = compute_DPO_loss\nif SEED_TOKENS > 5:\n"
        "    compute_DPO_loss = torch.enable_grad()(first)\n"
    ),
}


def text_of(state: str, one: str) -> str:
    """Return the statements, and the loss that needs them; it may have to stand among them."""
    loss = LOSS.replace("{one}", one)
    return f"\n\n{state.replace('{loss}', loss)}\n" + ("" if "{loss}" in state else loss)


RIGHT = (
    *(Right(name, text_of(state, one)) for name, (state, one) in STATES.items()),
    *(Right(name, text_of(code.replace("{{}}", "{}"), "1")) for name, code in BOUND.items()),
)
