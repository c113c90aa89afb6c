"""Users for children: each has a number that is nobody else's, for as long as it is claimed."""

import os
import subprocess
import sys
import time

import pytest

from a3lib.kit.sandbox import users
from a3lib.kit.sandbox.users import FIRST_USER, STRETCH, USERS, claim_user, is_counted_alone

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)


@pytest.fixture
def always_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users.secrets, "randbelow", lambda below: 0)


@pytest.mark.usefixtures("always_the_first")
def test_no_two_have_one_number_at_the_same_time_and_it_is_free_again_afterwards() -> None:
    first, claim = claim_user(7)
    second, other = claim_user(7)
    assert FIRST_USER <= first < second < FIRST_USER + USERS
    claim.close()
    again, third = claim_user(7)
    assert again == first
    other.close()
    third.close()


@pytest.mark.usefixtures("always_the_first")
def test_a_number_is_free_when_its_holder_is_killed() -> None:
    script = f"""
import sys, time
sys.path[:0] = {sys.path!r}
from a3lib.kit.sandbox import users
users.secrets.randbelow = lambda below: 0
user, claim = users.claim_user(9)
print(user, flush=True)
time.sleep(600)
"""
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    held = int(holder.stdout.readline())
    user, claim = claim_user(9)
    claim.close()
    assert user != held
    holder.kill()
    holder.communicate()
    user, claim = claim_user(9)
    claim.close()
    assert user == held


@pytest.mark.usefixtures("always_the_first")
def test_numbers_of_users_and_of_processes_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    start = FIRST_USER + STRETCH
    monkeypatch.setattr(users, "users_of_processes", lambda: {start})
    monkeypatch.setattr(users, "is_known", lambda user: user == start + 1)
    user, claim = claim_user(1)
    claim.close()
    assert user == start + 2


def test_where_every_number_is_taken_the_machine_is_to_blame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(users, "is_known", lambda user: True)
    with pytest.raises(OSError, match="every user number"):
        claim_user(0)


def test_users_of_processes_are_seen() -> None:
    assert os.getuid() in users.users_of_processes()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become other users")
def test_a_process_of_the_same_user_is_counted() -> None:
    user, claim = claim_user(0)
    other = os.fork()
    if other == 0:
        os.setresuid(user, user, user)
        time.sleep(60)
        os._exit(0)
    while user not in users.users_of_processes():
        time.sleep(0.01)
    try:
        assert [counted_alone(user, others) for others in (0, 1)] == [False, True]
    finally:
        os.kill(other, 9)
        os.waitpid(other, 0)
    assert counted_alone(user, 0)
    claim.close()


def counted_alone(user: int, others: int) -> bool:
    """What a process that has become this user finds."""
    process = os.fork()
    if process == 0:
        os.setresuid(user, user, user)
        os._exit(int(is_counted_alone(others)))
    return bool(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
