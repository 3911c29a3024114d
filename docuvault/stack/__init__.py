"""The one-command stack: database, object store, worker and web, one file per part.

It stands outside the house: it imports no app and no app imports it.
"""
