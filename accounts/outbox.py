"""Where mails go when there is no mail server: one file each, and one line in the log with the link."""

import logging
import os
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage as ParsedMail
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger(__name__)
SUFFIX = ".eml"
LINK = re.compile(r"https?://[^\s<>\"']+")


class OutboxBackend(BaseEmailBackend):
    """Django's way to send, ending in `settings.MAIL_DIR`."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            self._keep(message)
        return len(email_messages)

    def _keep(self, message: EmailMessage) -> None:
        # Raises BadHeaderError for a forged header.
        raw = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
        folder = Path(settings.MAIL_DIR)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        unfinished = folder / f".{name}.part"
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        unfinished.rename(folder / (name + SUFFIX))
        links = [found.rstrip(".,)") for found in LINK.findall(str(message.body))]
        link = next((link for link in links if link != settings.BASE_URL), "")  # the foot names the vault
        logger.info("mail to %s: %s  %s", ", ".join(message.to), message.subject, link)


@dataclass(frozen=True, slots=True)
class KeptMail:
    """One mail of the outbox."""

    name: str
    sent_at: datetime
    to: str
    subject: str
    text: str


def is_in_use() -> bool:
    """Whether mails end here rather than at a mail server."""
    return not settings.EMAIL_URL


def kept_mails(limit: int = 100) -> list[KeptMail]:
    """The newest first; a file that cannot be read is passed over."""
    folder = Path(settings.MAIL_DIR)
    if not folder.is_dir():
        return []
    names = sorted((entry.name for entry in folder.iterdir() if entry.suffix == SUFFIX), reverse=True)
    return [mail for name in names[:limit] if (mail := _read(folder / name)) is not None]


def _read(path: Path) -> KeptMail | None:
    try:
        raw = path.read_bytes()
        sent_at = datetime.fromtimestamp(int(path.name.partition("-")[0]) / 1e9, UTC)
    except (OSError, ValueError, OverflowError):
        return None
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, ParsedMail)
    body = parsed.get_body(preferencelist=("plain",))
    return KeptMail(
        name=path.name,
        sent_at=sent_at,
        to=str(parsed.get("To", "")),
        subject=str(parsed.get("Subject", "")),
        text=body.get_content() if body is not None else "",
    )
