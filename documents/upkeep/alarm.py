"""The admins are told when bytes are missing or damaged, a sweep has stopped, or the store is full: one mail, soon."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.urls import reverse
from django.utils.timezone import now

from accounts import mails
from accounts.models import Role, User
from documents import jobs
from documents.models import JobRun, JobState, UpkeepKind, UpkeepRun, Version

logger = logging.getLogger(__name__)

TASK = "documents.tasks.alarm_admins"
# What is found within a few minutes goes into one mail.
COLLECTED_FOR = timedelta(minutes=3)
# A full store is met by every upload; the admins hear of it once in a while.
FULL_AGAIN_AFTER = timedelta(hours=6)


def ask_for_alarm() -> None:
    """Have the admins told, in the caller's transaction, unless that is on its way already."""
    if not JobRun.objects.filter(task=TASK, state=JobState.WAITING).exists():
        jobs.enqueue(TASK, delay=COLLECTED_FOR)


def store_is_full() -> None:
    """Have the admins told that somebody met a full store; called where an upload is refused for it."""
    logger.error("the object store is full")
    try:
        told_lately = JobRun.objects.filter(task=TASK, arguments=[True], created_at__gt=now() - FULL_AGAIN_AFTER)
        if not told_lately.exists():
            jobs.enqueue(TASK, True, delay=COLLECTED_FOR)
    except DatabaseError as error:  # the person's answer matters more; the next one who meets it tells
        logger.warning("the admins are not told yet: %s", error)


def alarm_admins(is_full: bool = False) -> int:
    """Send what is wrong now to every admin; answers how many mails went out."""
    recent = UpkeepRun.objects.filter(started_at__gt=now() - timedelta(days=1))
    context = {
        "flawed": Version.objects.exclude(flaw="").count(),
        "is_full": is_full,
        "is_stopped": recent.filter(details__stopped=1).exists(),
        "is_trail_broken": recent.filter(kind=UpkeepKind.TRAIL, breaches__gt=0).exists(),
        "link": settings.BASE_URL + reverse("admin_storage"),
    }
    if not (context["flawed"] or context["is_stopped"] or context["is_trail_broken"] or is_full):
        return 0
    admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("handle")
    return sum(
        mails.deliver(mails.compose("emails/storage_alarm", admin.email, {**context, "handle": admin.handle}))
        for admin in admins
    )
