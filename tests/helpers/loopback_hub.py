"""A small HTTP server on 127.0.0.1 that plays the Hugging Face hub from plain folders.

The client libraries read `HF_ENDPOINT` and `HF_HOME` when they are imported, so a client of this
hub is a process of its own, started with `client_environment`.
"""

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

NAME = r"(?P<name>[^/]+(?:/[^/]+)?)"
API_ADDRESS = re.compile(
    rf"/api/(?P<kind>models|datasets)/{NAME}"
    r"(?:/(?P<question>revision|tree|paths-info)/(?P<revision>[^/]+)(?:/(?P<path>.+))?)?"
)
FILE_ADDRESS = re.compile(
    rf"(?:/(?P<kind>datasets))?/{NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"
)
BYTE_RANGE = re.compile(r"bytes=(?P<first>\d+)-(?P<last>\d*)")
UNWANTED_VARIABLE = re.compile(r"(HF|HUGGINGFACE|HUGGING_FACE|TRANSFORMERS)_.*|.*_proxy", re.I)


class Request(NamedTuple):
    """One request that reached the hub and the status it was answered with."""

    method: str
    path: str
    status: int


@dataclass(frozen=True)
class LoopbackHub:
    """The address of a running hub and every request it has answered so far."""

    endpoint: str
    requests: list[Request] = field(default_factory=list)


class Repository(NamedTuple):
    """The files of one repository at its only commit, and how a tree listing describes them."""

    name: str
    commit: str
    files: Mapping[str, bytes]
    entries: Mapping[str, Mapping[str, Any]]


class Answer(NamedTuple):
    """What goes back to the client."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes = b""


Repositories = Mapping[tuple[str, str], Repository]


@contextmanager
def serve_hub(
    models: Mapping[str, Path] | None = None, datasets: Mapping[str, Path] | None = None
) -> Iterator[LoopbackHub]:
    """Serve the present content of these folders under these names until the block ends."""
    repositories = {
        (kind, name): read_repository(name, folder)
        for kind, folders in (("models", models or {}), ("datasets", datasets or {}))
        for name, folder in folders.items()
    }
    requests: list[Request] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_for(repositories, requests)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield LoopbackHub(f"http://127.0.0.1:{server.server_port}", requests)
        finally:
            server.shutdown()
            thread.join()


def client_environment(endpoint: str, home: Path) -> dict[str, str]:
    """This process's environment without a trace of any other hub, cache, token or proxy."""
    kept = {key: value for key, value in os.environ.items() if not UNWANTED_VARIABLE.fullmatch(key)}
    # The download counter of `datasets` is at a fixed address outside of the hub.
    return {**kept, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_UPDATE_DOWNLOAD_COUNTS": "0"}


def read_repository(name: str, folder: Path) -> Repository:
    """Read a folder as a repository whose commit follows from its content."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    parents = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    folders = {path: folder_entry(path) for path in sorted(parents - {"."})}
    entries = {path: file_entry(path, content) for path, content in files.items()}
    commit = sha1(json.dumps(entries).encode())
    return Repository(name, commit, files, entries | folders)


def file_entry(path: str, content: bytes) -> dict[str, Any]:
    """Describe a file as a tree listing does, with the object id that git would give it."""
    oid = sha1(b"blob %d\0" % len(content) + content)
    return {"type": "file", "oid": oid, "size": len(content), "path": path}


def folder_entry(path: str) -> dict[str, Any]:
    """Describe a folder as a tree listing does; its object id is a stand-in."""
    return {"type": "directory", "oid": sha1(path.encode()), "size": 0, "path": path}


def sha1(content: bytes) -> str:
    """The forty hexadecimal digits that git names objects by."""
    return hashlib.sha1(content).hexdigest()


def handler_for(
    repositories: Repositories, requests: list[Request]
) -> type[BaseHTTPRequestHandler]:
    """A request handler that answers from these repositories and notes what it was asked."""

    # The protocol stays at HTTP/1.0, which closes the connection after every answer: connections
    # that are kept alive would still be answered after the hub has stopped.
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # Closing a connection with an unread body can lose the answer on its way.
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            answer = answer_to(repositories, self.path, form, self.headers.get("Range", ""))
            requests.append(Request(self.command, self.path, answer.status))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_HEAD = do_GET
        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Write no log: the requests are noted."""

    return Handler


def answer_to(repositories: Repositories, url: str, form: str, byte_range: str) -> Answer:
    """Answer one request, whatever its method."""
    address = urlsplit(url)
    match = API_ADDRESS.fullmatch(address.path) or FILE_ADDRESS.fullmatch(address.path)
    if match is None:
        return not_found("EntryNotFound")
    asked = {name: unquote(value) for name, value in match.groupdict(default="").items()}
    repository = repositories.get((asked["kind"] or "models", asked["name"]))
    if repository is None:
        return not_found("RepoNotFound")
    if asked["revision"] not in ("", "main", repository.commit):
        return not_found("RevisionNotFound")
    if match.re is FILE_ADDRESS:
        return file_answer(repository, asked["path"], byte_range)
    if asked["question"] == "tree":
        recursive = parse_qs(address.query).get("recursive", [""])[0].lower() == "true"
        return tree_answer(repository, asked["path"], recursive)
    if asked["question"] == "paths-info":
        return paths_answer(repository, parse_qs(form).get("paths", []))
    return information_answer(repository)


def not_found(error_code: str, commit: str = "") -> Answer:
    """Status 404 with the code from which the clients choose their exception."""
    # With the commit of a missing file the clients can remember that the file does not exist.
    headers = {"X-Error-Code": error_code} | ({"X-Repo-Commit": commit} if commit else {})
    return Answer(HTTPStatus.NOT_FOUND, headers)


def file_answer(repository: Repository, path: str, byte_range: str) -> Answer:
    """The bytes of one file, or the range of them that a resumed download or a stream asks for."""
    if path not in repository.files:
        return not_found("EntryNotFound", repository.commit)
    content = repository.files[path]
    etag = f'"{repository.entries[path]["oid"]}"'
    headers = {"X-Repo-Commit": repository.commit, "ETag": etag, "Accept-Ranges": "bytes"}
    part = BYTE_RANGE.fullmatch(byte_range)
    if part is None:
        return Answer(HTTPStatus.OK, headers, content)
    first, end = int(part["first"]), min(int(part["last"] or len(content)) + 1, len(content))
    if first >= end:
        headers["Content-Range"] = f"bytes */{len(content)}"
        return Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers)
    headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(content)}"
    return Answer(HTTPStatus.PARTIAL_CONTENT, headers, content[first:end])


def tree_answer(repository: Repository, path: str, recursive: bool) -> Answer:
    """The entries directly in a folder, or all below it."""
    if path and repository.entries.get(path, {}).get("type") != "directory":
        return not_found("EntryNotFound", repository.commit)
    depth = None if recursive else 1
    below = [
        entry
        for inner, entry in repository.entries.items()
        if PurePosixPath(path) in list(PurePosixPath(inner).parents)[:depth]
    ]
    return json_answer(below)


def paths_answer(repository: Repository, paths: Sequence[str]) -> Answer:
    """The entries at these paths, leaving out those that do not exist."""
    return json_answer([repository.entries[path] for path in paths if path in repository.entries])


def information_answer(repository: Repository) -> Answer:
    """What the hub says of a model or data set as a whole, in as few words as the clients need."""
    siblings = [{"rfilename": path} for path in repository.files]
    return json_answer({"id": repository.name, "sha": repository.commit, "siblings": siblings})


def json_answer(content: object) -> Answer:
    """A successful answer in JSON."""
    body = json.dumps(content).encode()
    return Answer(HTTPStatus.OK, {"Content-Type": "application/json"}, body)
