"""Tell a failure of the machine, which is never a student's, from a student's own exhaustion.

What a child says cannot decide it: student code can raise any error, and catch any. So a doubtful
reply is only a reason to look. Trusted code then asks for what student code is promised, under the
same conditions (`CONTROL`): where it does not get it, it is the machine.
"""

import re
from threading import Event, Thread

# Between tries, in seconds: a table of processes that is full is often full for a moment.
PAUSES = (0.0, 1.0, 5.0, 20.0)
# Errors as Python, the C library, C++, OpenMP and Rust word them: no more threads or processes,
# memory, room on the disk, open files of the machine; a disk that cannot be read.
SHORTAGE = re.compile(
    r"can't start new thread|unable to start new thread|temporarily unavailable|WouldBlock"
    r"|Thread creation failed|pthread_create|ThreadPoolBuild|failed to spawn thread"
    r"|BlockingIOError|MemoryError|bad_alloc|allocate memory|[Oo]ut of memory"
    r"|No space left|StorageFull|quota exceeded|Too many open files|Input/output error"
    r"|Stale file handle|Bus error|\[Errno (?:5|11|12|23|28|116|122)\]"
)
# How a process ends whose libraries cannot have what they need: OpenMP leaves with status 1.
ENDS_OF_SHORTAGE = re.compile(r"ended by SIG|ended by itself with status 1,")
# Run as a student's statements are. Every error in it is the machine's.
CONTROL = """
import mmap as _mmap, os as _os, threading as _threading
def _control():
    done, threads = _threading.Event(), []
    try:
        for _ in range({threads}):
            threads.append(_threading.Thread(target=done.wait))
            threads[-1].start()
    finally:
        done.set()
    for thread in threads:
        thread.join()
    _mmap.mmap(-1, {memory}).close()
    with open("control", "wb") as file:
        _os.posix_fallocate(file.fileno(), 0, {room})
    _os.remove("control")
_control()
"""


class MachineFailure(Exception):
    """The machine does not give what student code is promised; the message says what is missing."""


def looks_like_shortage(text: str) -> bool:
    """Say whether an error, in words, may come from a machine that is short of something."""
    return bool(SHORTAGE.search(text) or ENDS_OF_SHORTAGE.search(text))


def control(processes: int, memory_bytes: int, file_bytes: int) -> str:
    """Return statements that take what student code with these limits is promised."""
    # Half of it: what is promised for everything together also holds what the libraries take.
    return CONTROL.format(threads=processes // 2, memory=memory_bytes // 2, room=file_bytes // 2)


def shortage_of_threads(count: int) -> str:
    """Start so many threads for a moment; return why they cannot be had, "" where they can."""
    done, threads = Event(), []
    try:
        for _ in range(count):
            thread = Thread(target=done.wait)
            thread.start()
            threads.append(thread)
    except RuntimeError as error:
        return f"the machine has no room for {count} more threads ({error})"
    finally:
        done.set()
        for thread in threads:
            thread.join()
    return ""
