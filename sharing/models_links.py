"""Links: ways in for whoever holds a token."""

import uuid
from datetime import date
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models import Document, Folder
from docuvault.lib.days import last_day
from sharing.models_items import Ending, OfItem, exactly_one


class LinkLevel(models.IntegerChoices):
    """What a link lets its holder do. Uploading alone shows nothing, so these are no ladder."""

    VIEW = 10, _("view only")
    DOWNLOAD = 20, _("view and download")
    UPLOAD = 25, _("upload only")
    EDIT = 30, _("add and replace")


class ShareLink(OfItem, Ending, models.Model):
    """A way in for whoever holds the token: the table keeps its hash, and the token itself sealed for who manages it.

    It gives no more than its maker may give today, and is closed while he may not. The counters are changed by filtered
    updates alone: however many come at once, no more get in than may.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, null=True, blank=True, related_name="links")
    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, null=True, blank=True, related_name="links")
    name = models.CharField(max_length=120, default="", db_default="")
    message = models.CharField(max_length=1000, blank=True, default="", db_default="")
    token_hash = models.CharField(max_length=64, unique=True)
    token_sealed = models.CharField(max_length=255, blank=True, default="", db_default="")
    password_hash = models.CharField(max_length=255, blank=True, default="", db_default="")
    level = models.PositiveSmallIntegerField(choices=LinkLevel, default=LinkLevel.VIEW, db_default=LinkLevel.VIEW)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="links_made")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    max_opens = models.PositiveIntegerField(null=True, blank=True)
    max_downloads = models.PositiveIntegerField(null=True, blank=True)
    opens = models.PositiveIntegerField(default=0, db_default=0)
    downloads = models.PositiveIntegerField(default=0, db_default=0)
    uploads = models.PositiveIntegerField(default=0, db_default=0)
    first_opened_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    # When somebody last said that it stays, and when its owner was last asked.
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review_asked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "share_links"
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints: ClassVar = [
            models.CheckConstraint(condition=exactly_one("document", "folder"), name="ck_share_links_one_item"),
            models.CheckConstraint(condition=Q(level__in=LinkLevel.values), name="ck_share_links_level"),
            models.CheckConstraint(
                condition=~Q(level=LinkLevel.UPLOAD) | Q(document=None), name="ck_share_links_upload_to_folder"
            ),
            models.CheckConstraint(
                condition=(Q(max_opens=None) | Q(opens__lte=models.F("max_opens")))
                & (Q(max_downloads=None) | Q(downloads__lte=models.F("max_downloads"))),
                name="ck_share_links_counts",
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def last_day(self) -> date | None:
        """The last day on which it holds, in the looker's zone."""
        return last_day(self.expires_at)

    @property
    def is_used_up(self) -> bool:
        """Whether nobody new gets in; whoever is in goes on."""
        return self.max_opens is not None and self.opens >= self.max_opens

    @property
    def has_downloads_left(self) -> bool:
        return self.max_downloads is None or self.downloads < self.max_downloads

    @property
    def shows(self) -> bool:
        """Whether its holder sees what is there."""
        return self.level != LinkLevel.UPLOAD

    @property
    def lets_download(self) -> bool:
        return self.level in {LinkLevel.DOWNLOAD, LinkLevel.EDIT}

    @property
    def lets_add(self) -> bool:
        return self.level in {LinkLevel.UPLOAD, LinkLevel.EDIT}
