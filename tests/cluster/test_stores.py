"""Reading, listing and writing object stores: a real S3 server, a web server, and fsspec's store in memory."""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from loopback import MANIFEST, ROOT, SECRET, Run, Servers, files, objects, upload

from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.runner import RunSettings, run
from featuremap_cli.errors import ExitCode, ImageError
from featuremap_cli.sources import store_search
from featuremap_cli.sources.images import read_image
from featuremap_cli.sources.locations import ImageLocation, MissingImage, find_images

CHINA = (ROOT / "sample_images" / "china.jpg").read_bytes()
FLOWER = (ROOT / "sample_images" / "flower.jpg").read_bytes()
KEYS = (
    "a.jpg",
    "b/c.png",
    "b/d.txt",
    "b/e/f.tif",
    "b/.hidden.jpg",
    ".secret/g.jpg",
    "scan2.jpg",
    "scan10.jpg",
    "b.npy",
)
GLOBS = ("*.jpg", "**/*.jpg", "**", "b/*", "*", "b/**/*.tif", "**/e/*", ".*/*.jpg", "b/.*", "s?.jpg", "[ab].*")


def found(*arguments: str) -> list[str]:
    return [one.relative if isinstance(one, ImageLocation) else "missing" for one in find_images(arguments)]


@pytest.fixture
def in_memory() -> Iterator[str]:
    """`memory://photos`, empty."""
    from fsspec.implementations.memory import MemoryFileSystem

    yield "memory://photos"
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def fill(tmp_path: Path, url: str, keys: tuple[str, ...] = KEYS) -> Path:
    """The same tree in a folder and in a store."""
    import fsspec

    folder = tmp_path / "photos"
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(b"x")
        if url.startswith("s3://"):
            upload(f"{url}/{key}", b"x")
        else:
            fsspec.filesystem("memory").pipe_file(f"{url}/{key}", b"x")
    return folder


def test_a_bucket_is_searched_as_a_folder_is(tmp_path: Path, bucket: str) -> None:
    folder = fill(tmp_path, f"{bucket}/photos")
    assert sorted(found(f"{bucket}/photos")) == sorted(found(str(folder)))
    assert sorted(found(bucket)) == sorted(f"photos/{relative}" for relative in found(str(folder)))
    for pattern in GLOBS:
        assert sorted(found(f"{bucket}/photos/{pattern}")) == sorted(found(f"{folder}/{pattern}")), pattern


def test_other_stores_are_searched_in_the_order_of_a_folder(tmp_path: Path, in_memory: str) -> None:
    folder = fill(tmp_path, in_memory)
    assert found(in_memory) == found(str(folder))
    for pattern in GLOBS:
        assert sorted(found(f"{in_memory}/{pattern}")) == sorted(found(f"{folder}/{pattern}")), pattern


def test_a_bucket_is_listed_a_page_at_a_time(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        upload(f"{bucket}/{number}.jpg", b"x")
    files_of_s3 = store_search.stores.filesystem(bucket)
    pages: list[int] = []
    real = files_of_s3.call_s3

    def paged(method: str, **request: object) -> object:
        page = real(method, MaxKeys=3, **request)
        pages.append(len(page["Contents"]))
        return page

    monkeypatch.setattr(files_of_s3, "call_s3", paged)
    images = find_images([bucket])
    next(images)
    assert pages == [3]
    assert [one.relative for one in images if isinstance(one, ImageLocation)] == [f"{n}.jpg" for n in range(1, 7)]
    assert pages == [3, 3, 1]


def test_what_is_not_there_is_reported(bucket: str) -> None:
    upload(f"{bucket}/notes.txt", b"x")
    arguments = [bucket, f"{bucket}/*.jpg", f"{bucket}-other/photos", "s3://me:pass@host/a.jpg", "nostore://x/y"]
    missing = [one for one in find_images(arguments) if isinstance(one, MissingImage)]
    assert [one.argument for one in missing] == [*arguments[:3], "s3://host/a.jpg", "nostore://x/y"]
    assert "holds no image" in missing[0].message
    assert "matches no image" in missing[1].message
    assert "user name or password" in missing[3].message
    assert "pass@" not in missing[3].message
    with pytest.raises(ImageError, match=r"gone\.jpg does not exist"):
        read_image(f"{bucket}/gone.jpg")


def test_an_image_in_a_store_is_the_one_that_was_put_there(bucket: str, in_memory: str) -> None:
    import fsspec

    upload(f"{bucket}/deep/china.jpg", CHINA)
    fsspec.filesystem("memory").pipe_file(f"{in_memory}/china.jpg", CHINA)
    expected = read_image("sample:china")
    for url in (f"{bucket}/deep/china.jpg", f"{in_memory}/china.jpg"):
        image = read_image(url)
        assert image.name == "china.jpg"
        assert (image.pixels == expected.pixels).all()


@pytest.mark.parametrize("where", ["here", "cluster"])
def test_from_bucket_to_bucket_the_bytes_are_those_of_a_local_run(
    tmp_path: Path, bucket: str, servers: Servers, featuremap: Run, where: str
) -> None:
    for name, content in {"china.jpg": CHINA, "holiday/flower.jpg": FLOWER, "holiday/bad.jpg": b"none"}.items():
        upload(f"{bucket}/photos/{name}", content)
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    words = ["-j", "1"]
    if where == "cluster":
        servers.scheduler()
        servers.worker()
        words = ["--cluster", servers.address]
    featuremap("convolve", tmp_path / "photos", "-o", tmp_path / "out")
    ran = featuremap("convolve", f"{bucket}/photos/**/*.jpg", "-o", f"{bucket}/out", *words)
    assert ran.code == ExitCode.SOME_IMAGES_FAILED
    assert f"{bucket}/photos/holiday/bad.jpg is not an image" in ran.err
    assert ran.out.split() == [
        f"{bucket}/out/{name}" for name in ("filters.png", "china.maps.png", "holiday/flower.maps.png")
    ]
    written = {name: content for name, content in objects(f"{bucket}/out").items() if not name.startswith(MANIFEST)}
    featuremap("convolve", f"{bucket}/photos/**/*.jpg", "-o", tmp_path / "same")
    assert written == files(tmp_path / "same")
    # A picture carries the path of its image; what is drawn does not depend on it.
    assert {name: pixels(content) for name, content in written.items()} == {
        name: pixels(content) for name, content in files(tmp_path / "out").items()
    }
    again = featuremap("convolve", f"{bucket}/photos/**/*.jpg", "-o", f"{bucket}/out", *words)
    assert again.out == ""
    assert "2 already done, 1 failed" in again.err


def pixels(png: bytes) -> tuple[str, bytes]:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        return picture.mode, picture.tobytes()


def statuses(bucket: str) -> list[str]:
    from deadly_jobs import Deadly

    settings = RunSettings(OutputFolder(f"{bucket}/out"))
    job = ReadsStores(Deadly(""))
    return [record.status for record in run(job, find_images([f"{bucket}/photos"]), settings)]


class ReadsStores:
    """Writes the size of what it reads."""

    def __init__(self, job: object) -> None:
        self.name, self.batch_size, self.overlaps = "reads", 1, False

    def options(self) -> dict[str, object]:
        return {}

    def open(self) -> ReadsStores:
        return self

    def read(self, task: object) -> bytes:
        from featuremap_cli.sources.stores import fetch

        return fetch(task.location.path)  # type: ignore[attr-defined]

    def compute(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def write(self, task: object, result: bytes, folder: OutputFolder) -> object:
        from featuremap_cli.batch.job import Outcome

        return Outcome((folder.write(f"{task.stem}.txt", result),))  # type: ignore[attr-defined]


def test_only_what_changed_is_done_again(bucket: str) -> None:
    for number in range(3):
        upload(f"{bucket}/photos/{number}.jpg", b"one")
    assert statuses(bucket) == ["done"] * 3
    assert statuses(bucket) == ["skipped"] * 3
    upload(f"{bucket}/photos/1.jpg", b"two")
    assert statuses(bucket) == ["skipped", "done", "skipped"]
    upload(f"{bucket}/photos/1.jpg", b"two")
    assert statuses(bucket) == ["skipped"] * 3, "written again with the same content"
    upload(f"{bucket}/out/2.txt", b"altered")
    assert statuses(bucket) == ["skipped", "skipped", "done"]


def test_a_run_that_was_cut_keeps_what_it_had_noted(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from featuremap_cli.batch import store_manifest

    monkeypatch.setattr(store_manifest, "_MOST_LINES", 2)
    for number in range(7):
        upload(f"{bucket}/photos/{number}.jpg", b"one")
    with monkeypatch.context() as patched:
        # As a process that is killed: nothing is done at the end.
        patched.setattr(store_manifest.StoreManifest, "close", lambda self: self._copy.cleanup())
        assert statuses(bucket) == ["done"] * 7
    noted = [name for name in objects(f"{bucket}/out") if name.startswith(MANIFEST)]
    assert len(noted) == 3
    assert statuses(bucket) == ["skipped"] * 6 + ["done"]
    assert statuses(bucket) == ["skipped"] * 7
    lines = [
        json.loads(line)
        for name, content in objects(f"{bucket}/out").items()
        if name.startswith(MANIFEST)
        for line in content.splitlines()
    ]
    assert sorted(line["stem"] for line in lines) == [str(n) for n in range(7)]


def test_credentials_are_nowhere_told(bucket: str, s3_server: str, featuremap: Run) -> None:
    upload(f"{bucket}/photos/china.jpg", CHINA)
    web = f"{s3_server}/{bucket.removeprefix('s3://')}/photos/china.jpg?X-Amz-Signature={SECRET}"
    ran = featuremap("convolve", f"{bucket}/photos", web, "-o", f"{bucket}/out", "--json", "-j", "1")
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 2
    gone = featuremap("convolve", web.replace("china.jpg", "gone.jpg"), "-o", f"{bucket}/out", "--json")
    refused = featuremap("convolve", "sample:china", "-o", f"s3://tester:{SECRET}@bucket/out")
    assert gone.code == ExitCode.NO_IMAGE
    assert refused.code == ExitCode.USAGE
    for told in (ran, gone, refused):
        assert SECRET not in told.out + told.err
    for name, content in objects(f"{bucket}/out").items():
        assert SECRET.encode() not in content, name
        assert b"tester" not in content, name


def test_results_go_only_where_a_write_is_whole_or_absent(bucket: str, featuremap: Run) -> None:
    for out in ("https://example.org/out", "sftp://example.org/out"):
        ran = featuremap("convolve", "sample:china", "-o", out)
        assert ran.code == ExitCode.USAGE
        assert "expected a folder, or an address in an object store" in ran.err
    ran = featuremap("convolve", "sample:china", "-o", f"{bucket}-not-there/out")
    assert ran.code == ExitCode.OUTPUT
    assert "check --out, and your access to the store" in ran.err


def test_a_web_server_is_read(tmp_path: Path, in_memory: str, featuremap: Run) -> None:
    shutil.copy(ROOT / "sample_images" / "china.jpg", tmp_path)
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    out = in_memory.replace("photos", "out")
    try:
        ran = featuremap("convolve", f"{url}/china.jpg", f"{url}/gone.jpg", "-o", out, "-j", "1")
        again = featuremap("convolve", f"{url}/china.jpg", "-o", out, "-j", "1", "--json")
    finally:
        server.shutdown()
        server.server_close()
    assert ran.code == ExitCode.SOME_IMAGES_FAILED
    assert f"{url}/gone.jpg does not exist" in ran.err
    assert f"{out}/china.maps.png" in ran.out
    assert json.loads(again.out)["status"] == "skipped"


def test_a_store_says_what_it_passed_over() -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    names = ("a.jpg", "b.txt", "deep/c.MP4", "deep/.d.txt", "out/e.npz", "featuremap-manifest.jsonl/000.jsonl")
    for name in names:
        store.pipe_file(f"/passed-over/{name}", b"x")
    said: list[str] = []
    found = find_images(["memory://passed-over", "memory://passed-over"], without=["memory://passed-over/out"],
                        tell=said.append)  # fmt: skip
    assert [one.relative for one in found if isinstance(one, ImageLocation)] == ["a.jpg"]
    assert said == ["memory://passed-over: passed over 2 files that are no images by their names: 1 .txt, 1 .mp4"]
    said.clear()
    list(find_images(["memory://passed-over/*.txt"], tell=said.append))
    assert said == ["memory://passed-over/*.txt: passed over 1 file that is no image by its name: 1 .txt"]
