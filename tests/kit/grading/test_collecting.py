"""Odd files and folders: each is graded, or named with a reason; none is lost without a word."""

import shutil
import time
import zipfile
from pathlib import Path
from random import Random

import pytest
from helpers.odd_files import CASES, CODE, NOTEBOOK, Case, Content, Zip, make
from helpers.refusals import refused

from a3lib.kit.grading import archives
from a3lib.kit.grading.archives import Room
from a3lib.kit.grading.discovery import NOTHING_HERE, Collection, find_submissions


def collected(tmp_path: Path, *paths: Path, skipped: Path | None = None) -> Collection:
    """What is found in files and folders."""
    shutil.rmtree(tmp_path / "room", ignore_errors=True)
    (tmp_path / "room").mkdir()
    return find_submissions(paths, Room(tmp_path / "room"), skipped)


def inside(root: Path, shown: str) -> str:
    return str(Path(shown).relative_to(root))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_handed_in_is_graded_or_named(tmp_path: Path, case: Case) -> None:
    root = make(tmp_path / "in", case.tree)
    found = collected(tmp_path, root)
    assert sorted(inside(root, s.shown) for s in found.submissions) == sorted(case.graded)
    named = {inside(root, path): reason for path, reason in found.passed_over}
    assert set(case.named) <= set(named)
    assert len(named) == len(found.passed_over), "each with one reason"
    assert all(named.values())


def test_there_are_many_cases() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


def test_each_file_is_graded_or_named(tmp_path: Path) -> None:
    """With every case in one folder, nothing on the disk goes without a word."""
    root = tmp_path / "in"
    for place, case in enumerate(CASES):
        make(root / f"case{place}", case.tree)
    found = collected(tmp_path, root)
    said = {s.shown for s in found.submissions} | {path for path, _ in found.passed_over}
    for path in root.rglob("*"):
        if path.is_dir() and not path.is_symlink() and any(path.iterdir()):
            continue
        places = [str(path), *map(str, path.parents)]
        in_zip = path.suffix == ".zip" and any(one.startswith(f"{path}/") for one in said)
        assert in_zip or any(one in said for one in places), path


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ("A3.py.txt", "named as if it were no code; rename it to A3.py"),
        ("A3", "neither .py nor .ipynb nor .zip, it has no ending"),
        ("notes.txt", "neither .py nor .ipynb nor .zip"),
        ("A3.7z", "an archive that is no zip; unpack it"),
        ("._A3.py", "a note of macOS on another file"),
        (".A3.py", "hidden, because its name begins with a dot"),
        ("A3.zip", "a damaged zip, or no zip"),
    ],
)
def test_reasons(tmp_path: Path, odd: str, reason: str) -> None:
    root = make(tmp_path / "in", {"ann.py": CODE, odd: "x"})
    assert collected(tmp_path, root).passed_over == [(str(root / odd), reason)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (Zip({}, links={"A3.py": "/etc/passwd"}), "a symbolic link"),
        (Zip({"A3.py": CODE}, encrypted=("A3.py",)), "encrypted; ask for it without a password"),
        (Zip({"../A3.py": CODE}), "its path leads out of the zip"),
        (Zip({"A3.txt": CODE}), "neither .py nor .ipynb nor .zip"),
        (Zip({f"{'d/' * 31}A3.py": CODE}), "more than 30 folders deep"),
    ],
)
def test_reasons_in_zips(tmp_path: Path, content: Zip, reason: str) -> None:
    root = make(tmp_path / "in", {"ann.py": CODE, "bob.zip": content})
    reasons = dict(collected(tmp_path, root).passed_over)
    assert reasons.pop(str(root / "bob.zip")) == "nothing in it can be graded"
    assert list(reasons.values()) == [reason]


def test_many_files_take_no_time(tmp_path: Path) -> None:
    """A thousand students, and a zip of 9000 empty folders: no step looks at all for each."""
    tree = {f"s{i}/A3.py": CODE for i in range(1000)} | {f"f{i}.py": "" for i in range(1000)}
    root = make(tmp_path / "in", tree | {"bob.zip": Zip({f"d{i}": None for i in range(9000)})})
    started = time.process_time()
    found = collected(tmp_path, root)
    assert time.process_time() - started < 20
    assert (len(found.submissions), len(found.passed_over)) == (2000, 9001)


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(tmp_path / "in", {"ann.py": CODE, "bob/A3.py": CODE, "eve.py": CODE})
    listed = Path.iterdir

    def iterdir(self: Path) -> object:
        if self.name == "bob":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "eve.py")
    found = collected(tmp_path, root)
    assert [s.name for s in found.submissions] == ["ann"]
    assert found.passed_over == [
        (str(root / "bob"), "a folder that cannot be read (Permission denied)"),
        (str(root / "eve.py"), "cannot be read (its permissions)"),
    ]


def test_the_results_are_not_taken_for_submissions(tmp_path: Path) -> None:
    root = make(tmp_path / "in", {"ann.py": CODE, "results/similarity.files/ann/ann.py": CODE})
    found = collected(tmp_path, root, skipped=root / "results")
    assert [s.name for s in found.submissions] == ["ann"]
    assert found.passed_over == [(str(root / "results"), "the folder of the results")]


def test_results_of_another_grading_are_one_line(tmp_path: Path) -> None:
    books = dict.fromkeys(("grades.csv", "grading.log", "summary.json", "ann/results.json"), "x")
    old = {f"old/{name}": text for name, text in books.items()}
    root = make(tmp_path / "in", {"ann.py": CODE} | old)
    assert collected(tmp_path, root).passed_over == [
        (str(root / "old"), "results of another grading")
    ]
    # A student's own files of these names hide nothing.
    root = make(tmp_path / "next", {"old/A3.py": CODE} | old)
    assert [s.file.name for s in collected(tmp_path, root).submissions] == ["A3.py"]


@pytest.mark.parametrize(
    ("names", "graded", "reason"),
    [
        (["A3.py", "A3-1.py", "A3-2.py"], "A3-2.py", "later upload by Canvas's count"),
        (["A3-2.py", "A3-10.ipynb"], "A3-10.ipynb", "later upload by Canvas's count"),
        (["A3.py", "helpers.py"], "A3.py", "this is a helper module"),
    ],
)
def test_several_files_of_a_student_on_canvas(
    tmp_path: Path, names: list[str], graded: str, reason: str
) -> None:
    tree = {
        f"doejane_12_34{place:02}_{name}": "x = 1\n" if name == "helpers.py" else CODE
        for place, name in enumerate(names)
    }
    found = collected(tmp_path, make(tmp_path / "in", tree))
    assert [s.file.name.split("_")[-1] for s in found.submissions] == [graded]
    assert len(found.passed_over) == len(names) - 1
    assert all(reason in why for _, why in found.passed_over)


def test_where_nothing_can_be_graded_the_reasons_are_in_the_error(tmp_path: Path) -> None:
    root = make(tmp_path / "in", {"bob/A3.py.txt": CODE})
    with refused("no .py or .ipynb", "A3.py.txt", "rename it to A3.py"):
        collected(tmp_path, root)


def test_names_in_zips_never_become_paths(tmp_path: Path) -> None:
    hostile = {"../../../x.py": CODE, "/x.py": CODE, "a/../../x.py": CODE, "ok.py": CODE}
    hostile |= {f"{'n' * 240}.py": CODE, "con:.py": CODE, "\x07.py": CODE, "a\nb.py": CODE}
    root = make(tmp_path / "in", {"a.zip": Zip(hostile)})
    before = {path for path in tmp_path.rglob("*")}
    found = collected(tmp_path, root)
    new = [path for path in tmp_path.rglob("*") if path not in before and path.is_file()]
    assert new and all((tmp_path / "room") in path.parents for path in new)
    assert all(path.suffix == ".py" for path in new)
    assert len(found.submissions) == 5
    assert len(found.passed_over) == 3


def test_a_zip_of_too_many_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(
        tmp_path / "in", {"ann.py": CODE, "a.zip": Zip({f"{i}.py": CODE for i in range(40)})}
    )
    monkeypatch.setattr(archives, "MOST_FILES", 39)
    reason = [(str(root / "a.zip"), "a zip with more than 39 files; unpack it")]
    assert collected(tmp_path, root).passed_over == reason
    monkeypatch.setattr(archives, "MOST_FILES", 40)
    assert len(collected(tmp_path, root).submissions) == 41
    monkeypatch.setattr(archives, "LARGEST_DIRECTORY", 100)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the list must not be read"))
    assert [r for _, r in collected(tmp_path, root).passed_over] == [
        "a zip with more than 40 files; unpack it"
    ]


def test_all_zips_share_one_bound(tmp_path: Path) -> None:
    size = len(CODE)
    root = make(tmp_path / "in", {f"{name}.zip": Zip({"A3.py": CODE}) for name in "abc"})
    (tmp_path / "room").mkdir()
    found = find_submissions([root], Room(tmp_path / "room", left=2 * size))
    assert [s.name for s in found.submissions] == ["a", "b"]
    reasons = dict(found.passed_over)
    assert reasons[str(root / "c.zip/A3.py")].startswith("more than 2000 MB in all zips")


def test_sizes_are_counted_and_not_believed(tmp_path: Path) -> None:
    packed = Zip({"A3.py": b"0" * 15_000_000}).packed()
    small = (100).to_bytes(4, "little")
    lying = packed.replace((15_000_000).to_bytes(4, "little"), small)
    assert lying != packed
    root = make(tmp_path / "in", {"ann.py": CODE, "b.zip": lying})
    found = collected(tmp_path, root)
    assert [s.name for s in found.submissions] == ["ann"]
    assert sum(f.stat().st_size for f in (tmp_path / "room").rglob("*") if f.is_file()) == 0


def test_a_name_that_is_twice_in_a_zip_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bob.zip", "w") as archive:
        archive.writestr("A3.py", CODE)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("A3.py", "second = 1\n")
    found = collected(tmp_path, tmp_path / "bob.zip")
    assert [s.file.read_text() for s in found.submissions] == ["second = 1\n"]
    assert [reason for _, reason in found.passed_over] == ["twice in the zip; the last is taken"]


def test_a_zip_in_an_unknown_packing_is_said(tmp_path: Path) -> None:
    packed = bytearray(Zip({"A3.py": CODE}).packed())
    directory = packed.index(b"PK\x01\x02")
    packed[8] = packed[directory + 10] = 97
    root = make(tmp_path / "in", {"ann.py": CODE, "bob.zip": bytes(packed)})
    reasons = dict(collected(tmp_path, root).passed_over)
    assert reasons[str(root / "bob.zip/A3.py")] == "packed in an unknown way"


def test_moodles_two_folders_of_a_student_are_one(tmp_path: Path) -> None:
    jane, max_ = "Jane Doe_4711_assignsubmission_", "Max Muster_4712_assignsubmission_"
    tree = {f"{jane}file_/A3.py": CODE, f"{jane}onlinetext_/onlinetext.html": "<p>"}
    root = make(tmp_path / "in", tree | {f"{max_}onlinetext_/onlinetext.html": "<p>"})
    missing = [p for p, reason in collected(tmp_path, root).passed_over if reason == NOTHING_HERE]
    assert missing == [str(root / "Max Muster_4712_*")]


def test_no_damage_to_a_zip_stops_the_others(tmp_path: Path) -> None:
    """Bytes are changed at random; whatever the zip then says, the other submission is found."""
    good = Zip({"A3.py": CODE * 20, "d/A3.ipynb": NOTEBOOK, "in.zip": Zip({"A3.py": CODE})})
    packed = good.packed()
    random = Random(1)
    root = make(tmp_path / "in", {"ann.py": CODE})
    for _ in range(300):
        damaged = bytearray(packed)
        for _ in range(random.choice((1, 2, 8))):
            damaged[random.randrange(len(damaged))] = random.choice((0, 1, 255, 0x80, 0x2E))
        cut = random.choice((0, 0, 0, random.randrange(len(damaged))))
        (root / "bob.zip").write_bytes(bytes(damaged[cut:]))
        found = collected(tmp_path, root)
        assert "ann" in [s.name for s in found.submissions]
        assert len(found.submissions) > 1 or found.passed_over


def test_zipped_results_of_another_grading_are_one_line(tmp_path: Path) -> None:
    books = dict.fromkeys(("grades.csv", "grading.log", "summary.json"), "x")
    books |= {"similarity.files/a.py": CODE}
    inside: dict[str, Content] = {f"res/{name}": text for name, text in books.items()}
    root = make(tmp_path / "in", {"ann.py": CODE, "res.zip": Zip(inside)})
    found = collected(tmp_path, root)
    assert [one.name for one in found.submissions] == ["ann"]
    assert (str(root / "res.zip" / "res"), "results of another grading") in found.passed_over
