"""Addresses of the accounts room: allauth's under its own names, only those the vault offers."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from django.urls import URLPattern, URLResolver, path, re_path

from accounts.views import groups, join, outbox, people, profile, room, second_step

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/login/", account.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/signup/", account.signup, name="account_signup"),
    path("account/inactive/", account.account_inactive, name="account_inactive"),
    path("account/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("account/email/", account.email, name="account_email"),
    path("account/confirm-email/", account.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^account/confirm-email/(?P<key>[-:\w]+)/$", account.confirm_email, name="account_confirm_email"),
    path("account/password/change/", account.password_change, name="account_change_password"),
    path("account/password/set/", account.password_set, name="account_set_password"),
    path("account/password/reset/", account.password_reset, name="account_reset_password"),
    path("account/password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("account/second-step/", mfa.index, name="mfa_index"),
    path("account/second-step/authenticate/", mfa.authenticate, name="mfa_authenticate"),
    path("account/second-step/reauthenticate/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("account/second-step/on/", second_step.turn_on, name="mfa_activate_totp"),
    path("account/second-step/off/", second_step.turn_off, name="mfa_deactivate_totp"),
    path("account/second-step/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/second-step/codes/new/", second_step.new_codes, name="mfa_generate_recovery_codes"),
    path("account/second-step/codes/file/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("profile/", profile.profile, name="profile"),
    path("people/", people.people, name="people"),
    path("people/invitations/<uuid:invitation_id>/withdraw/", people.withdraw, name="withdraw_invitation"),
    path("people/requests/<uuid:request_id>/", room.answer_request, name="answer_request"),
    path("room/ask/", room.ask_for_room, name="ask_for_room"),
    path("room/withdraw/", room.withdraw_request, name="withdraw_request"),
    path("groups/", groups.groups, name="groups"),
    path("groups/<uuid:group_id>/", groups.group, name="group"),
    path("groups/<uuid:group_id>/members/<uuid:user_id>/", groups.change_member, name="change_member"),
    path("groups/<uuid:group_id>/delete/", groups.delete_group, name="delete_group"),
    path("join/<str:token>/", join.join, name="join"),
    path("outbox/", outbox.outbox, name="outbox"),
]
