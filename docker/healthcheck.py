"""Asks /health, of the web process beside it or on the host named; ends with 0 when all is well.

healthcheck.py              everything, asked of this container
healthcheck.py web queue    one part, asked of the container called web
healthcheck.py --beat reader    whether this container's part has shown life in the last two minutes
"""

import http.client
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

BEAT_SECONDS = 120


def is_well(host: str, part: str) -> bool:
    """Whether the vault, or one part of it, says so itself."""
    name = urlsplit(os.environ.get("DOCUVAULT_BASE_URL", "")).netloc or "localhost"
    connection = http.client.HTTPConnection(host, int(os.environ.get("PORT", "8000")), timeout=5)
    try:
        connection.request("GET", "/health", headers={"Host": name})
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return bool(told[part]["status"] == "ok" if part else answer.status == 200)


def has_beat(part: str) -> bool:
    """Whether the file that the part touches is fresh."""
    try:
        beat = Path(os.environ.get("DOCUVAULT_DATA", "var"), f"{part}.beat").stat().st_mtime
    except OSError:
        return False
    return time.time() - beat < BEAT_SECONDS


if __name__ == "__main__":
    words = [*sys.argv[1:], "", ""]
    if words[0] == "--beat":
        sys.exit(0 if has_beat(words[1]) else 1)
    sys.exit(0 if is_well(words[0] or "127.0.0.1", words[1]) else 1)
