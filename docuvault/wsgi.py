"""The WSGI application that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docuvault.settings")

application = get_wsgi_application()

# What is loaded by now stays: looking through it again and again would take a tenth of each small request.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
