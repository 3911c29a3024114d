"""The policy that a worker's script brings along: a worker is under no page's policy but its own."""

from wsgiref.headers import Headers

# It reads foreign bytes: it makes no code of them, and reaches nothing but the vault.
WORKER_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"


def add_headers(headers: Headers, path: str, url: str) -> None:
    """Called by WhiteNoise for each static file."""
    if "/pdf.worker." in url:
        headers["Content-Security-Policy"] = WORKER_POLICY
