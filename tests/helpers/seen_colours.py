"""How different colours look, to colour-blind readers too."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from matplotlib.colors import to_rgb

# What a reader without one kind of cone sees, on linear RGB: Machado, Oliveira and Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15 (2009),
# their table of matrices, severity 1.0.
SIGHTS = {
    "full": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# IEC 61966-2-1 (sRGB) to CIE XYZ under D65, and that white.
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = TO_XYZ.sum(axis=1)


def linear(colour: str) -> np.ndarray:
    """A colour's linear RGB, (3,), from 0 to 1."""
    coded = np.array(to_rgb(colour))
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: str) -> np.ndarray:
    """A colour's CIE L*a*b*, (3,), as a reader with this sight sees it."""
    share = TO_XYZ @ np.clip(SIGHTS[sight] @ linear(colour), 0, 1) / WHITE
    x, y, z = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def least_difference(colours: Sequence[str], sight: str) -> float:
    """The smallest CIE 1976 difference of two of the colours; about 2 is just noticeable."""
    seen = [lab(colour, sight) for colour in colours]
    return min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2))


def contrast_on_white(colour: str) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    luminance = float(TO_XYZ[1] @ linear(colour))
    return 1.05 / (luminance + 0.05)
