"""How text becomes words: a configuration for each language, accents off first, one function for both sides."""

from django.db import migrations

# The stemmers that PostgreSQL 15 has, by ISO 639-1.
LANGUAGES = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil",
    "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

SIMPLE = """
    CREATE TEXT SEARCH CONFIGURATION vault_simple (COPY = pg_catalog.simple);
    ALTER TEXT SEARCH CONFIGURATION vault_simple
        ALTER MAPPING FOR asciiword, asciihword, hword_asciipart, word, hword, hword_part, numword
        WITH unaccent, simple;
"""
# Accents off, then what the language has already (languages of other scripts stem Latin letters as English).
STEMMED = """
    CREATE TEXT SEARCH CONFIGURATION vault_{code} (COPY = pg_catalog.{language});
    DO $do$
    DECLARE
        kind record;
    BEGIN
        FOR kind IN
            SELECT t.alias, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno) AS dictionaries
            FROM pg_ts_config_map m JOIN ts_token_type('default') t ON t.tokid = m.maptokentype
            WHERE m.mapcfg = 'vault_{code}'::regconfig
              AND t.alias IN ('asciiword', 'asciihword', 'hword_asciipart', 'word', 'hword', 'hword_part', 'numword')
            GROUP BY t.alias
        LOOP
            EXECUTE format('ALTER TEXT SEARCH CONFIGURATION vault_{code} ALTER MAPPING FOR %s WITH unaccent, %s',
                           kind.alias, kind.dictionaries);
        END LOOP;
    END
    $do$;
"""

# Classes of PostgreSQL's regular expressions.
# Without these, addresses, amounts and reference numbers are plain words in a row: the parser would make them one.
BETWEEN = r"-_/.@:<>&+=~%?#'\u2010-\u2015\u2018\u2019"
# Soft hyphens and what has no width: gone without a trace.
HIDING = r"\u00ad\u200b\u2060\ufeff"
# Chinese, Japanese and Korean letters.
CJK = (
    r"\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)

PLAIN = """
CREATE FUNCTION search_plain(value text, is_asked boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $do$
DECLARE
    plain text := value;
BEGIN
    -- Composed letters, full-width forms and ligatures as the plain letters they are.
    IF plain IS NOT NFKC NORMALIZED THEN
        plain := normalize(plain, NFKC);
    END IF;
    -- Words that were parted at the end of a line.
    IF strpos(plain, E'-\\n') > 0 THEN
        plain := regexp_replace(plain, '([[:alpha:]])-\\n[ \\t]*(?=[[:lower:]])', '\\1', 'g');
    END IF;
    IF plain ~ '[<hiding>]' THEN
        plain := regexp_replace(plain, '[<hiding>]+', '', 'g');
    END IF;
    plain := regexp_replace(plain, '[<between>]+', ' ', 'g');
    -- Where no blanks part the words, every two neighbours are one; what is kept has the last one by itself too.
    IF plain ~ '[<cjk>]' THEN
        SELECT string_agg(run.words, ' ' ORDER BY run.place) INTO plain
        FROM (
            SELECT place, CASE WHEN hit[1] !~ '^[<cjk>]' THEN hit[1] ELSE (
                SELECT string_agg(letter || coalesce(following, ''), ' ' ORDER BY n)
                FROM (
                    SELECT letter, n, lead(letter) OVER (ORDER BY n) AS following
                    FROM unnest(string_to_array(hit[1], NULL)) WITH ORDINALITY AS l(letter, n)
                ) AS letters
                WHERE following IS NOT NULL OR n = 1 OR NOT is_asked
            ) END AS words
            FROM regexp_matches(plain, '[<cjk>]+|[^<cjk>]+', 'g') WITH ORDINALITY AS m(hit, place)
        ) AS run;
    END IF;
    RETURN plain;
END
$do$;
CREATE FUNCTION search_config(language text) RETURNS regconfig LANGUAGE sql STABLE PARALLEL SAFE AS $do$
    SELECT CASE WHEN language = ANY('{<codes>}') THEN ('vault_' || language)::regconfig
                ELSE 'vault_simple'::regconfig END
$do$;
"""
FILLED = {
    "between": BETWEEN.replace("'", "''"),
    "hiding": HIDING,
    "cjk": CJK,
    "codes": ",".join(LANGUAGES),
}


def functions() -> str:
    text = PLAIN
    for name, value in FILLED.items():
        text = text.replace(f"<{name}>", value)
    return text


class Migration(migrations.Migration):
    dependencies = [("documents", "0010_search")]

    operations = [
        migrations.RunSQL(
            [SIMPLE, *(STEMMED.format(code=code, language=language) for code, language in LANGUAGES.items())],
            [f"DROP TEXT SEARCH CONFIGURATION vault_{code}" for code in ("simple", *LANGUAGES)],
        ),
        migrations.RunSQL(
            [functions()], ["DROP FUNCTION search_config(text)", "DROP FUNCTION search_plain(text, boolean)"]
        ),
    ]
