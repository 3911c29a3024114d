"""Addresses of the sharing room."""

from django.urls import URLPattern, URLResolver, path

from sharing.views import activity, comments, link_files, link_pages, links, reach, shared, sheet

urlpatterns: list[URLPattern | URLResolver] = [
    path("activity/", activity.my_activity, name="my_activity"),
    path("documents/<uuid:document_id>/share/", sheet.share_document, name="share_document"),
    path("folders/<uuid:folder_id>/share/", sheet.share_folder, name="share_folder"),
    path("documents/<uuid:document_id>/reach/", reach.reach_document, name="reach_document"),
    path("folders/<uuid:folder_id>/reach/", reach.reach_folder, name="reach_folder"),
    path("shares/<uuid:share_id>/change/", sheet.change_share, name="change_share"),
    path("shares/<uuid:share_id>/withdraw/", sheet.withdraw_share, name="withdraw_share"),
    path("documents/<uuid:document_id>/links/new/", links.make_document_link, name="make_document_link"),
    path("folders/<uuid:folder_id>/links/new/", links.make_folder_link, name="make_folder_link"),
    path("links/<uuid:link_id>/change/", links.change_link, name="change_link"),
    path("links/<uuid:link_id>/pause/", links.pause_link, name="pause_link"),
    path("links/<uuid:link_id>/revoke/", links.revoke_link, name="revoke_link"),
    path("shared/links/", shared.shared_by_link, name="shared_by_link"),
    path("shared/", shared.shared_with_me, name="shared_with_me"),
    path("shared/by-me/", shared.shared_by_me, name="shared_by_me"),
    path("documents/<uuid:document_id>/received/", shared.received_document, name="received_document"),
    path("folders/<uuid:folder_id>/received/", shared.received_folder, name="received_folder"),
    path("documents/<uuid:document_id>/comments/write/", comments.write_comment, name="write_comment"),
    # For whoever holds the address.
    path("l/<str:link_token>/", link_pages.link, name="link"),
    path("l/<str:link_token>/folders/<uuid:folder_id>/", link_pages.link_folder, name="link_folder"),
    path("l/<str:link_token>/folders/<uuid:folder_id>/zip/", link_files.link_zip, name="link_zip"),
    path("l/<str:link_token>/folders/<uuid:folder_id>/add/<str:ticket>/", link_files.link_add, name="link_add"),
    path("l/<str:link_token>/documents/<uuid:document_id>/", link_pages.link_document, name="link_document"),
    path("l/<str:link_token>/documents/<uuid:document_id>/content/", link_files.link_content, name="link_content"),
    path("l/<str:link_token>/documents/<uuid:document_id>/download/", link_files.link_download, name="link_download"),
    path(
        "l/<str:link_token>/documents/<uuid:document_id>/thumbnail/", link_files.link_thumbnail, name="link_thumbnail"
    ),
    path(
        "l/<str:link_token>/documents/<uuid:document_id>/pages/<int:page>/picture/",
        link_files.link_page_picture,
        name="link_page_picture",
    ),
    path(
        "l/<str:link_token>/documents/<uuid:document_id>/pages/<int:page>/words/",
        link_files.link_page_words,
        name="link_page_words",
    ),
    path(
        "l/<str:link_token>/documents/<uuid:document_id>/enclosures/<int:number>/",
        link_files.link_enclosure,
        name="link_enclosure",
    ),
    path(
        "l/<str:link_token>/documents/<uuid:document_id>/replace/<str:ticket>/",
        link_files.link_replace,
        name="link_replace",
    ),
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
