"""Who else may see it (shares, links), what they say to it, and what was done (the trail)."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Group
from documents.models import Document, Folder, Version
from sharing.models_handing import EmergencyContact, EmergencyState, Handover, HandoverState
from sharing.models_items import Ending, OfItem, exactly_one
from sharing.models_links import LinkLevel, ShareLink
from sharing.models_requests import FileRequest, ReceivedFile, ReceivedState
from sharing.models_views import ViewShare

__all__ = [
    "AuditEvent",
    "Comment",
    "EmergencyContact",
    "EmergencyState",
    "FileRequest",
    "Handover",
    "HandoverState",
    "LinkLevel",
    "ReadingMark",
    "Receipt",
    "ReceivedFile",
    "ReceivedState",
    "Share",
    "ShareLevel",
    "ShareLink",
    "ShareReception",
    "SharingPolicy",
    "TrailErasure",
    "TrailSeal",
    "TrailStretch",
    "ViewShare",
]


class ShareLevel(models.IntegerChoices):
    """What a share or link lets its holder do; each level holds those below it."""

    VIEW = 10, _("view")
    COMMENT = 20, _("comment")
    EDIT = 30, _("edit")
    MANAGE = 40, _("manage")


def one_share_per(item: str, receiver: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(
        fields=[item, receiver],
        condition=Q(**{f"{item}__isnull": False, f"{receiver}__isnull": False}),
        name=f"uq_shares_{item}_{receiver}",
    )


def one_waiting_per(item: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(
        fields=[item, "typed_key"],
        condition=Q(**{f"{item}__isnull": False}, recipient=None, group=None),
        name=f"uq_shares_{item}_waiting",
    )


def days_or_none(name: str) -> Q:
    return Q(**{name: None}) | Q(**{f"{name}__gte": 1, f"{name}__lte": 3650})


def no_more_than(less: str, more: str) -> Q:
    return Q(**{less: None}) | Q(**{more: None}) | Q(**{f"{more}__gte": models.F(less)})


class SharingPolicy(models.Model):
    """What people may do when they share: one row, which admins change."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    default_days = models.PositiveIntegerField(
        _("days a share lasts, if nothing else is said"), null=True, blank=True, help_text=_("Empty: without an end.")
    )
    max_days = models.PositiveIntegerField(
        _("days a share lasts at most"), null=True, blank=True, help_text=_("Empty: as long as people like.")
    )
    lists_people = models.BooleanField(
        _("people find one another"),
        default=False,
        db_default=False,
        help_text=_("Everybody's name is offered when sharing. Otherwise nobody learns from it who is here."),
    )
    members_make_groups = models.BooleanField(_("members may make groups"), default=False, db_default=False)
    members_invite = models.BooleanField(
        _("members may invite people by mail when they share"), default=False, db_default=False
    )
    review_days = models.PositiveIntegerField(
        _("days after which an unused share is asked about"), default=365, db_default=365
    )
    allows_links = models.BooleanField(
        _("people may make links"),
        default=True,
        db_default=True,
        help_text=_("Whoever holds a link needs no account. While this is off, every link is closed."),
    )
    links_need_password = models.BooleanField(
        _("each link needs a password"),
        default=False,
        db_default=False,
        help_text=_("From now on: links that have none stay as they are."),
    )
    link_password_length = models.PositiveSmallIntegerField(
        _("characters a password of a link has at least"), default=10, db_default=10
    )
    link_password_kinds = models.PositiveSmallIntegerField(
        _("kinds of characters in it at least"),
        default=2,
        db_default=2,
        help_text=_("Of small letters, capital letters, digits and other signs: 1 to 4."),
    )
    link_default_days = models.PositiveIntegerField(
        _("days a link lasts, if nothing else is said"), null=True, blank=True, help_text=_("Empty: without an end.")
    )
    link_min_days = models.PositiveIntegerField(
        _("days a link lasts at least"), null=True, blank=True, help_text=_("Empty: as short as people like.")
    )
    link_max_days = models.PositiveIntegerField(
        _("days a link lasts at most"), null=True, blank=True, help_text=_("Empty: as long as people like.")
    )

    class Meta:
        db_table = "sharing_policy"
        verbose_name = _("policy for sharing")
        verbose_name_plural = _("policy for sharing")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="ck_sharing_policy_one_row"),
            models.CheckConstraint(
                condition=(Q(max_days=None) | Q(max_days__gte=1, max_days__lte=36_500))
                & (Q(default_days=None) | Q(default_days__gte=1, default_days__lte=36_500))
                & Q(review_days__gte=1, review_days__lte=36_500),
                name="ck_sharing_policy_days",
            ),
            models.CheckConstraint(
                condition=Q(link_password_length__gte=4, link_password_length__lte=128)
                & Q(link_password_kinds__gte=1, link_password_kinds__lte=4),
                name="ck_sharing_policy_link_passwords",
                violation_error_message=_("A password of a link has 4 to 128 characters of 1 to 4 kinds."),
            ),
            models.CheckConstraint(
                condition=days_or_none("link_default_days")
                & days_or_none("link_min_days")
                & days_or_none("link_max_days")
                & no_more_than("link_min_days", "link_max_days")
                & no_more_than("link_min_days", "link_default_days")
                & no_more_than("link_default_days", "link_max_days"),
                name="ck_sharing_policy_link_days",
                violation_error_message=_(
                    "Days of links are between 1 and 3650: at least no more than usually, usually no more than at most."
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(_("policy for sharing"))


class Share(OfItem, Ending, models.Model):
    """A document or a folder with all below it, opened to a person or a group.

    `typed` is what the sharer wrote. Without recipient and group it waits for a person whom nobody knows yet,
    and opens nothing: so that sharing does not tell who is here, it is kept and shown like any other.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    document = models.ForeignKey(
        Document, on_delete=models.CASCADE, null=True, blank=True, related_name="shares", db_index=False
    )
    folder = models.ForeignKey(
        Folder, on_delete=models.CASCADE, null=True, blank=True, related_name="shares", db_index=False
    )
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="shares_received",
        db_index=False,
    )
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="shares")
    level = models.PositiveSmallIntegerField(choices=ShareLevel, default=ShareLevel.VIEW, db_default=ShareLevel.VIEW)
    shared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shares_made")
    message = models.CharField(max_length=1000, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    typed = models.CharField(max_length=254, blank=True, default="", db_default="")
    typed_key = models.CharField(max_length=254, blank=True, default="", db_default="", editable=False)
    # Whether a mail is to invite the person who has no account yet, and when it went.
    is_inviting = models.BooleanField(default=False, db_default=False)
    invited_at = models.DateTimeField(null=True, blank=True)
    # When the owner last said that it stays, and when he was last asked.
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review_asked_at = models.DateTimeField(null=True, blank=True)
    # Opened because its owner did not refuse in time what an emergency contact of his asked for.
    emergency = models.ForeignKey(
        EmergencyContact, on_delete=models.CASCADE, null=True, blank=True, related_name="shares", editable=False
    )

    class Meta:
        db_table = "shares"
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        constraints: ClassVar = [
            models.CheckConstraint(condition=exactly_one("document", "folder"), name="ck_shares_one_item"),
            models.CheckConstraint(
                condition=exactly_one("recipient", "group")
                | Q(recipient__isnull=True, group__isnull=True) & ~Q(typed_key=""),
                name="ck_shares_one_receiver",
            ),
            models.CheckConstraint(condition=Q(level__in=ShareLevel.values), name="ck_shares_level"),
            one_share_per("document", "recipient"),
            one_share_per("document", "group"),
            one_share_per("folder", "recipient"),
            one_share_per("folder", "group"),
            one_waiting_per("document"),
            one_waiting_per("folder"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["recipient"], name="ix_shares_recipient"),
            models.Index(fields=["typed_key"], condition=Q(recipient=None, group=None), name="ix_shares_waiting"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ShareReception(models.Model):
    """What one person has made of a share: told of it, accepted it, put it away, or left it.

    `left_at` is for shares with a group: the others of the group keep theirs. A person's own share is deleted.
    """

    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="receptions", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    told_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "share_receptions"
        constraints: ClassVar = [models.UniqueConstraint(fields=["share", "user"], name="uq_share_receptions")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.share_id}"


class AuditEvent(models.Model):
    """One line of the trail: plain values that outlive what they tell of.

    `id`, `at` and `xact` are the database's own; the application's role may insert the other
    columns and read, no more (sharing/migrations/0002_trail_guard.py). `metadata` is `details`
    as jsonb, made by the database.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(
        _("when"),
        editable=False,
        db_default=Func(function="clock_timestamp", output_field=models.DateTimeField()),
    )
    xact = models.BigIntegerField(
        editable=False,
        db_default=Func(template="pg_current_xact_id()::text::bigint", output_field=models.BigIntegerField()),
    )
    actor_id = models.UUIDField(null=True)
    actor_kind = models.CharField(_("came as"), max_length=16)
    actor_name = models.CharField(_("who"), max_length=120, blank=True)
    on_behalf_of = models.UUIDField(null=True)
    action = models.CharField(_("what"), max_length=48)
    target_kind = models.CharField(max_length=24, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_name = models.CharField(_("which"), max_length=255, blank=True)
    owner_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    session_hash = models.CharField(max_length=64, blank=True)
    result = models.CharField(_("result"), max_length=16)
    details = models.TextField(default="{}")
    metadata = models.GeneratedField(
        expression=Cast("details", models.JSONField()), output_field=models.JSONField(), db_persist=True
    )

    class Meta:
        db_table = "audit_log"
        verbose_name = _("event")
        verbose_name_plural = _("trail")
        indexes: ClassVar = [
            models.Index(fields=["owner_id", "-id"], name="ix_audit_owner"),
            models.Index(fields=["actor_id", "-id"], name="ix_audit_actor"),
            models.Index(fields=["target_id", "-id"], name="ix_audit_target"),
            models.Index(fields=["action", "-id"], name="ix_audit_action"),
            models.Index(fields=["at"], name="ix_audit_at"),
            # The order of seals.
            models.Index(fields=["xact", "id"], name="ix_audit_xact"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_name}"


class ReadingMark(models.Model):
    """When somebody's reading of a version was last written down, so ranges do not fill the trail."""

    reader = models.CharField(max_length=64)
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="+", db_index=False)
    action = models.CharField(max_length=48)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "reading_marks"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "reader", "action"], name="uq_reading_marks")
        ]

    def __str__(self) -> str:
        return f"{self.reader} {self.action}"


class TrailStretch(models.Model):
    """A run of the trail in which the database's transaction numbers only grow; a restore begins another, from 2 on.

    The rows of a stretch have an `id` above its `after_id`, and at most the next one's. `after_seal`: the last
    seal that came in with the restored rows; what anchors know beyond it is lost.
    """

    number = models.PositiveIntegerField(primary_key=True)
    after_id = models.BigIntegerField(default=0, db_default=0)
    after_seal = models.BigIntegerField(default=0, db_default=0)
    reason = models.CharField(max_length=64)
    begun_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audit_stretches"

    def __str__(self) -> str:
        return f"{self.number} {self.reason}"


class TrailSeal(models.Model):
    """A closed range of the trail: how many rows, their hash, chained to the seal before.

    The range is every row of the stretch with `xact` above the seal before (of that stretch) and at most
    `last_xact`. `head` is the hash of the seal's own text, `mac` its HMAC with a key that the database does
    not hold. `anchored_at`: when the head was written outside the database. `pruned_at`: its rows were removed
    when their time was over.
    """

    number = models.BigIntegerField(primary_key=True)
    stretch = models.PositiveIntegerField(default=1, db_default=1)
    last_xact = models.BigIntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    row_count = models.PositiveIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    rows_hash = models.CharField(max_length=64)
    previous_head = models.CharField(max_length=64)
    head = models.CharField(max_length=64)
    key_name = models.CharField(max_length=32)
    mac = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()
    anchored_at = models.DateTimeField(null=True, blank=True)
    pruned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "audit_seals"
        verbose_name = _("seal")
        verbose_name_plural = _("seals")

    def __str__(self) -> str:
        return str(self.number)


class TrailErasure(models.Model):
    """A row whose names were taken out at a person's wish: the hash that stands for them, so that the seal holds."""

    event_id = models.BigIntegerField(primary_key=True)
    label_hash = models.CharField(max_length=64)
    erased_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audit_erasures"

    def __str__(self) -> str:
        return str(self.event_id)


class Receipt(models.Model):
    """How often somebody has opened and downloaded a document: counted with each line of the trail about it."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="receipts", db_index=False)
    reader = models.CharField(max_length=64)
    views = models.PositiveIntegerField(default=0, db_default=0)
    downloads = models.PositiveIntegerField(default=0, db_default=0)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "receipts"
        constraints: ClassVar = [models.UniqueConstraint(fields=["document", "reader"], name="uq_receipts")]
        indexes: ClassVar = [models.Index(fields=["reader", "-last_at"], name="ix_receipts_reader")]

    def __str__(self) -> str:
        return f"{self.reader} {self.document_id}"


class Comment(models.Model):
    """What somebody says to a document: plain text."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="comments", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    text = models.TextField(max_length=4000)
    created_at = models.DateTimeField(db_default=Now())
    edited_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "comments"
        indexes: ClassVar = [models.Index(fields=["document", "created_at", "id"], name="ix_comments_document")]

    def __str__(self) -> str:
        return f"{self.author_id} {self.document_id}"
