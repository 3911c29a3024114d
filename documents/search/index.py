"""Keeping documents findable: their words written down, in the transaction of what changed them.

A document is found by its name at once (trigrams on `documents.name_key`); by its text, its note and
words from when it was read. Everything is made from rows by one statement over any number of
documents. A tsvector has limits (16,383 places, 1 MB): a long document keeps its words without
places, and its pieces keep the places. Rejected: a generated column (the language stands in
another table) and triggers (what a verb does would not stand in the verb).
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from documents.search.languages import SAME_AS, STEMMED

# Letters in a piece of a page, and how far one reaches into the next, so that no word is parted for good.
PIECE, OVERLAP = 8_000, 300
# Longer than so, words have no places in the entry: every second letter could begin one, every one in CJK.
LONG, LONG_CJK = 60_000, 12_000
# What a long document's words may take, and the longest of them that are kept.
WORD_BYTES, LONGEST_WORD = 900_000, 64
BATCH = 200

HOLD = "SELECT 1 FROM documents WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
PARAMETERS: dict[str, Any] = {
    "stemmed": list(STEMMED),
    "same_as": json.dumps(SAME_AS),
    "piece": PIECE,
    "overlap": OVERLAP,
    "long": LONG,
    "long_cjk": LONG_CJK,
    "word_bytes": WORD_BYTES,
    "longest_word": LONGEST_WORD,
}
INDEX = """
WITH chosen AS (
    SELECT d.id, d.user_id, d.name, d.name_key, d.created_at, d.current_version_id AS version_id,
           coalesce(r.title, '') AS title, coalesce(v.note, '') AS note,
           CASE WHEN r.language = ANY(%(stemmed)s) THEN r.language
                ELSE coalesce((%(same_as)s::jsonb) ->> r.language, '') END AS language
    FROM documents d LEFT JOIN versions v ON v.id = d.current_version_id
    LEFT JOIN readings r ON r.version_id = d.current_version_id
    WHERE d.id = ANY(%(documents)s::uuid[])
), pages_of AS (
    SELECT c.id, p.number, p.text, c.language FROM chosen c JOIN pages p ON p.reading_id = c.version_id
    WHERE p.text <> ''
), sizes AS MATERIALIZED (
    SELECT id, count(*) AS pages, sum(length(text)) AS letters,
           sum(length(text)) > %(long)s OR (sum(length(text)) > %(long_cjk)s AND bool_or(text ~ '[\\u3040-\\ud7ff]'))
               AS is_long
    FROM pages_of GROUP BY id
), pieces AS MATERIALIZED (
    SELECT p.id, p.number, s.start, to_tsvector(search_config(p.language), search_plain(
        CASE WHEN length(p.text) <= %(piece)s + %(overlap)s THEN p.text ELSE regexp_replace(regexp_replace(
            substr(p.text, s.start + 1, %(piece)s + %(overlap)s),
            -- What may be half a word at an end is whole in the neighbour; "^$" takes nothing off.
            CASE WHEN s.start > 0 THEN '^\\S{1,60}' ELSE '^$' END, ''),
            CASE WHEN s.start + %(piece)s + %(overlap)s < length(p.text) THEN '\\S{1,60}$' ELSE '^$' END, '') END
    )) AS vector
    FROM pages_of p JOIN sizes z USING (id)
    CROSS JOIN LATERAL generate_series(
        0, greatest(length(p.text) - %(overlap)s - 1, 0), %(piece)s) AS s(start)
    WHERE z.pages > 1 OR z.letters > %(piece)s + %(overlap)s
), gone AS (
    DELETE FROM search_pieces WHERE document_id = ANY(%(documents)s::uuid[])
      AND (document_id, number, start) NOT IN (SELECT id, number, start FROM pieces)
), kept AS (
    INSERT INTO search_pieces (document_id, number, start, vector)
    SELECT id, number, start, vector FROM pieces
    ON CONFLICT (document_id, number, start) DO UPDATE SET vector = excluded.vector
), texts AS MATERIALIZED (
    SELECT z.id, CASE WHEN z.is_long THEN (
            SELECT array_to_tsvector(array_agg(lexeme)) FROM (
                SELECT lexeme, sum(octet_length(lexeme) + 8) OVER (ORDER BY first, lexeme) AS bytes FROM (
                    SELECT u.lexeme, min(i.number) AS first FROM pieces i, unnest(i.vector) u
                    WHERE i.id = z.id AND length(u.lexeme) <= %(longest_word)s GROUP BY u.lexeme
                ) AS counted
            ) AS fitting WHERE bytes <= %(word_bytes)s
        ) ELSE (
            SELECT to_tsvector(search_config(p.language), search_plain(string_agg(p.text, E'\\n' ORDER BY p.number)))
            FROM pages_of p WHERE p.id = z.id GROUP BY p.language
        ) END AS vector, z.is_long
    FROM sizes z
), words AS (
    INSERT INTO search_words (user_id, word)
    SELECT DISTINCT user_id, word FROM (
        SELECT c.user_id, unnest(tsvector_to_array(to_tsvector('vault_simple', search_plain(p.text)))) AS word
        FROM chosen c JOIN pages_of p USING (id)
        UNION ALL
        SELECT c.user_id, unnest(tsvector_to_array(to_tsvector(
            'vault_simple', search_plain(concat_ws(E'\\n', c.name, c.title, c.note)))))
        FROM chosen c
    ) AS said
    WHERE length(word) BETWEEN 3 AND %(longest_word)s AND word !~ '^[0-9]*$'
    ORDER BY user_id, word  -- in one order, or two at once would wait for each other
    ON CONFLICT DO NOTHING
)
INSERT INTO search_entries (document_id, user_id, version_id, name_key, language, is_long, added_at, vector)
SELECT c.id, c.user_id, c.version_id, c.name_key, c.language, coalesce(t.is_long, false), c.created_at,
       array_to_tsvector(ARRAY['=' || c.language])
       || setweight(to_tsvector(search_config(c.language), search_plain(c.name)), 'A')
       || setweight(to_tsvector(search_config(c.language), search_plain(concat_ws(E'\\n', c.title, c.note))), 'B')
       || coalesce(t.vector, ''::tsvector)
FROM chosen c LEFT JOIN texts t USING (id)
ON CONFLICT (document_id) DO UPDATE SET user_id = excluded.user_id, version_id = excluded.version_id,
    name_key = excluded.name_key, language = excluded.language, is_long = excluded.is_long,
    added_at = excluded.added_at, vector = excluded.vector, indexed_at = now()
"""


def hold_documents(documents: Iterable[UUID]) -> None:
    """Take the rows for as long as the caller's transaction lasts, in one order; those that are gone are passed by."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [sorted(set(documents))])


def index_document(document_id: UUID) -> None:
    """Write down a document's words as they are now. Bears repetition; nothing where it is gone."""
    index_documents([document_id])


def index_documents(documents: Iterable[UUID]) -> None:
    """The same for several, in the caller's transaction."""
    wanted = sorted(set(documents))
    if not wanted:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        # First held, then read: of a reading and a renaming at once the second one sees both.
        hold_documents(wanted)
        cursor.execute(INDEX, {**PARAMETERS, "documents": wanted})


STALE = """
    SELECT d.id FROM documents d JOIN readings r ON r.version_id = d.current_version_id
    LEFT JOIN search_entries e ON e.document_id = d.id
    WHERE r.state = 'ready' AND (e.document_id IS NULL OR e.name_key <> d.name_key OR e.user_id <> d.user_id
        OR e.version_id IS DISTINCT FROM d.current_version_id)
"""


def stale_documents() -> list[UUID]:
    """Documents that have been read and are not found by what they are: their words are missing or old."""
    with connection.cursor() as cursor:
        cursor.execute(STALE)
        return [key for (key,) in cursor.fetchall()]
