"""Finding: what was asked for, where it stands, and keeping documents findable."""

from documents.search.alike import more_like
from documents.search.facets import facets_of
from documents.search.finding import find as find_documents
from documents.search.grammar import parse
from documents.search.hits import hits_of
from documents.search.index import hold_documents, index_document, index_documents
from documents.search.places import own_hits
from documents.search.suggesting import meant, named

__all__ = [
    "facets_of",
    "find_documents",
    "hits_of",
    "hold_documents",
    "index_document",
    "index_documents",
    "meant",
    "more_like",
    "named",
    "own_hits",
    "parse",
]
