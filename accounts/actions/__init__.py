"""What can be done with accounts, each act told to the trail."""

from accounts.actions.credentials import (
    change_password,
    note_reset_asked,
    reset_password,
    send_reset,
)
from accounts.actions.groups import add_member, delete_group, make_group, remove_member, rename_group
from accounts.actions.invitations import (
    AlreadyMember,
    InvitationUnusable,
    accept_invitation,
    find_invitation,
    first_admin_link,
    invite,
    make_first_admin,
    withdraw_invitation,
)
from accounts.actions.people import (
    LARGEST_LIMIT_BYTES,
    LastAdmin,
    NameTaken,
    change_limit,
    change_profile,
    change_role,
    clean_address,
    clean_handle,
    disable_user,
    enable_user,
    make_user,
)
from accounts.actions.sessions import end_sessions

__all__ = [
    "LARGEST_LIMIT_BYTES",
    "AlreadyMember",
    "InvitationUnusable",
    "LastAdmin",
    "NameTaken",
    "accept_invitation",
    "add_member",
    "change_limit",
    "change_password",
    "change_profile",
    "change_role",
    "clean_address",
    "clean_handle",
    "delete_group",
    "disable_user",
    "enable_user",
    "end_sessions",
    "find_invitation",
    "first_admin_link",
    "invite",
    "make_first_admin",
    "make_group",
    "make_user",
    "note_reset_asked",
    "remove_member",
    "rename_group",
    "reset_password",
    "send_reset",
    "withdraw_invitation",
]
