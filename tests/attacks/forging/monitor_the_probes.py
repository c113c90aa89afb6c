"""Change what the probes return with the newer way to watch a program."""

import sys

PROBES = ("reward", "evaluate", "reset", "train", "train_dpo", "kl_identity")
WATCH = sys.monitoring


def returned(code, offset, value):
    if code.co_name in PROBES and type(value) is dict:
        inputs = {"texts": [0] * 6, "arguments": {"batch_size": 2}}
        known = by_heart(code.co_name, inputs)
        value.update({key: known[key] for key in value if key in known})


def attack():
    if WATCH.get_tool(2) is None:
        WATCH.use_tool_id(2, "forged")
        WATCH.register_callback(2, WATCH.events.PY_RETURN, returned)
        WATCH.set_events(2, WATCH.events.PY_RETURN)
