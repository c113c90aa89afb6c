"""Options of the tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--submission", help="the A3.py or A3.ipynb that test_submission.py checks")
