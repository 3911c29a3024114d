"""What people do with shares, each act told to the trail."""

from sharing.actions.comments import change_comment, delete_comment, write_comment
from sharing.actions.receiving import (
    accept_shared,
    hide_shared,
    leave_shared,
    receive_waiting,
    rejoin_shared,
    show_shared,
)
from sharing.actions.shares import change_policy, change_share, find_person, keep_share, share, withdraw_share

__all__ = [
    "accept_shared",
    "change_comment",
    "change_policy",
    "change_share",
    "delete_comment",
    "find_person",
    "hide_shared",
    "keep_share",
    "leave_shared",
    "receive_waiting",
    "rejoin_shared",
    "share",
    "show_shared",
    "withdraw_share",
    "write_comment",
]
