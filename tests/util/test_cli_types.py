import pytest

from a3lib.util.cli_types import names, numbers, whole_numbers


def test_lists_are_separated_by_commas() -> None:
    assert numbers("0,0.1,1") == [0.0, 0.1, 1.0]
    assert whole_numbers("4, 5") == [4, 5]
    assert names("one, two") == ["one", "two"]


@pytest.mark.parametrize("text", ["", "1,much"])
def test_what_is_no_number_raises(text: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        numbers(text)
    with pytest.raises(ValueError, match="invalid literal"):
        whole_numbers(text)
