"""Bytes to the object store and back in one signed HTTP request each, without the S3 client's long way there.

The client builds and parses each call from its model of the service, which costs more than sending a
small file. Only what moves bytes goes this way; addresses, keys, signatures and errors are the
client's own. Rejected: the client's HTTP session, whose wrappings cost half of what is saved.
"""

import random
import re
import time
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

ERROR_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,100})</Code>")
ERROR_BYTES = 64 * 1024
TRIES = 3
LONGEST_WAIT = 0.5
PASSING = frozenset({429, 500, 502, 503, 504})
# The Content-MD5 vouches for the bytes; a SHA-256 in the signature would be one more walk over them.
UNSIGNED = Config(s3={"payload_signing_enabled": False})


class Wire:
    """PUT and GET on the keys of one bucket, tried again when the store is away for a moment."""

    def __init__(self, client: Any, credentials: Any, bucket: str) -> None:
        """Goes where the client would go, with its time limits."""
        parts, config = urlsplit(client.meta.endpoint_url), client.meta.config
        has_own_host = config.s3["addressing_style"] == "virtual"
        self._root = f"{parts.scheme}://{bucket}.{parts.netloc}" if has_own_host else f"{parts.scheme}://{parts.netloc}"
        self._path = f"{parts.path.rstrip('/')}/" if has_own_host else f"{parts.path.rstrip('/')}/{bucket}/"
        self._credentials, self._region = credentials, client.meta.region_name
        proxy = get_environ_proxies(self._root).get(parts.scheme)
        manager: Any = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()
        manager.connection_pool_kw.update(
            timeout=urllib3.Timeout(connect=config.connect_timeout, read=config.read_timeout),
            maxsize=config.max_pool_connections,
        )
        if parts.scheme == "https":
            manager.connection_pool_kw.update(cert_reqs="CERT_REQUIRED", ca_certs=get_cert_path(verify=True))
        self._pool = manager.connection_from_url(self._root)

    def put(self, key: str, data: bytes, md5: str, *, upload_id: str = "", number: int = 0) -> str:
        """Send an object, or a part of one, with its `md5` where there is one; answers the ETag.

        Raises ClientError, or urllib3's errors where nothing answers.
        """
        headers = {"Content-Type": "application/octet-stream", **({"Content-MD5": md5} if md5 else {})}
        query = f"?partNumber={number}&uploadId={quote(upload_id, safe='-._~')}" if upload_id else ""
        answer = self._asked("PUT", key, headers, "ETag", data, query)
        answer.drain_conn()
        return str(answer.headers["ETag"])

    def get(self, key: str, wanted: str = "") -> urllib3.BaseHTTPResponse:
        """The answer, its body not yet read. Whoever has enough closes it. Raises as `put` does."""
        return self._asked("GET", key, {"Range": wanted} if wanted else {}, "Content-Length")

    def _asked(
        self, method: str, key: str, headers: dict[str, str], said: str, data: bytes | None = None, query: str = ""
    ) -> urllib3.BaseHTTPResponse:
        """`said`: what every whole answer says; one whose head was cut off passes as a success without it."""
        for tries_left in reversed(range(TRIES)):
            try:
                answer = self._ask(method, key, headers, data, query)
                if answer.status < 300 and said not in answer.headers:
                    answer.close()
                    raise urllib3.exceptions.ProtocolError(f"the answer broke off: no {said}")
            except urllib3.exceptions.HTTPError:
                if not tries_left:
                    raise
            else:
                if answer.status < 300:
                    return answer
                error = _error_of(answer, method)
                if answer.status not in PASSING or not tries_left:
                    raise error
            time.sleep(random.uniform(0, LONGEST_WAIT))  # noqa: S311 (so that not all come again at once)
        raise AssertionError("the last try answers or raises")

    def _ask(
        self, method: str, key: str, headers: dict[str, str], data: bytes | None, query: str
    ) -> urllib3.BaseHTTPResponse:
        path = f"{self._path}{quote(key, safe='-._~/')}{query}"
        if self._credentials is None:
            raise NoCredentialsError
        request = AWSRequest(method, self._root + path, headers)
        request.context["client_config"] = UNSIGNED
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
        answer: urllib3.BaseHTTPResponse = self._pool.urlopen(
            method,
            path,
            data,
            dict(request.headers.items()),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        return answer


def _error_of(answer: urllib3.BaseHTTPResponse, method: str) -> ClientError:
    """The store's refusal, as the client would tell it."""
    found = ERROR_CODE.search(answer.read(ERROR_BYTES))
    answer.close()
    answer.release_conn()
    return ClientError(
        {
            "Error": {"Code": found.group(1).decode() if found else ""},
            "ResponseMetadata": {"HTTPStatusCode": answer.status},  # type: ignore[typeddict-item]
        },
        method,
    )
