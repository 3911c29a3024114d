"""What is kept: folders, documents and their versions, topics, uploads, the trash, jobs."""

from documents.models.documents import Document, Star, Version, VersionFlaw
from documents.models.folders import Folder
from documents.models.jobs import JobRun, JobState
from documents.models.topics import DocumentTopic, Topic, TopicColour, TopicReason
from documents.models.trash import EntryKind, TrashEntry
from documents.models.upkeep import StrayObject, UpkeepKind, UpkeepRun, VaultIdentity
from documents.models.uploads import LIVE_UPLOAD_STATES, PendingDeletion, Upload, UploadPiece, UploadState

__all__ = [
    "LIVE_UPLOAD_STATES",
    "Document",
    "DocumentTopic",
    "EntryKind",
    "Folder",
    "JobRun",
    "JobState",
    "PendingDeletion",
    "Star",
    "StrayObject",
    "Topic",
    "TopicColour",
    "TopicReason",
    "TrashEntry",
    "UpkeepKind",
    "UpkeepRun",
    "Upload",
    "UploadPiece",
    "UploadState",
    "VaultIdentity",
    "Version",
    "VersionFlaw",
]
