"""Files for `light_grader` that need what a busy machine runs out of, each with its right score.

Some notice that they do not get it and raise; some hide it and answer wrong; some use up what they
are promised, or say that the machine is at fault though it is not.
"""

from pathlib import Path

FULL = 12
THREADS = """
import threading

def one():
    meeting = threading.Barrier(9)
    threads = [threading.Thread(target=meeting.wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    meeting.wait()
    for thread in threads:
        thread.join()
    return 1
"""
HIDES_THREADS = """
import threading

def one():
    done, threads = threading.Event(), []
    try:
        for _ in range(8):
            threads.append(threading.Thread(target=done.wait))
            threads[-1].start()
    except RuntimeError:
        return 0
    finally:
        done.set()
    return 1
"""
PROCESSES = """
import os

def one():
    for _ in range(3):
        process = os.fork()
        if process == 0:
            os._exit(0)
        os.waitpid(process, 0)
    return 1
"""
STARTS_AT_THE_TOP = """
import threading

class Ready:
    event = threading.Event()
    helper = threading.Thread(target=event.set)
    started = helper.start()

def one():
    return int(Ready.event.wait(1))
"""
WRITES = """
def one():
    with open("notes", "wb") as file:
        return file.write(bytes(1_000_000)) // 1_000_000
"""
PLAIN = "def one():\n    return 1\n"
WRONG = "def one():\n    return 0\n"
NOT_WRITTEN = "def two():\n    return 1\n"
BOMB = """
import threading

def one():
    while True:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
TOO_MUCH_MEMORY = "def one():\n    return len(b'x' * 10**11)\n"
FILLS_ITS_FOLDER = """
def one():
    for number in range(100):
        with open(f"file-{number}", "wb") as file:
            file.write(bytes(8_000_000))
    return 1
"""
SAYS_THAT_IT_IS_THE_MACHINE = """
def one():
    raise BlockingIOError(11, "Resource temporarily unavailable")
"""
ENDS_ITSELF = "import os\n\ndef one():\n    os.abort()\n"
TEXTS = (
    (THREADS, FULL),
    (HIDES_THREADS, FULL),
    (PROCESSES, FULL),
    (STARTS_AT_THE_TOP, FULL),
    (WRITES, FULL),
    (PLAIN, FULL),
    (WRONG, 0),
    (NOT_WRITTEN, 0),
    (BOMB, 0),
    (TOO_MUCH_MEMORY, 0),
    (FILLS_ITS_FOLDER, 0),
    (SAYS_THAT_IT_IS_THE_MACHINE, 0),
    (ENDS_ITSELF, 0),
)
# The first so many are quickly graded, and there are more of them.
CHEAP = 8


def write_thirsty(folder: Path, count: int) -> dict[str, float]:
    """Write so many files, each different; return the points that each deserves by its name."""
    folder.mkdir(parents=True)
    deserved: dict[str, float] = {}
    for number in range(count):
        text, points = TEXTS[number if number < len(TEXTS) else number % CHEAP]
        (folder / f"s{number:02d}.py").write_text(f"# student {number}\n{text}")
        deserved[f"s{number:02d}"] = points
    return deserved
