"""The command line: `python -m a3lib run`, and what else this copy of the kit can do."""

import argparse
import importlib
import importlib.util
import os
import sys

from a3lib.errors import InputError, NotebookFailed

# Each command's module offers add_arguments(parser) and execute(arguments), which returns what to
# print, or that and the exit status. It is imported when its command is called, and a student's
# copy lacks the course's own.
COMMANDS = {
    "run": ("a3lib.kit.run", "execute A3.ipynb and keep its results"),
    "study": ("a3lib.kit.study", "compare preference losses over a grid of runs"),
    "check": (
        "a3lib.kit.check",
        "check a notebook's or a script's functions; status 0 if all is right, else 1",
    ),
    "writeup": ("a3lib.kit.writeup", "fill in the write-up from a run and make its PDF"),
    "release": ("a3lib.kit.release", "make the students' zip and the instructors' zip"),
    "grade": ("a3lib.kit.grade", "grade what students handed in"),
}
# Parts of Python's library that Windows lacks, and grading needs.
NOT_ON_WINDOWS = ("fcntl", "resource")
# The status of a program that SIGPIPE ends, as shells have it.
READER_LEFT = 128 + 13
# That of one that Ctrl-C ends.
STOPPED = 128 + 2


def make_parser(argv: list[str]) -> argparse.ArgumentParser:
    """Return the parser of a command line: all commands, and the options of the one called."""
    parser = argparse.ArgumentParser(prog="python -m a3lib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (module, purpose) in COMMANDS.items():
        if importlib.util.find_spec(module) is None:
            continue
        command = commands.add_parser(name, help=purpose)
        if argv[:1] == [name]:
            importlib.import_module(module).add_arguments(command)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command line and return its status; a user's mistake is one line on stderr and 1."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        arguments = make_parser(argv).parse_args(argv)
        module, _ = COMMANDS[arguments.command]
        result = importlib.import_module(module).execute(arguments)
        text, status = result if isinstance(result, tuple) else (result, 0)
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever reads our output has seen enough (`| head`). Python would complain once more
        # when it flushes the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    except ModuleNotFoundError as error:
        if error.name not in NOT_ON_WINDOWS:
            raise
        print(f"a3lib: {argv[0]} runs on Linux; use a container or WSL.", file=sys.stderr)
        return 1
    except (InputError, NotebookFailed) as error:
        print(f"a3lib: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("a3lib: stopped; what was finished is kept.", file=sys.stderr)
        return STOPPED
    return status


if __name__ == "__main__":
    sys.exit(main())
