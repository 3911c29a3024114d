"""The roof: every address of the vault, room by room."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from documents.views import storage
from docuvault import views

urlpatterns = [
    path("health", views.health, name="health"),
    path("icons.svg", views.icons, name="icons"),
    path("jsi18n/", login_not_required(JavaScriptCatalog.as_view(packages=["docuvault"])), name="jsi18n"),
    path("admin/storage/", admin.site.admin_view(storage.storage), name="admin_storage"),
    path("admin/storage/begin/", admin.site.admin_view(storage.begin_round), name="admin_storage_begin"),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("documents.urls")),
    path("", include("sharing.urls")),
]

handler500 = "docuvault.views.server_error"
