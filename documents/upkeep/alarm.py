"""The admins are told when stored bytes are missing or damaged, or when a sweep has stopped itself: one mail, soon."""

from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils.timezone import now

from accounts import mails
from accounts.models import Role, User
from documents import jobs
from documents.models import JobRun, JobState, UpkeepKind, UpkeepRun, Version

TASK = "documents.tasks.alarm_admins"
# What is found within a few minutes goes into one mail.
COLLECTED_FOR = timedelta(minutes=3)


def ask_for_alarm() -> None:
    """Have the admins told, in the caller's transaction, unless that is on its way already."""
    if not JobRun.objects.filter(task=TASK, state=JobState.WAITING).exists():
        jobs.enqueue(TASK, delay=COLLECTED_FOR)


def alarm_admins() -> int:
    """Send what is wrong now to every admin; answers how many mails went out."""
    recent = UpkeepRun.objects.filter(started_at__gt=now() - timedelta(days=1))
    context = {
        "flawed": Version.objects.exclude(flaw="").count(),
        "is_stopped": recent.filter(details__stopped=1).exists(),
        "is_trail_broken": recent.filter(kind=UpkeepKind.TRAIL, breaches__gt=0).exists(),
        "link": settings.BASE_URL + reverse("admin_storage"),
    }
    if not (context["flawed"] or context["is_stopped"] or context["is_trail_broken"]):
        return 0
    admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("handle")
    return sum(
        mails.deliver(mails.compose("emails/storage_alarm", admin.email, {**context, "handle": admin.handle}))
        for admin in admins
    )
