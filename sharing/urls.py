"""Addresses of the sharing room."""

from django.urls import URLPattern, URLResolver, path

from sharing.views import activity, comments, reach, shared, sheet

urlpatterns: list[URLPattern | URLResolver] = [
    path("activity/", activity.my_activity, name="my_activity"),
    path("documents/<uuid:document_id>/share/", sheet.share_document, name="share_document"),
    path("folders/<uuid:folder_id>/share/", sheet.share_folder, name="share_folder"),
    path("documents/<uuid:document_id>/reach/", reach.reach_document, name="reach_document"),
    path("folders/<uuid:folder_id>/reach/", reach.reach_folder, name="reach_folder"),
    path("shares/<uuid:share_id>/change/", sheet.change_share, name="change_share"),
    path("shares/<uuid:share_id>/withdraw/", sheet.withdraw_share, name="withdraw_share"),
    path("shared/", shared.shared_with_me, name="shared_with_me"),
    path("shared/by-me/", shared.shared_by_me, name="shared_by_me"),
    path("documents/<uuid:document_id>/received/", shared.received_document, name="received_document"),
    path("folders/<uuid:folder_id>/received/", shared.received_folder, name="received_folder"),
    path("documents/<uuid:document_id>/comments/write/", comments.write_comment, name="write_comment"),
    path(
        "documents/<uuid:document_id>/comments/<uuid:comment_id>/change/",
        comments.change_comment,
        name="change_comment",
    ),
    path(
        "documents/<uuid:document_id>/comments/<uuid:comment_id>/delete/",
        comments.delete_comment,
        name="delete_comment",
    ),
]
