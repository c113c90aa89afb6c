"""How values of the command line's options are read: lists are separated by commas."""


def numbers(text: str) -> list[float]:
    """Read numbers separated by commas, as in `0,0.1,1`."""
    return [float(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Read names separated by commas."""
    return [part.strip() for part in text.split(",")]


def whole_numbers(text: str) -> list[int]:
    """Read whole numbers separated by commas, as in `1,2,3`."""
    return [int(part) for part in text.split(",")]
