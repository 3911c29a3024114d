"""What servers of objects answer, in words of our own; and what each kind of them can be trusted with."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from documents.store_errors import ObjectMissing, StoreFull, StoreUnavailable, UploadForgotten

READ_BYTES = 2 * 1024 * 1024
CONTENT_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+)$")
# A missing bucket is an outage (a disk that is not mounted), never a missing object.
OUTAGE_CODES = {"NoSuchBucket"}
# What servers say when a disk, or the bucket's own quota, is full.
FULL_CODES = {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}


@dataclass(frozen=True)
class Abilities:
    """What a kind of server can be trusted with; tests of what one lacks are listed, not passed."""

    verifies_signature: bool = True
    verifies_md5: bool = True
    keeps_multipart_after_restart: bool = True
    refuses_small_parts: bool = True
    honours_conditions: bool = True
    answers_ranges_with_206: bool = True
    forgets_metadata_on_restart: bool = False
    copies_parts: bool = True


ABILITIES = {
    "aws": Abilities(),
    "minio": Abilities(),
    "s3": Abilities(),
    "rclone": Abilities(
        keeps_multipart_after_restart=False,
        refuses_small_parts=False,
        honours_conditions=False,
        answers_ranges_with_206=False,
        forgets_metadata_on_restart=True,
        copies_parts=False,
    ),
    "moto": Abilities(verifies_signature=False, verifies_md5=False, keeps_multipart_after_restart=False),
}


@contextmanager
def told_in_our_words(key: str = "") -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code == "NoSuchUpload":
            raise UploadForgotten(key) from error
        if status == 404 and code not in OUTAGE_CODES:
            raise ObjectMissing(key) from error
        if status == 507 or code in FULL_CODES:
            raise StoreFull(f"the object store is full: {status} {code}") from error
        raise StoreUnavailable(f"the object store answered {status} {code}") from error
    except (BotoCoreError, HTTPClientError, HTTPError, OSError) as error:
        raise StoreUnavailable(f"the object store cannot be reached: {type(error).__name__}") from error
    except (ResponseParserError, ValueError) as error:
        raise StoreUnavailable("the object store's answer cannot be read") from error


class ObjectReader(Iterator[bytes]):
    """The bytes of an answer, two megabytes at a time. Fewer than promised is an error."""

    def __init__(self, body: Any, size_bytes: int) -> None:
        self._body = body
        self._left = size_bytes

    def __next__(self) -> bytes:
        if not self._left or self._body is None:
            self.close()
            raise StopIteration
        try:
            chunk: bytes = self._body.read(min(READ_BYTES, self._left))
        except Exception as error:
            self.close()
            raise StoreUnavailable(f"the object store broke off: {type(error).__name__}") from error
        if not chunk:
            self.close()
            raise StoreUnavailable(f"the object store sent {self._left} bytes too few")
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Done with it, at whatever point: a connection with unread bytes is closed, not used again."""
        body, self._body = self._body, None
        if body is not None:
            body.close()
            body.release_conn()


def is_range_asked_for(named: str, length: int, start: int, end: int | None) -> bool:
    """Whether the answer names the range that was asked for, and is as long."""
    found = CONTENT_RANGE.match(named)
    if found is None:
        return False
    first, last, size = (int(group) for group in found.groups())
    wanted = (size if end is None else end) - 1
    return (first, last) == (start, wanted) and length == last - first + 1


def said(answer: dict[str, Any], field: str) -> Any:
    """What every whole answer says. One whose head was cut off passes as a success with nothing in it."""
    if field not in answer:
        raise StoreUnavailable(f"the object store's answer broke off: no {field}")
    return answer[field]
