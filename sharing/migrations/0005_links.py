"""Links become real: names, passwords, limits and receipts; and what the policy says of them."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0011_search_languages"),
        ("sharing", "0004_sharing_with_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="sharelink",
            name="ck_share_links_level",
        ),
        migrations.AddField(
            model_name="sharelink",
            name="downloads",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="first_opened_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="last_used_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="max_downloads",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="max_opens",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="message",
            field=models.CharField(blank=True, db_default="", default="", max_length=1000),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="name",
            field=models.CharField(db_default="", default="", max_length=120),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="opens",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="password_hash",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="paused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="token_sealed",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="uploads",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sharingpolicy",
            name="allows_links",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Whoever holds a link needs no account. While this is off, every link is closed.",
                verbose_name="people may make links",
            ),
        ),
        migrations.AddField(
            model_name="sharingpolicy",
            name="link_default_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: without an end.",
                null=True,
                verbose_name="days a link lasts, if nothing else is said",
            ),
        ),
        migrations.AddField(
            model_name="sharingpolicy",
            name="link_max_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: as long as people like.",
                null=True,
                verbose_name="days a link lasts at most",
            ),
        ),
        migrations.AddField(
            model_name="sharingpolicy",
            name="link_min_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: as short as people like.",
                null=True,
                verbose_name="days a link lasts at least",
            ),
        ),
        migrations.AddField(
            model_name="sharingpolicy",
            name="link_password_kinds",
            field=models.PositiveSmallIntegerField(
                db_default=2,
                default=2,
                help_text="Of small letters, capital letters, digits and other signs: 1 to 4.",
                verbose_name="kinds of characters in it at least",
            ),
        ),
        migrations.AddField(
            model_name="sharingpolicy",
            name="link_password_length",
            field=models.PositiveSmallIntegerField(
                db_default=10, default=10, verbose_name="characters a password of a link has at least"
            ),
        ),
        migrations.AddField(
            model_name="sharingpolicy",
            name="links_need_password",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="From now on: links that have none stay as they are.",
                verbose_name="each link needs a password",
            ),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="level",
            field=models.PositiveSmallIntegerField(
                choices=[(10, "view only"), (20, "view and download"), (25, "upload only"), (30, "add and replace")],
                db_default=10,
                default=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="sharelink",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__in", [10, 20, 25, 30])), name="ck_share_links_level"
            ),
        ),
        migrations.AddConstraint(
            model_name="sharelink",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("level", 25), _negated=True), ("document", None), _connector="OR"),
                name="ck_share_links_upload_to_folder",
            ),
        ),
        migrations.AddConstraint(
            model_name="sharelink",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("max_opens", None), ("opens__lte", models.F("max_opens")), _connector="OR"),
                    models.Q(("max_downloads", None), ("downloads__lte", models.F("max_downloads")), _connector="OR"),
                ),
                name="ck_share_links_counts",
            ),
        ),
        migrations.AddConstraint(
            model_name="sharingpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("link_password_length__gte", 4),
                    ("link_password_length__lte", 128),
                    ("link_password_kinds__gte", 1),
                    ("link_password_kinds__lte", 4),
                ),
                name="ck_sharing_policy_link_passwords",
                violation_error_message="A password of a link has 4 to 128 characters of 1 to 4 kinds.",
            ),
        ),
        migrations.AddConstraint(
            model_name="sharingpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("link_default_days", None),
                        models.Q(("link_default_days__gte", 1), ("link_default_days__lte", 3650)),
                        _connector="OR",
                    ),
                    models.Q(
                        ("link_min_days", None),
                        models.Q(("link_min_days__gte", 1), ("link_min_days__lte", 3650)),
                        _connector="OR",
                    ),
                    models.Q(
                        ("link_max_days", None),
                        models.Q(("link_max_days__gte", 1), ("link_max_days__lte", 3650)),
                        _connector="OR",
                    ),
                    models.Q(
                        ("link_min_days", None),
                        ("link_max_days", None),
                        ("link_max_days__gte", models.F("link_min_days")),
                        _connector="OR",
                    ),
                    models.Q(
                        ("link_min_days", None),
                        ("link_default_days", None),
                        ("link_default_days__gte", models.F("link_min_days")),
                        _connector="OR",
                    ),
                    models.Q(
                        ("link_default_days", None),
                        ("link_max_days", None),
                        ("link_max_days__gte", models.F("link_default_days")),
                        _connector="OR",
                    ),
                ),
                name="ck_sharing_policy_link_days",
                violation_error_message="Days of links are between 1 and 3650: at least no more than usually, "
                "usually no more than at most.",
            ),
        ),
    ]
