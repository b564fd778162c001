#!/bin/sh
# Write the password for PgBouncer, which reads it from this file only, and start.
set -eu
password=$(sed 's/"/""/g' /run/secrets/database_password)
printf '"app" "%s"\n' "$password" >/tmp/users.txt
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
