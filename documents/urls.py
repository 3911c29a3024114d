"""Addresses of the documents room."""

from django.urls import URLPattern, URLResolver, path

from documents.views import documents, downloads, files, find, selection, space, topics, trash, uploads

urlpatterns: list[URLPattern | URLResolver] = [
    path("", files.home, name="home"),
    path("files/", files.files, name="files"),
    path("files/<uuid:folder_id>/", files.files, name="folder"),
    path("folders/new/", files.make_folder, name="make_folder"),
    path("folders/tree/", files.folder_tree, name="folder_tree"),
    path("folders/pick/", files.pick_folder, name="pick_folder"),
    path("folders/<uuid:folder_id>/rename/", files.rename_folder, name="rename_folder"),
    path("folders/<uuid:folder_id>/move/", files.move_folder, name="move_folder"),
    path("folders/<uuid:folder_id>/trash/", files.trash_folder, name="trash_folder"),
    path("documents/<uuid:document_id>/", documents.document, name="document"),
    path("documents/<uuid:document_id>/rename/", documents.rename_document, name="rename_document"),
    path("documents/<uuid:document_id>/move/", documents.move_document, name="move_document"),
    path("documents/<uuid:document_id>/trash/", documents.trash_document, name="trash_document"),
    path("documents/<uuid:document_id>/topics/", documents.document_topics, name="document_topics"),
    path("documents/<uuid:document_id>/star/", documents.star_document, name="star_document"),
    path("documents/<uuid:document_id>/download/", downloads.download_document, name="download_document"),
    path("selection/", selection.selection, name="selection"),
    path("recent/", find.recent, name="recent"),
    path("starred/", find.starred, name="starred"),
    path("find/", find.find, name="find"),
    path("topics/", topics.topics, name="topics"),
    path("topics/new/", topics.make_topic, name="make_topic"),
    path("topics/<uuid:topic_id>/", topics.topic, name="topic"),
    path("topics/<uuid:topic_id>/change/", topics.change_topic, name="change_topic"),
    path("topics/<uuid:topic_id>/delete/", topics.delete_topic, name="delete_topic"),
    path("trash/", trash.trash, name="trash"),
    path("trash/undo/", trash.undo_trash, name="undo_trash"),
    path("trash/empty/", trash.empty_trash, name="empty_trash"),
    path("trash/<uuid:entry_id>/restore/", trash.restore, name="restore"),
    path("trash/<uuid:entry_id>/purge/", trash.purge, name="purge"),
    path("space/", space.space, name="space"),
    path("space/bar/", space.quota, name="quota"),
    path("uploads/", uploads.create_upload, name="uploads"),
    path("uploads/<uuid:upload_id>/", uploads.upload, name="upload"),
    path("add/", uploads.add_files, name="add_files"),
    path("add/<str:ticket>/", uploads.add_files_with_ticket, name="add_files_with_ticket"),
]
