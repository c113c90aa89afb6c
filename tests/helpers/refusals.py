"""What a refusal must look like: one line, a full stop, and what went wrong in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from a3lib.errors import InputError


@contextmanager
def refused(*fragments: str) -> Iterator[None]:
    """Expect an InputError of one line, with a full stop, that holds these fragments."""
    with pytest.raises(InputError) as caught:
        yield
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for fragment in fragments:
        assert fragment in message
