"""Documents like another one: those that share its most telling words, of those the actor may see."""

from django.db import connection
from django.db.models import Case, QuerySet, Value, When

from accounts.actors import Actor
from documents.models import Document
from documents.names import split_name
from sharing import access

WORDS, LOOKED_AT, ENOUGH, SHOWN = 12, 40, 300, 6

# Telling is what the document says often and few others of the owner's do; the counts stop at a bound.
TELLING = """
    SELECT w.lexeme FROM (
        SELECT e.user_id, u.lexeme, coalesce(array_length(u.positions, 1), 1) AS often
        FROM search_entries e, unnest(e.vector) AS u
        WHERE e.document_id = %(document)s AND u.lexeme NOT LIKE '=%%' AND length(u.lexeme) >= 3
          AND u.lexeme !~ '^[0-9]' AND u.lexeme <> %(suffix)s
        ORDER BY coalesce(array_length(u.positions, 1), 1) * sqrt(length(u.lexeme)) DESC, u.lexeme LIMIT %(looked_at)s
    ) AS w, LATERAL (
        SELECT count(*) AS others FROM (
            SELECT 1 FROM search_entries o
            WHERE o.user_id = ANY(%(vaults)s::uuid[]) AND o.vector @@ quote_literal(w.lexeme)::tsquery
            LIMIT %(enough)s
        ) AS counted
    ) AS o
    WHERE o.others BETWEEN 2 AND %(enough)s - 1
    ORDER BY w.often / (1.0 + o.others) DESC, w.lexeme LIMIT %(words)s
"""
RANK = """
    SELECT document_id FROM search_entries WHERE document_id = ANY(%(ids)s::uuid[])
    ORDER BY ts_rank(vector, %(words)s::tsquery) DESC, document_id LIMIT %(shown)s
"""


def more_like(document: Document, actor: Actor) -> QuerySet[Document]:
    """The documents most like this one, nearest first."""
    vaults = access.vaults_seen(actor)
    with connection.cursor() as cursor:
        cursor.execute(
            TELLING,
            {
                "document": document.pk,
                # ".pdf" stands in half of all names and tells nothing.
                "suffix": split_name(document.name)[1].lstrip(".").lower(),
                "vaults": vaults,
                "looked_at": LOOKED_AT,
                "enough": ENOUGH,
                "words": WORDS,
            },
        )
        words = " | ".join(
            "'" + lexeme.replace("'", "''").replace("\\", "\\\\") + "'" for (lexeme,) in cursor.fetchall()
        )
    visible = access.visible_documents(actor)
    if not words:
        return visible.none()
    near = visible.exclude(pk=document.pk).filter(search_entry__user__in=vaults, search_entry__vector__holds=words)
    ids = list(near.order_by("-created_at").values_list("pk", flat=True)[:ENOUGH])
    with connection.cursor() as cursor:
        cursor.execute(RANK, {"ids": ids, "words": words, "shown": SHOWN})
        order = [key for (key,) in cursor.fetchall()]
    places = Case(*(When(pk=key, then=Value(n)) for n, key in enumerate(order)), default=Value(len(order)))
    return visible.filter(pk__in=order).order_by(places)
