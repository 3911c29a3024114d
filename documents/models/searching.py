"""What makes documents findable: one row of words each, pieces of the long ones, words per vault; and saved views."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models.documents import Document


class SearchEntry(models.Model):
    """The words of a document's current version, stemmed in its language: name A, title and notes B, text D.

    The first lexeme says the language ("=de"), so that one query can hold a word's stem in each.
    `version` and `name_key` are what was read into it; what differs from the document is stale.
    `is_long`: the words have no places here, those of the pieces do.
    """

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, related_name="search_entry", editable=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    version_id = models.UUIDField(null=True)
    name_key = models.CharField(max_length=1020)
    language = models.CharField(max_length=8, blank=True, default="", db_default="")
    is_long = models.BooleanField(default=False, db_default=False)
    # The document's own `created_at`: hits are put in order before any document is looked up.
    added_at = models.DateTimeField()
    vector = SearchVectorField()
    indexed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "search_entries"
        indexes: ClassVar = [
            # The owner is part of it: other people's words are not even looked at.
            GinIndex(fields=["user", "vector"], name="ix_search_entries_words"),
            models.Index(fields=["user", "language"], name="ix_search_entries_language"),
        ]

    def __str__(self) -> str:
        return str(self.document_id)


class SearchPiece(models.Model):
    """A run of a page's text, of documents that have more than one: says which page a hit is on."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="search_pieces", db_index=False)
    number = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    vector = SearchVectorField()

    class Meta:
        db_table = "search_pieces"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "number", "start"], name="uq_search_pieces_place")
        ]

    def __str__(self) -> str:
        return f"{self.document_id} p{self.number}+{self.start}"


class SearchWord(models.Model):
    """A word that occurs, or once occurred, in somebody's vault: what parts of words and typos are matched with."""

    pk = models.CompositePrimaryKey("user_id", "word")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    word = models.CharField(max_length=64)

    class Meta:
        db_table = "search_words"
        indexes: ClassVar = [
            GinIndex("user_id", OpClass("word", name="gin_trgm_ops"), name="ix_search_words_trigrams"),
        ]

    def __str__(self) -> str:
        return self.word


class SavedView(models.Model):
    """A search that somebody keeps under a name; each person's own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views", db_index=False
    )
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=1020, editable=False)
    query = models.CharField(max_length=2000)
    sort = models.CharField(max_length=16, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "saved_views"
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name_key"], name="uq_saved_views_user_name"),
        ]

    def __str__(self) -> str:
        return self.name
