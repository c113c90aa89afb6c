"""Hold the tiny profile's results against what the assignment promises its users."""

import json
import math
import sys
from pathlib import Path
from typing import Any


def unmet(summary: dict[str, Any]) -> list[str]:
    """Return a line for every promise that the results do not keep."""
    base, kl = summary["baseline"], summary["kl"]
    no_penalty = kl[0]
    early, late = sum(no_penalty["kl_divergences"][:10]), sum(no_penalty["kl_divergences"][-10:])
    promises = {
        "baseline reward is 0.40 to 0.60": 0.40 <= base["reward"] <= 0.60,
        "baseline naturalness is at least 0.90": base["naturalness"] >= 0.90,
        "REINFORCE reaches 0.75": summary["reinforce"]["reward"] >= 0.75,
        "the first alpha is 0": no_penalty["alpha"] == 0,
        "without a penalty KL grows": late > 10 * early,
        "without a penalty naturalness falls below half": no_penalty["naturalness"]
        < base["naturalness"] / 2,
        "a high alpha stays at 0.65 or below": any(k["reward"] <= 0.65 for k in kl),
        "a middle alpha reaches 0.80 and stays natural": any(
            k["reward"] >= 0.80 and k["naturalness"] >= 0.8 * base["naturalness"] for k in kl
        ),
        "there are three betas": len(summary["dpo"]) == 3,
    }
    for found in summary["dpo"]:
        name = f"DPO, beta {found['beta']}"
        tenth = len(found["losses"]) // 10
        promises |= {
            f"{name}: the training loss falls": sum(found["losses"][-tenth:])
            < sum(found["losses"][:tenth]),
            f"{name}: test loss is at most ln 2 - 0.05": found["test_loss"] <= math.log(2) - 0.05,
            f"{name}: reward is 0.10 above the baseline": found["reward"] >= base["reward"] + 0.10,
        }
    for found in summary["study"]["best"]:
        name = f"section 6, {found['method']}"
        promises |= {
            f"{name}: every loss and gradient is finite": found["finite"],
            f"{name}: the held-out loss falls": found["held_out_end"] < found["held_out_start"],
            f"{name}: reward is 0.10 above the untrained policy's": found["gain"] >= 0.10,
        }
    return [promise for promise, kept in promises.items() if not kept]


if __name__ == "__main__":
    missing = unmet(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print("\n".join(f"not kept: {promise}" for promise in missing) or "every promise is kept")
    sys.exit(bool(missing))
