"""What is found by: words of documents and of long ones piece by piece, words for typos, and saved views."""

import uuid

import django.contrib.postgres.functions
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.contrib.postgres.operations import BtreeGinExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0009_read_what_is_there"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BtreeGinExtension(),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("name_key", models.CharField(editable=False, max_length=1020)),
                ("query", models.CharField(max_length=2000)),
                ("sort", models.CharField(blank=True, db_default="", default="", max_length=16)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "saved view",
                "verbose_name_plural": "saved views",
                "db_table": "saved_views",
                "constraints": [models.UniqueConstraint(fields=("user", "name_key"), name="uq_saved_views_user_name")],
            },
        ),
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                (
                    "document",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_entry",
                        serialize=False,
                        to="documents.document",
                    ),
                ),
                ("version_id", models.UUIDField(null=True)),
                ("name_key", models.CharField(max_length=1020)),
                ("language", models.CharField(blank=True, db_default="", default="", max_length=8)),
                ("is_long", models.BooleanField(db_default=False, default=False)),
                ("vector", django.contrib.postgres.search.SearchVectorField()),
                ("indexed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "search_entries",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["user", "vector"], name="ix_search_entries_words"),
                    models.Index(fields=["user", "language"], name="ix_search_entries_language"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchPiece",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("start", models.PositiveIntegerField()),
                ("vector", django.contrib.postgres.search.SearchVectorField()),
                (
                    "document",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="search_pieces",
                        to="documents.document",
                    ),
                ),
            ],
            options={
                "db_table": "search_pieces",
                "constraints": [
                    models.UniqueConstraint(fields=("document", "number", "start"), name="uq_search_pieces_place")
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchWord",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "user_id", "word", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("word", models.CharField(max_length=64)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "search_words",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("user_id"),
                        django.contrib.postgres.indexes.OpClass("word", name="gin_trgm_ops"),
                        name="ix_search_words_trigrams",
                    )
                ],
            },
        ),
    ]
