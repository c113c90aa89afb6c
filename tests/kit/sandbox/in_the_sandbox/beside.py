"""Use two workers of two graders beside each other, as another user and where more is refused.

    python beside.py USER REFUSED

As `elsewhere.py` is called. Prints JSON: what children answered that were there while others of
the same worker, and of the other grader's, came and went with all the threads that they may have.
"""

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[3])]

import elsewhere  # noqa: E402

from a3lib.kit.sandbox.worker import Limits, Worker  # noqa: E402

CODE = """
import threading
done = threading.Event()
def f():
    for _ in range(12):
        threading.Thread(target=done.wait, daemon=True).start()
    return 1
def g():
    return 2
"""


def main() -> None:
    user, names = int(sys.argv[1]), sys.argv[2].split(",")
    elsewhere.open_to_everybody([Path(sys.base_prefix), Path(sys.prefix), elsewhere.ROOT])
    elsewhere.refuse([name for name in names if name])
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    settings = {"probes": "stand_in_probes", "preload": (), "folders": (HERE,), "slot": 0}
    settings["limits"] = Limits(seconds=10)
    with Worker(**settings) as first, Worker(**settings) as second, first.child([CODE]) as longest:
        answers = [longest.ask("f", {})]
        for worker in (first, second, first):
            with worker.child([CODE]) as child:
                answers.append(child.ask("f", {}))
            answers.append(longest.ask("g", {}))
    print(json.dumps([[reply.kind, reply.answers.get("value", reply.text)] for reply in answers]))


if __name__ == "__main__":
    main()
