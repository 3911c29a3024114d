"""Bytes on their way in: reserve, stream, commit; in one pass, or staged piece by piece.

Order of work: a row with its reservation and its object key first, bytes second, and the document
with its settlement, trail and jobs in one transaction last. Whatever a dead process leaves is named
by that row and ends with its deadline. No transaction and no database connection is held while
bytes flow.
"""

from documents.uploads.beginning import begin_upload, redirect_upload
from documents.uploads.enclosed import MAILS, Kept, keep_enclosures, name_of, place_for
from documents.uploads.ending import cancel_upload, expire_uploads, stop_upload, turn_away
from documents.uploads.foreseeing import Clash, Outlook, foresee
from documents.uploads.incoming import CHECKSUM_KINDS, PIECE_BYTES, Checksum
from documents.uploads.keys import upload_of_key
from documents.uploads.one_pass import OnePass, chunks_of, store_stream
from documents.uploads.refusals import TooLarge, UploadEnded, UploadRefused, WrongChecksum, WrongOffset
from documents.uploads.requested import NoRoom, Sender, begin_requested, beginning_of, bound_of, is_exhausted, taken_by
from documents.uploads.staged import assemble, finish_upload, receive
from documents.uploads.whole import file_whole

__all__ = [
    "CHECKSUM_KINDS",
    "MAILS",
    "PIECE_BYTES",
    "Checksum",
    "Clash",
    "Kept",
    "NoRoom",
    "OnePass",
    "Outlook",
    "Sender",
    "TooLarge",
    "UploadEnded",
    "UploadRefused",
    "WrongChecksum",
    "WrongOffset",
    "assemble",
    "begin_requested",
    "begin_upload",
    "beginning_of",
    "bound_of",
    "cancel_upload",
    "chunks_of",
    "expire_uploads",
    "file_whole",
    "finish_upload",
    "foresee",
    "is_exhausted",
    "keep_enclosures",
    "name_of",
    "place_for",
    "receive",
    "redirect_upload",
    "stop_upload",
    "store_stream",
    "taken_by",
    "turn_away",
    "upload_of_key",
]
