"""Every setting of the vault, read from the environment through django-environ."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from docuvault.lib import failpoints
from docuvault.lib.env import data_directory, is_under_test, master_keys, read_environment, secret_key
from docuvault.lib.worker_policy import add_headers

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_directory(BASE_DIR)
env = read_environment(BASE_DIR)
if not env.str("DATABASE_URL", default=""):
    raise ImproperlyConfigured(
        "DATABASE_URL is not set and no stack is running here. Start one with `make run`, or set DATABASE_URL."
    )

# --- Who and where ------------------------------------------------------------------------------

DEBUG = env.bool("DOCUVAULT_DEBUG", default=False)
SECRET_KEY = secret_key(env, debug=DEBUG)
failpoints.arm(env.str("DOCUVAULT_FAILPOINTS", default=""), is_allowed=DEBUG or is_under_test())
MASTER_KEYS = master_keys(env.str("DOCUVAULT_MASTER_KEYS", default=""), debug=DEBUG)
PORT = env.int("PORT", default=8000)
BASE_URL = env.str("DOCUVAULT_BASE_URL", default=f"http://localhost:{PORT}").rstrip("/")
_base = urlsplit(BASE_URL)
if _base.scheme not in {"http", "https"} or not _base.hostname:
    raise ImproperlyConfigured("DOCUVAULT_BASE_URL must be an http or https address.")
IS_HTTPS = _base.scheme == "https"
ALLOWED_HOSTS = [_base.hostname, *env.list("DOCUVAULT_ALLOWED_HOSTS", default=[])]
if not IS_HTTPS:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [BASE_URL] if IS_HTTPS else []
TRUSTED_PROXIES = env.int("DOCUVAULT_TRUSTED_PROXIES", default=0)

ROOT_URLCONF = "docuvault.urls"
WSGI_APPLICATION = "docuvault.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

INSTALLED_APPS = [
    "docuvault",
    "accounts",
    "documents",
    "sharing",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "django_q",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "docuvault.middleware.Failures",
    "docuvault.middleware.ContentPolicy",
    "docuvault.middleware.response_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.actor",
    "sharing.middleware.one_look",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "documents.context.frame",
            ],
            "builtins": [
                "django.templatetags.cache",
                "django.templatetags.i18n",
                "django.templatetags.static",
                "documents.templatetags.vault",
                "documents.templatetags.listed",
            ],
        },
    },
    {
        # What stands on a page by the hundred (documents/rows.py).
        "NAME": "rows",
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "rows"],
        "OPTIONS": {"environment": "documents.rows.environment"},
    },
]

# --- Database: two roles, two addresses -----------------------------------------------------------


def _database(variable: str, pool_size: int) -> dict[str, Any]:
    settings: dict[str, Any] = env.db_url(variable)
    if "postgresql" not in settings["ENGINE"]:
        raise ImproperlyConfigured(f"{variable} must name a PostgreSQL database.")
    settings["HOST"] = unquote(settings["HOST"])  # the path of a socket's directory comes quoted
    options = {
        "connect_timeout": 5,
        "application_name": "docuvault",
        # Some poolers between give each transaction another connection, which knows nothing of prepared statements.
        "prepare_threshold": 5 if env.bool("DOCUVAULT_DB_PREPARE", default=True) else None,
        **settings.get("OPTIONS", {}),
    }
    if pool_size:
        # After an outage the pool grows with the first who waits; it must not sit out a pause it took before.
        options["pool"] = {
            "min_size": 2,
            "max_size": pool_size,
            "timeout": 6,
            "reconnect_timeout": 2,
            "max_idle": 300,
        }
    settings.update(
        OPTIONS=options,
        # The queue's broker closes old connections at each call, so without a pool they must live on.
        CONN_MAX_AGE=0 if pool_size else 60,
        CONN_HEALTH_CHECKS=True,
        ATOMIC_REQUESTS=False,
    )
    return settings


DATABASE_POOL_SIZE = env.int("DOCUVAULT_DB_POOL_SIZE", default=0)
DATABASES = {"default": _database("DATABASE_URL", DATABASE_POOL_SIZE)}
# What `manage.py migrate` uses (docuvault.lib.roles); absent for web and worker.
MIGRATION_DATABASE: dict[str, Any] | None = (
    _database("DATABASE_MIGRATE_URL", 0) if env.str("DATABASE_MIGRATE_URL", default="") else None
)
MIGRATION_PATIENCE_SECONDS = 10
APP_ROLE: str = DATABASES["default"].get("USER", "") or "docuvault_app"

CACHES = {
    # Shared by every process: rate limits must hold across them.
    # With the usual 300 entries, a flood of made-up names would push the counters out.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entries",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    },
    # Parts of a page that are the same for everybody; each process has its own, as long as it runs.
    "template_fragments": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 2_000},
        "TIMEOUT": None,
    },
}

# --- Object storage (documents/storage.py is the only reader) --------------------------------------

S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", default="")
S3_ACCESS_KEY_ID = env.str("S3_ACCESS_KEY_ID", default="")
S3_SECRET_ACCESS_KEY = env.str("S3_SECRET_ACCESS_KEY", default="")
S3_BUCKET = env.str("S3_BUCKET", default="docuvault")
S3_REGION = env.str("S3_REGION", default="us-east-1")
STORE_KIND = env.str("DOCUVAULT_STORE_KIND", default="s3")
STORE_ROOT = env.str("DOCUVAULT_STORE_ROOT", default="")
# Where `manage.py backup s3://…` writes, if not to the vault's own store.
BACKUP_S3_ENDPOINT_URL = env.str("DOCUVAULT_BACKUP_S3_ENDPOINT_URL", default="")
BACKUP_S3_ACCESS_KEY_ID = env.str("DOCUVAULT_BACKUP_S3_ACCESS_KEY_ID", default="")
BACKUP_S3_SECRET_ACCESS_KEY = env.str("DOCUVAULT_BACKUP_S3_SECRET_ACCESS_KEY", default="")
BACKUP_S3_REGION = env.str("DOCUVAULT_BACKUP_S3_REGION", default="")

# --- Limits ---------------------------------------------------------------------------------------

DEFAULT_QUOTA_BYTES = env.int("DOCUVAULT_DEFAULT_QUOTA_BYTES", default=104_857_600)
MAX_FILE_BYTES = env.int("DOCUVAULT_MAX_FILE_BYTES", default=5 * 1024**3)
UPLOAD_EXPIRY_HOURS = env.int("DOCUVAULT_UPLOAD_EXPIRY_HOURS", default=168)
# A connection whose sender brings next to nothing for so long is ended; 0 lets every sender take his time.
SLOW_SENDER_SECONDS = env.float("DOCUVAULT_SLOW_SENDER_SECONDS", default=60.0)
TRASH_DAYS = env.int("DOCUVAULT_TRASH_DAYS", default=30)
# How long a file that came by a request waits to be filed.
RECEIVED_DAYS = env.int("DOCUVAULT_RECEIVED_DAYS", default=60)
# Of each document so many of the newest versions stay, and all of the last days; 0 keeps every version.
VERSIONS_KEPT = env.int("DOCUVAULT_VERSIONS_KEPT", default=0)
VERSIONS_KEPT_DAYS = env.int("DOCUVAULT_VERSIONS_KEPT_DAYS", default=30)
# How long an object without a row is left alone, then watched; of all objects so large a share may go at once.
SWEEP_GRACE_HOURS = env.float("DOCUVAULT_SWEEP_GRACE_HOURS", default=24.0)
SWEEP_MAX_SHARE = env.float("DOCUVAULT_SWEEP_MAX_SHARE", default=0.05)
# What is read again each night: a share of all versions, up to so many bytes.
REHASH_SHARE = env.float("DOCUVAULT_REHASH_SHARE", default=0.034)
REHASH_MAX_BYTES = env.int("DOCUVAULT_REHASH_MAX_BYTES", default=50 * 1024**3)
MAX_FOLDER_DEPTH = env.int("DOCUVAULT_MAX_FOLDER_DEPTH", default=32)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
# Files reach the vault only through the views that attach their own handler.
FILE_UPLOAD_HANDLERS = ["docuvault.lib.refuse_files.RefuseFiles"]

# --- Reading: text, OCR, pictures (documents/extraction) -----------------------------------------------------

# Documents read at the same time; 0 reads none here.
READERS = env.int("DOCUVAULT_READERS", default=2)
# Languages of OCR, the likeliest first, by the names of their data (eng, deu, …). Empty: no OCR.
OCR_LANGUAGES = env.list("DOCUVAULT_OCR_LANGUAGES", default=["deu", "eng", "fra", "ita", "spa", "por"])
TESSDATA_DIR = Path(env.str("DOCUVAULT_TESSDATA", default="") or DATA_DIR / "tessdata")
READING_MAX_BYTES = env.int("DOCUVAULT_READING_MAX_BYTES", default=256 * 1024**2)
READING_MAX_PAGES = env.int("DOCUVAULT_READING_MAX_PAGES", default=2_000)
READING_MAX_OCR_PAGES = env.int("DOCUVAULT_READING_MAX_OCR_PAGES", default=300)
READING_MAX_PIXELS = env.int("DOCUVAULT_READING_MAX_PIXELS", default=64_000_000)
READING_SECONDS = env.float("DOCUVAULT_READING_SECONDS", default=50.0)
READING_MEMORY_BYTES = env.int("DOCUVAULT_READING_MEMORY_BYTES", default=350 * 1024**2)
# LibreOffice, to show office papers as they look. Empty: looked for in PATH; "off": not used.
OFFICE_PROGRAM = env.str("DOCUVAULT_OFFICE", default="")

# --- People -----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
# Handles are unique by an index on their lower case, which the check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
AUTHENTICATION_BACKENDS = ["accounts.adapters.People"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SIGNUP = env.str("DOCUVAULT_SIGNUP", default="invitation")
if SIGNUP not in {"closed", "invitation", "open"}:
    raise ImproperlyConfigured("DOCUVAULT_SIGNUP must be closed, invitation or open.")
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("handle", "email", "display_name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.secrets.LongestPassword"},
]
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "handle"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "accounts.secrets.ResetTokens"  # noqa: S105
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "accounts.forms.SignUpForm",
    "reset_password": "accounts.forms.AskResetForm",
    "reset_password_from_key": "accounts.forms.ResetForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "add_email": "accounts.forms.ChangeEmailForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
}
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _base.scheme
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_USERNAME_BLACKLIST = ["admin", "administrator", "root", "system", "docuvault", "everyone", "nobody"]
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
MFA_ADAPTER = "accounts.adapters.MfaAdapter"
MFA_TOTP_ISSUER = "DocuVault"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODE_COUNT = 10
MFA_RECOVERY_CODE_DIGITS = 12
# One step of a slow clock or hand; accounts.forms.Code keeps a code from being used twice.
MFA_TOTP_TOLERANCE = 1
# A changed address is confirmed before it counts, so a second step does not forbid changing it.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.CodeAgainForm",
    "activate_totp": "accounts.forms.TurnOnForm",
}

# --- Sessions, cookies, headers -----------------------------------------------------------------------

SESSION_ENGINE = "docuvault.lib.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "docuvault.views.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
if IS_HTTPS:
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- Words and times ------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("DOCUVAULT_TIME_ZONE", default="UTC")

# --- Static files ------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("DOCUVAULT_STATIC_ROOT", default=str(DATA_DIR / "static")))
NODE_MODULES = BASE_DIR / "node_modules"
STATICFILES_DIRS: list[Any] = [BASE_DIR / "static"]
if (NODE_MODULES / "tus-js-client" / "dist").is_dir():
    STATICFILES_DIRS.append(("vendor/tus", NODE_MODULES / "tus-js-client" / "dist"))
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "docuvault.lib.static_files.PackageFiles",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "docuvault.lib.static_files.HashedStaticFiles"},
}
WHITENOISE_MIMETYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}
WHITENOISE_INDEX_FILE = False
WHITENOISE_ADD_HEADERS_FUNCTION = add_headers

# --- Mail -----------------------------------------------------------------------------------------------------

EMAIL_URL = env.str("DOCUVAULT_EMAIL_URL", default="")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DOCUVAULT_FROM_EMAIL", default=f"DocuVault <vault@{_base.hostname}>")
MAIL_DIR = DATA_DIR / "mail"
MAIL_BACKEND = "accounts.outbox.OutboxBackend"
if EMAIL_URL:
    globals().update(env.email_url("DOCUVAULT_EMAIL_URL"))
    MAIL_BACKEND = globals()["EMAIL_BACKEND"]
    EMAIL_TIMEOUT = 10
# Every mail passes here first: a restored copy sends none.
EMAIL_BACKEND = "accounts.mail_gate.MailGate"

# --- Jobs --------------------------------------------------------------------------------------------------------

JOB_TIMEOUT_SECONDS = 900
Q_CLUSTER = {
    "name": "docuvault",
    "orm": "default",
    "broker_class": "docuvault.lib.queue.SteadyBroker",
    "workers": env.int("DOCUVAULT_WORKERS", default=2),
    "timeout": JOB_TIMEOUT_SECONDS,
    "retry": JOB_TIMEOUT_SECONDS + 60,
    "max_attempts": 3,
    # A failure is final for the queue: tries are counted and repeated by documents.jobs.
    "ack_failures": True,
    "bulk": 1,
    "poll": 0.2,
    "guard_cycle": 2,
    "save_limit": 250,
    "queue_limit": 20,
    "recycle": 500,
    "catch_up": False,
    "compress": False,
    "label": _("Jobs"),
}

# --- Logs ---------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.str("DOCUVAULT_LOG_LEVEL", default="INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "docuvault.lib.logs.OneLine"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "docuvault": {"level": LOG_LEVEL},
        "documents": {"level": LOG_LEVEL},
        "accounts": {"level": LOG_LEVEL},
        "sharing": {"level": LOG_LEVEL},
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.security.DisallowedHost": {"level": "ERROR"},
        "django-q": {"level": "WARNING"},
    },
}
