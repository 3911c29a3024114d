"""Addresses of the documents room."""

from django.urls import URLPattern, URLResolver, path

from documents.views import downloads, uploads

urlpatterns: list[URLPattern | URLResolver] = [
    path("documents/<uuid:document_id>/download/", downloads.download_document, name="download_document"),
    path("uploads/", uploads.create_upload, name="uploads"),
    path("uploads/<uuid:upload_id>/", uploads.upload, name="upload"),
    path("add/", uploads.add_files, name="add_files"),
    path("add/<str:ticket>/", uploads.add_files_with_ticket, name="add_files_with_ticket"),
]
