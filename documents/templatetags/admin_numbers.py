"""The figures on the first page of the administration; none of them counts a large table in full."""

from datetime import timedelta
from typing import Any

from django import template
from django.db import connection
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.utils.timezone import localdate

from accounts.models import Quota, User
from documents.models import (
    Document,
    JobRun,
    JobState,
    Reading,
    ReadingState,
    UpkeepKind,
    UpkeepRun,
    Upload,
    UploadState,
    Version,
)

register = template.Library()
DAYS = 30
HEIGHT = 110


def _about(table: str) -> int:
    """How many rows a table has, as the planner last estimated; exact where it is small."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
        found = cursor.fetchone()
    return int(found[0]) if found else -1


@register.simple_tag
def vault_numbers() -> dict[str, Any]:
    """People, documents, bytes, jobs, uploads, and what came in on each of the last days."""
    estimate = _about(Document._meta.db_table)
    people = User.objects.aggregate(all=Count("pk"), disabled=Count("pk", filter=Q(is_active=False)))
    space = Quota.objects.aggregate(used=Sum("used_bytes"), reserved=Sum("reserved_bytes"))
    today = localdate()
    first = today - timedelta(days=DAYS - 1)
    rows = (
        Document.objects.filter(created_at__date__gte=first)
        .annotate(day=TruncDate("created_at"))
        .values_list("day")
        .annotate(count=Count("pk"))
    )
    per_day = dict(rows)
    most = max([*per_day.values(), 1])
    days = []
    for number in range(DAYS):
        day = first + timedelta(days=number)
        count = per_day.get(day, 0)
        height = max(1, HEIGHT * count // most)
        days.append({"date": day, "count": count, "x": number * 20 + 2, "y": 120 - height, "height": height})
    trail = UpkeepRun.objects.filter(kind=UpkeepKind.TRAIL, failure="").order_by("-started_at").first()
    return {
        "trail_is_broken": bool(trail and trail.breaches),
        "trail_checked_at": trail.started_at if trail else None,
        "people": people["all"],
        "disabled": people["disabled"],
        "documents": estimate if estimate > 100_000 else Document.objects.count(),
        "used": space["used"] or 0,
        "reserved": space["reserved"] or 0,
        "failed": JobRun.objects.filter(state=JobState.FAILED).count(),
        "waiting": JobRun.objects.filter(state__in=[JobState.WAITING, JobState.RUNNING]).count(),
        "uploads": Upload.objects.filter(state__in=[UploadState.RECEIVING, UploadState.FINISHING]).count(),
        "unread": Reading.objects.filter(state=ReadingState.WAITING).count(),
        "unread_failed": Reading.objects.filter(state=ReadingState.FAILED).count(),
        "flawed": Version.objects.exclude(flaw="").count(),
        "days": days,
        "added": sum(per_day.values()),
    }
