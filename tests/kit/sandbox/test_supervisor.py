"""What the guard leaves: nothing of a child, and all that is not the child's."""

import os
from pathlib import Path

import pytest

from a3lib.kit.sandbox.supervisor import remove_files_of, remove_tree


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    (folder / "link").symlink_to(outside)
    (folder / "in" / "link").symlink_to(outside)
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    remove_tree(folder)
    assert not folder.exists()
    assert [path.name for path in outside.iterdir()] == ["kept"]


def test_a_link_or_a_file_itself_is_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "link").symlink_to(outside)
    (tmp_path / "file").touch()
    for name in ("link", "file", "missing"):
        remove_tree(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


def test_folders_that_are_locked_or_deep_are_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "locked" / "in" / "deep").mkdir(parents=True)
    (top / "locked" / "in" / "file").touch()
    for folder in (top / "locked" / "in", top / "locked", top):
        folder.chmod(0)
    before = os.getcwd()
    other = tmp_path / "other"
    other.mkdir()
    os.chdir(other)
    try:
        for _ in range(1500):
            os.mkdir("d" * 20)
            os.chdir("d" * 20)
    finally:
        os.chdir(before)
    remove_tree(top)
    remove_tree(other)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to make files of others")
def test_only_the_users_own_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "a3lib.kit.sandbox.supervisor.SHARED_FOLDERS", (str(tmp_path), "/no/such/folder")
    )
    for name, user in (("theirs", 60049), ("others", 60048), (".hidden", 60049)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        os.chown(tmp_path / name, user, user)
    (tmp_path / "link").symlink_to("others")
    os.chown(tmp_path / "link", 60049, 60049, follow_symlinks=False)
    remove_files_of(60049)
    assert [path.name for path in tmp_path.iterdir()] == ["others"]
