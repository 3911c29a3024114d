"""Who people are: users, quotas, groups, invitations, and the credentials kept for them."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.functions import RandomUUID
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

HANDLE_PATTERN = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"
valid_handle = RegexValidator(
    HANDLE_PATTERN,
    _("Use small letters, digits, dots, hyphens and underscores; begin and end with a letter or digit."),
)


class Role(models.TextChoices):
    """What a person is on this server."""

    MEMBER = "member", _("Member")
    ADMIN = "admin", _("Admin")


class UserManager(BaseUserManager["User"]):
    """Finds and makes users. Making one makes the quota row with it."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(handle__iexact=username)

    def create_user(self, handle: str, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(handle=handle.lower(), email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person with an account. Handle and e-mail are unique without regard to case."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    handle = models.CharField(_("handle"), max_length=64, validators=[valid_handle])
    email = models.EmailField(_("e-mail address"), max_length=254)
    display_name = models.CharField(_("name"), max_length=120, blank=True, default="", db_default="")
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.MEMBER, db_default=Role.MEMBER)
    is_active = models.BooleanField(_("may sign in"), default=True, db_default=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField(_("member since"), db_default=Now(), editable=False)
    # Part of every session's and of every reset token's signature: counting up ends them all at once.
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    reset_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    USERNAME_FIELD = "handle"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "users"
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("handle"), name="uq_users_handle"),
            models.UniqueConstraint(Lower("email"), name="uq_users_email"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="ck_users_role"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.handle

    @property
    def shown_name(self) -> str:
        return self.display_name or self.handle

    @property
    def is_admin(self) -> bool:
        return self.is_active and self.role == Role.ADMIN

    # What the Django admin asks of a user; rights there follow the role alone.
    @property
    def is_staff(self) -> bool:
        return self.is_admin

    @property
    def is_superuser(self) -> bool:
        return self.is_admin

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        return salted_hmac(
            "accounts.models.User.session",
            f"{self.password}:{self.session_epoch}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_admin

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        return self.is_admin

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_admin

    def get_full_name(self) -> str:
        return self.shown_name

    def get_short_name(self) -> str:
        return self.handle


# From here on a person is warned: nearly full, and as good as full.
WARNING_PERCENTS = (80, 95)


class Quota(models.Model):
    """How many bytes a person may keep, keeps, and has promised to uploads under way."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="quota")
    limit_bytes = models.BigIntegerField(_("limit in bytes"), default=104_857_600, db_default=104_857_600)
    used_bytes = models.BigIntegerField(_("used bytes"), default=0, db_default=0)
    reserved_bytes = models.BigIntegerField(_("bytes under way"), default=0, db_default=0)
    recounted_at = models.DateTimeField(_("last recount"), null=True, blank=True)
    granted_bytes = models.BigIntegerField(_("bytes on top"), default=0, db_default=0)
    granted_until = models.DateTimeField(_("on top until"), null=True, blank=True)
    file_limit = models.PositiveIntegerField(
        _("files at most"), null=True, blank=True, help_text=_("Empty: as many as fit.")
    )
    warned_percent = models.PositiveSmallIntegerField(_("warned at"), default=0, db_default=0, editable=False)

    class Meta:
        db_table = "quotas"
        verbose_name = _("quota")
        verbose_name_plural = _("quotas")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(limit_bytes__gte=0) & models.Q(granted_bytes__gte=0), name="ck_quotas_limit"
            ),
            models.CheckConstraint(condition=models.Q(used_bytes__gte=0), name="ck_quotas_used"),
            models.CheckConstraint(condition=models.Q(reserved_bytes__gte=0), name="ck_quotas_reserved"),
        ]

    def __str__(self) -> str:
        return f"{self.used_bytes} / {self.limit_bytes}"

    @property
    def extra_bytes(self) -> int:
        """What an admin has granted on top, as long as it holds."""
        return self.granted_bytes if self.granted_until is not None and self.granted_until > now() else 0

    @property
    def allowed_bytes(self) -> int:
        return self.limit_bytes + self.extra_bytes

    @property
    def taken_bytes(self) -> int:
        """What is kept, and what is held for uploads under way."""
        return self.used_bytes + self.reserved_bytes

    @property
    def free_bytes(self) -> int:
        return max(0, self.allowed_bytes - self.taken_bytes)

    @property
    def over_bytes(self) -> int:
        """How much more is kept than may be: after a limit was lowered, or a grant has ended."""
        return max(0, self.taken_bytes - self.allowed_bytes)

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.taken_bytes / self.allowed_bytes)) if self.allowed_bytes else 100

    @property
    def warning(self) -> str:
        """How near the end is: "" or "high", "full", "over"."""
        if self.over_bytes:
            return "over"
        high, full = WARNING_PERCENTS
        taken = 100 * self.taken_bytes
        if not self.allowed_bytes or taken >= full * self.allowed_bytes:
            return "full"
        return "high" if taken >= high * self.allowed_bytes else ""


class QuotaRequestState(models.TextChoices):
    OPEN = "open", _("Open")
    GRANTED = "granted", _("Granted")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class QuotaRequest(models.Model):
    """Somebody asks for more room; an admin grants it, until a date or for good, or refuses."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="quota_requests", verbose_name=_("person"))
    wanted_bytes = models.BigIntegerField(_("wanted bytes"))
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="", db_default="")
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=QuotaRequestState,
        default=QuotaRequestState.OPEN,
        db_default=QuotaRequestState.OPEN,
    )
    answer = models.CharField(_("answer"), max_length=500, blank=True, default="", db_default="")
    decided_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    created_at = models.DateTimeField(_("asked"), db_default=Now())

    class Meta:
        db_table = "quota_requests"
        verbose_name = _("request for room")
        verbose_name_plural = _("requests for room")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(state="open"), name="uq_quota_requests_one_open"
            ),
            models.CheckConstraint(condition=models.Q(wanted_bytes__gt=0), name="ck_quota_requests_wanted"),
            models.CheckConstraint(
                condition=models.Q(state__in=QuotaRequestState.values), name="ck_quota_requests_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} +{self.wanted_bytes}"


class RefreshToken(models.Model):
    """A long-lived credential of a device, kept as a hash. Its protocol is not offered yet."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_tokens", db_index=False)
    token_hash = models.CharField(max_length=64, unique=True)
    family = models.UUIDField(default=uuid.uuid4)
    client_label = models.CharField(max_length=120, blank=True, default="", db_default="")
    revoked = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "refresh_tokens"
        indexes: ClassVar = [models.Index(fields=["user", "revoked"], name="ix_refresh_tokens_user_revoked")]

    def __str__(self) -> str:
        return self.client_label or str(self.id)


class Group(models.Model):
    """People who are shared with together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=1020, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="vault_groups")

    class Meta:
        db_table = "groups"
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        constraints: ClassVar = [models.UniqueConstraint(fields=["name_key"], name="uq_groups_name")]

    def __str__(self) -> str:
        return self.name


class MembershipRole(models.TextChoices):
    MEMBER = "member", _("Member")
    MANAGER = "manager", _("Manager")


class Membership(models.Model):
    """One person in one group."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=16, choices=MembershipRole, default=MembershipRole.MEMBER, db_default=MembershipRole.MEMBER
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "memberships"
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "user"], name="uq_memberships_group_user"),
            models.CheckConstraint(condition=models.Q(role__in=MembershipRole.values), name="ck_memberships_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"


class CloudConnection(models.Model):
    """Access to somebody's storage elsewhere; credentials rest encrypted. Not offered yet."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="cloud_connections")
    provider = models.CharField(max_length=32)
    label = models.CharField(max_length=120)
    credentials_enc = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "cloud_connections"

    def __str__(self) -> str:
        return self.label


class Invitation(models.Model):
    """A one-time way to an account; the link holds the token, the table its hash."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    email = models.EmailField(_("e-mail address"), max_length=254, blank=True, default="")
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER, db_default=Role.MEMBER)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="invitations"
    )
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "invitations"
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return self.email or str(self.id)
