"""What looks like a shortage, and the control that says whether it is one."""

import threading

import pytest

from a3lib.kit.sandbox.machine import control, looks_like_shortage, shortage_of_threads


@pytest.mark.parametrize(
    "text",
    [
        "RuntimeError: can't start new thread",
        "BlockingIOError: [Errno 11] Resource temporarily unavailable",
        "OSError: [Errno 12] Cannot allocate memory",
        "MemoryError",
        "MemoryError: Unable to allocate 3.00 GiB for an array with shape (1,)",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate "
        "memory: you tried to allocate 40000000000 bytes.",
        "RuntimeError: std::bad_alloc",
        "OSError: [Errno 28] No space left on device: 'notes'",
        "OSError: [Errno 122] Disk quota exceeded",
        "OSError: [Errno 23] Too many open files in system",
        "OSError: [Errno 5] Input/output error",
        "OSError: [Errno 116] Stale file handle",
        "PanicException: The global thread pool has not been initialized.: ThreadPoolBuildError "
        '{ kind: IOError(Os { code: 11, kind: WouldBlock, message: "Resource temporarily" }) }',
        "libgomp: Thread creation failed: Resource temporarily unavailable",
        "the call ended the process: ended by SIGABRT",
        "the call ended the process: ended by SIGBUS",
        "the call ended the process: ended by itself with status 1, as os._exit does",
    ],
)
def test_errors_of_a_machine_that_is_short_of_something_are_known(text: str) -> None:
    assert looks_like_shortage(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ValueError: too many values to unpack (expected 2)",
        "NameError: name 'thread' is not defined",
        "RuntimeError: The size of tensor a (3) must match the size of tensor b (28)",
        "IndexError: index 11 is out of bounds for dimension 0 with size 5",
        "FileNotFoundError: [Errno 2] No such file or directory: 'weights.pt'",
        "the call took longer than 5 seconds",
        "the call ended the process: ended by itself with status 0, as os._exit does",
        "the call ended the process: ended by itself with status 17, as os._exit does",
    ],
)
def test_ordinary_errors_are_not(text: str) -> None:
    assert not looks_like_shortage(text)


def test_threads_that_can_be_had_are_given_back() -> None:
    before = threading.active_count()
    assert shortage_of_threads(8) == ""
    assert threading.active_count() == before


def test_threads_that_cannot_be_had_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    before, start, left = threading.active_count(), threading.Thread.start, iter([1, 1])

    def refuse(thread: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert "no room for 8 more threads" in shortage_of_threads(8)
    assert threading.active_count() == before, "those that had started have ended"


@pytest.mark.parametrize("missing", ["thread", "memory", "room"])
def test_the_control_takes_threads_memory_and_room(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(missing)

    monkeypatch.chdir(str(tmp_path))
    code = control(8, 2**20, 2**16)
    exec(code, {})
    places = {
        "thread": "threading.Thread.start",
        "memory": "mmap.mmap",
        "room": "os.posix_fallocate",
    }
    monkeypatch.setattr(places[missing], refuse)
    with pytest.raises(OSError, match=missing):
        exec(code, {})
