#!/bin/sh
# As the official image: options alone mean postgres; started as root it runs as postgres; an empty data folder
# is filled first, with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB or the files that *_FILE name.
set -e

given() {
	eval "value=\${$1:-} file=\${$1_FILE:-}"
	if [ -n "$value" ] && [ -n "$file" ]; then
		echo "error: both $1 and $1_FILE are set (but are exclusive)" >&2
		exit 1
	fi
	if [ -n "$file" ]; then value=$(cat "$file"); fi
	printf '%s' "${value:-$2}"
}

case "${1:-}" in
-*) set -- postgres "$@" ;;
esac

if [ "${1:-}" = postgres ] && [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /var/run/postgresql
	find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres:postgres {} +
	chmod 700 "$PGDATA"
	chmod 775 /var/run/postgresql
	exec busybox start-stop-daemon -S -q -c postgres:postgres -x "$0" -- "$@"
fi

if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	user=$(given POSTGRES_USER postgres)
	password=$(given POSTGRES_PASSWORD '')
	base=$(given POSTGRES_DB "$user")
	method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
	if [ -z "$password" ] && [ "$method" != trust ]; then
		echo "Error: Database is uninitialized and superuser password is not specified." >&2
		exit 1
	fi
	secret=$(mktemp)
	printf '%s\n' "${password:-unused}" >"$secret"
	initdb --username="$user" --pwfile="$secret" --no-sync --set jit=off -D "$PGDATA"
	rm -f "$secret"
	printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
	echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
	pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
	if [ "$base" != postgres ]; then createdb --username "$user" "$base"; fi
	for script in /docker-entrypoint-initdb.d/*; do
		case "$script" in
		*.sh) . "$script" ;;
		*.sql) psql -v ON_ERROR_STOP=1 --username "$user" --dbname "$base" -f "$script" ;;
		esac
	done
	pg_ctl -D "$PGDATA" -m fast -w stop
	echo 'PostgreSQL init process complete; ready for start up.'
fi

exec "$@"
