"""Hold the tiny profile's results against what the assignment promises its users."""

import math
import sys
from pathlib import Path

from a3lib.results.summary import RunSummary, read_summary


def unmet(summary: RunSummary) -> list[str]:
    """Return a line for every promise that the results do not keep."""
    base, reinforce, study = summary.baseline, summary.reinforce, summary.study
    if not (base and reinforce and study and summary.kl and summary.dpo):
        return ["every section has results"]
    no_penalty = summary.kl[0]
    early, late = sum(no_penalty.kl_divergences[:10]), sum(no_penalty.kl_divergences[-10:])
    promises = {
        "baseline reward is 0.40 to 0.60": 0.40 <= base.reward <= 0.60,
        "baseline naturalness is at least 0.90": base.naturalness >= 0.90,
        "REINFORCE reaches 0.75": reinforce.reward >= 0.75,
        "the first alpha is 0": no_penalty.alpha == 0,
        "without a penalty KL grows": late > 10 * early,
        "without a penalty naturalness falls below half": no_penalty.naturalness
        < base.naturalness / 2,
        "a high alpha stays at 0.65 or below": any(kl.reward <= 0.65 for kl in summary.kl),
        "a middle alpha reaches 0.80 and stays natural": any(
            kl.reward >= 0.80 and kl.naturalness >= 0.8 * base.naturalness for kl in summary.kl
        ),
        "there are three betas": len(summary.dpo) == 3,
    }
    for dpo in summary.dpo:
        name = f"DPO, beta {dpo.beta}"
        tenth = len(dpo.losses) // 10
        promises |= {
            f"{name}: the training loss falls": sum(dpo.losses[-tenth:]) < sum(dpo.losses[:tenth]),
            f"{name}: test loss is at most ln 2 - 0.05": dpo.test_loss <= math.log(2) - 0.05,
            f"{name}: reward is 0.10 above the baseline": dpo.reward >= base.reward + 0.10,
        }
    for row in study.best:
        name = f"section 6, {row.method}"
        promises |= {
            f"{name}: every loss and gradient is finite": row.finite,
            f"{name}: the held-out loss falls": row.held_out_end < row.held_out_start,
            f"{name}: reward is 0.10 above the untrained policy's": row.gain >= 0.10,
        }
    return [promise for promise, kept in promises.items() if not kept]


if __name__ == "__main__":
    missing = unmet(read_summary(Path(sys.argv[1]), RunSummary))
    print("\n".join(f"not kept: {promise}" for promise in missing) or "every promise is kept")
    sys.exit(bool(missing))
