"""The way out for every mail: shut in a restored copy of a vault until it is released, so that nobody hears twice."""

from collections.abc import Sequence
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from documents.hold import is_held


class MailsAreHeld(SMTPException):
    """This vault is a restored copy that sends nothing yet."""


class MailGate(BaseEmailBackend):
    """Django's way to send, ending in `settings.MAIL_BACKEND`."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Raises MailsAreHeld, and what the backend raises."""
        if is_held():
            raise MailsAreHeld("this is a restored copy; `manage.py release_hold` lets it send mails")
        backend = get_connection(settings.MAIL_BACKEND, fail_silently=self.fail_silently)
        return int(backend.send_messages(email_messages) or 0)
