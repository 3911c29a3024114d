#!/bin/sh
# Runs once, when the database is empty: two roles, and a database that belongs to the one that migrates.
set -eu
: "${DOCUVAULT_MIGRATE_PASSWORD:?is missing}" "${DOCUVAULT_APP_PASSWORD:?is missing}"
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv migrate_password DOCUVAULT_MIGRATE_PASSWORD
\getenv app_password DOCUVAULT_APP_PASSWORD
CREATE ROLE docuvault_migrate LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'migrate_password';
CREATE ROLE docuvault_app LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'app_password';
CREATE DATABASE docuvault OWNER docuvault_migrate TEMPLATE template0;
REVOKE ALL ON DATABASE docuvault FROM PUBLIC;
GRANT CONNECT ON DATABASE docuvault TO docuvault_app;
SQL
