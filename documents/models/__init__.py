"""What is kept: folders, documents and their versions, topics, uploads, the trash, jobs."""

from documents.models.documents import Document, Star, Version, VersionFlaw
from documents.models.filing import (
    FilingChange,
    FilingHabit,
    FilingLook,
    FilingRule,
    FilingRun,
    FilingSuggestion,
    FilingWord,
    RuleMode,
    RunState,
    SuggestionState,
)
from documents.models.folders import Folder
from documents.models.jobs import JobRun, JobState
from documents.models.readings import (
    FINAL_READING_STATES,
    Page,
    PageSource,
    Picture,
    PictureKind,
    Reading,
    ReadingReason,
    ReadingState,
)
from documents.models.searching import SavedView, SearchEntry, SearchPiece, SearchWord
from documents.models.topics import DocumentTopic, Topic, TopicColour, TopicReason
from documents.models.trash import EntryKind, TrashEntry
from documents.models.upkeep import StrayObject, UpkeepKind, UpkeepRun, VaultIdentity
from documents.models.uploads import LIVE_UPLOAD_STATES, Import, PendingDeletion, Upload, UploadPiece, UploadState

__all__ = [
    "FINAL_READING_STATES",
    "LIVE_UPLOAD_STATES",
    "Document",
    "DocumentTopic",
    "EntryKind",
    "FilingChange",
    "FilingHabit",
    "FilingLook",
    "FilingRule",
    "FilingRun",
    "FilingSuggestion",
    "FilingWord",
    "Folder",
    "Import",
    "JobRun",
    "JobState",
    "Page",
    "PageSource",
    "PendingDeletion",
    "Picture",
    "PictureKind",
    "Reading",
    "ReadingReason",
    "ReadingState",
    "RuleMode",
    "RunState",
    "SavedView",
    "SearchEntry",
    "SearchPiece",
    "SearchWord",
    "Star",
    "StrayObject",
    "SuggestionState",
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
