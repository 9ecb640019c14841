"""Objects in stores that fsspec reaches: `s3://bucket/key`, `gs://`, `https://` and others.

Credentials come from each store's usual places (environment, profile, machine role) and from nowhere else: an address
that carries a password is refused, and what is told of an address leaves out its query, where signatures stand. The
texts of a store's errors are cleaned the same way.

fsspec is imported when the first such address comes.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from featuremap_cli.errors import MissingDependencyError, UsageError

# Two letters at least: `C://photos` is a disk of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_USER = re.compile(r"(://)[^/@\s]*@")
_QUERY = re.compile(r"(https?://[^\s?#'\"]*)[?#][^\s'\"]*")

# A write to these is whole or absent: an object appears when its upload is complete.
_ATOMIC = frozenset(("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "memory"))
_WEB = frozenset(("http", "https"))
_PACKAGES = {"s3": "'featuremap-cli[s3]'", "s3a": "'featuremap-cli[s3]'", "gs": "gcsfs", "gcs": "gcsfs"}

# What proves in a listing or a header that an object is the same as before. A time alone does not, except where it is
# finer than anybody writes (memory://).
_PROOFS = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "created")

Stamp = tuple[int, ...]
"""A size in bytes, and a number that changes with the content."""

_fetched: ContextVar[dict[str, str] | None] = ContextVar("_fetched", default=None)


def is_url(text: str) -> bool:
    """Whether the text is an address in a store (`s3://...`) and no path of this machine."""
    return _SCHEME.match(text) is not None


def is_web(url: str) -> bool:
    """Whether the address is http:// or https://, where nothing can be listed or written."""
    return scheme_of(url) in _WEB


def scheme_of(url: str) -> str:
    """`s3` for `s3://bucket/key`."""
    return url.partition("://")[0].lower()


def without_secrets(text: str) -> str:
    """An address, or a text with addresses in it, without user names, passwords, and queries of web addresses."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1", text))


def join(url: str, relative: str) -> str:
    """The address of what lies below another one."""
    return f"{url.rstrip('/')}/{relative}" if relative else url


def refuse_password(url: str) -> None:
    """Check that no user name or password stands in an address.

    Raises:
        UsageError: one does.
    """
    if _USER.match(url, len(scheme_of(url))):
        raise UsageError(
            f"{without_secrets(url)} was given with a user name or password before @: expected an address without; "
            "leave credentials where the store's own tools look for them"
        )


def refuse_unwritable(url: str) -> None:
    """Check that results can be written to an address.

    Raises:
        UsageError: nothing can, or not whole or not at all.
        MissingDependencyError: the package that reaches the store is missing.
    """
    refuse_password(url)
    scheme = scheme_of(url)
    if scheme not in _ATOMIC:
        reason = "https:// is for reading" if scheme in _WEB else f"a write to {scheme}:// may be left half done"
        raise UsageError(
            f"--out {without_secrets(url)} cannot be used, {reason}: "
            "expected a folder, or an address in an object store such as s3://bucket/folder"
        )
    filesystem(url)


def filesystem(url: str) -> Any:
    """The fsspec filesystem of an address.

    Raises:
        MissingDependencyError: fsspec, or the store's package, is missing; with the line to install it.
        UsageError: fsspec knows no such store.
    """
    return _filesystem(scheme_of(url))


@lru_cache(maxsize=16)
def _filesystem(scheme: str) -> Any:
    try:
        import fsspec
    except ImportError as error:
        package = _PACKAGES.get(scheme, "'featuremap-cli[cluster]'")
        raise MissingDependencyError(f"{scheme}:// addresses need fsspec: pip install {package}") from error
    try:
        # A listing kept in memory would grow with the bucket, and hide what others write.
        return fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError as error:
        line = f"pip install {_PACKAGES[scheme]}" if scheme in _PACKAGES else without_secrets(str(error))
        raise MissingDependencyError(f"{scheme}:// addresses need another package: {line}") from error
    except ValueError as error:
        raise UsageError(f"{scheme}:// is no kind of store that is known: expected s3://, gs://, https://") from error


def fetch(url: str) -> bytes:
    """The whole content of an object.

    Raises:
        OSError: it cannot be read; FileNotFoundError and PermissionError where the store says so.
    """
    with reaching(url):
        content: bytes = filesystem(url).cat_file(url)
    noted = _fetched.get()
    if noted is not None:
        noted[url] = digest(content)
    return content


@contextmanager
def noting_digests() -> Iterator[Mapping[str, str]]:
    """Within, in this thread, the digest of every object that is fetched is noted, by its address: so that a content
    need not be fetched a second time to know what was read."""
    noted: dict[str, str] = {}
    token = _fetched.set(noted)
    try:
        yield noted
    finally:
        _fetched.reset(token)


def digest(content: bytes) -> str:
    """The hexadecimal BLAKE2b hash by which contents are told apart."""
    return blake2b(content, digest_size=16).hexdigest()


def stamp_of(url: str) -> Stamp | None:
    """The stamp of an object now; None where it is not there, or where the store tells nothing that proves anything."""
    try:
        with reaching(url):
            return stamp_in(filesystem(url).info(url))
    except OSError:
        return None


def stamp_in(facts: Mapping[str, Any]) -> Stamp | None:
    """The stamp in what a listing or a header says of an object."""
    proof = next((str(facts[name]) for name in _PROOFS if facts.get(name)), None)
    size = facts.get("size", facts.get("Size"))
    if proof is None or not isinstance(size, int):
        return None
    # 63 bits, so that any reader of JSON keeps them.
    return size, int.from_bytes(blake2b(proof.encode(), digest_size=8).digest(), "big") >> 1


def exists(url: str) -> bool:
    """Whether there is an object.

    Raises:
        OSError: the store does not tell.
    """
    try:
        with reaching(url):
            filesystem(url).info(url)
    except FileNotFoundError:
        return False
    return True


def size_of(url: str) -> int | None:
    """Bytes of an object; None where there is none."""
    try:
        with reaching(url):
            facts = filesystem(url).info(url)
    except FileNotFoundError:
        return None
    return int(facts["size"]) if facts.get("type") == "file" and facts.get("size") is not None else None


def put(url: str, content: bytes) -> None:
    """Write an object, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with reaching(url):
        filesystem(url).pipe_file(url, content)


def remove(url: str) -> None:
    """Remove an object.

    Raises:
        OSError: it cannot be removed.
    """
    with reaching(url):
        filesystem(url).rm_file(url)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Within, whatever a store raises becomes an OSError with a reason that gives no secret away.

    Raises:
        FileNotFoundError, PermissionError, OSError: `strerror` says why.
    """
    shown = without_secrets(url)
    try:
        yield
    except (MissingDependencyError, UsageError):
        raise
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "it does not exist", shown) from None
    except Exception as error:  # noqa: BLE001 -- each backend raises classes of libraries that need not be there
        if isinstance(error, PermissionError) or _is_refusal(error):
            raise PermissionError(errno.EACCES, "the store does not allow it to you", shown) from None
        reason = " ".join(without_secrets(str(error) or type(error).__name__).split())
        raise OSError(errno.EIO, reason, shown) from None


def _is_refusal(error: Exception) -> bool:
    return getattr(error, "status", None) in (401, 403) or "Credentials" in type(error).__name__
