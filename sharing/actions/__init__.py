"""What people do with shares, each act told to the trail."""

from sharing.actions.comments import change_comment, delete_comment, write_comment
from sharing.actions.links import (
    LinkClosed,
    Terms,
    change_link,
    download_by_link,
    enter_by_link,
    make_link,
    pause_link,
    refuse_password,
    revoke_link,
    upload_by_link,
)
from sharing.actions.receiving import (
    accept_shared,
    hide_shared,
    leave_shared,
    receive_waiting,
    rejoin_shared,
    show_shared,
)
from sharing.actions.shares import change_policy, change_share, find_person, keep_share, share, withdraw_share
from sharing.actions.view_shares import leave_view, share_view, withdraw_view_share

__all__ = [
    "LinkClosed",
    "Terms",
    "accept_shared",
    "change_comment",
    "change_link",
    "change_policy",
    "change_share",
    "delete_comment",
    "download_by_link",
    "enter_by_link",
    "find_person",
    "hide_shared",
    "keep_share",
    "leave_shared",
    "leave_view",
    "make_link",
    "pause_link",
    "receive_waiting",
    "refuse_password",
    "rejoin_shared",
    "revoke_link",
    "share",
    "share_view",
    "show_shared",
    "upload_by_link",
    "withdraw_share",
    "withdraw_view_share",
    "write_comment",
]
