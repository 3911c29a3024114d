"""The roof: every address of the vault, room by room."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from documents.views import reading_queue, storage
from docuvault import views
from sharing.views import trail

urlpatterns = [
    path("health", views.health, name="health"),
    path("icons.svg", views.icons, name="icons"),
    path("jsi18n/", login_not_required(JavaScriptCatalog.as_view(packages=["docuvault"])), name="jsi18n"),
    path("admin/storage/", admin.site.admin_view(storage.storage), name="admin_storage"),
    path("admin/storage/begin/", admin.site.admin_view(storage.begin_round), name="admin_storage_begin"),
    path("admin/reading/", admin.site.admin_view(reading_queue.reading_queue), name="admin_reading"),
    path("admin/reading/retry/", admin.site.admin_view(reading_queue.retry_readings), name="admin_reading_retry"),
    path("admin/trail/", admin.site.admin_view(trail.trail), name="admin_trail"),
    path("admin/trail/verify/", admin.site.admin_view(trail.begin_verifying), name="admin_trail_verify"),
    path("admin/trail/export/", admin.site.admin_view(trail.take_trail), name="admin_trail_export"),
    path("admin/", admin.site.urls),
    # First, where most requests go: each pattern before costs them a look.
    path("", include("documents.urls")),
    path("", include("accounts.urls")),
    path("", include("sharing.urls")),
]

handler500 = "docuvault.views.server_error"
