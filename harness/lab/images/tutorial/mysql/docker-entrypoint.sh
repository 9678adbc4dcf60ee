#!/bin/sh
# As the official image: options alone mean mysqld; started as root it runs as mysql; an empty data folder is
# filled first, with MYSQL_ROOT_PASSWORD, MYSQL_DATABASE, MYSQL_USER, MYSQL_PASSWORD or what *_FILE names.
set -e

given() {
	eval "value=\${$1:-} file=\${$1_FILE:-}"
	if [ -n "$value" ] && [ -n "$file" ]; then
		echo "[ERROR] [Entrypoint]: Both $1 and $1_FILE are set (but are exclusive)" >&2
		exit 1
	fi
	if [ -n "$file" ]; then value=$(cat "$file"); fi
	printf '%s' "$value"
}

quoted() { printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g"; }

case "${1:-}" in
-*) set -- mysqld "$@" ;;
esac

data=/var/lib/mysql
if [ "${1:-}" = mysqld ] && [ "$(id -u)" = 0 ]; then
	mkdir -p "$data" /run/mysqld
	find "$data" /run/mysqld ! -user mysql -exec chown mysql:mysql {} +
	exec busybox start-stop-daemon -S -q -c mysql:mysql -x "$0" -- "$@"
fi

if [ "${1:-}" = mysqld ] && [ ! -d "$data/mysql" ]; then
	root=$(given MYSQL_ROOT_PASSWORD)
	base=$(given MYSQL_DATABASE)
	user=$(given MYSQL_USER)
	password=$(given MYSQL_PASSWORD)
	if [ -z "$root" ] && [ -z "${MYSQL_ALLOW_EMPTY_PASSWORD:-}" ]; then
		echo '[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified' >&2
		exit 1
	fi
	echo '[Note] [Entrypoint]: Initializing database files'
	mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db \
		--skip-name-resolve >/dev/null
	{
		echo "DELETE FROM mysql.global_priv WHERE User = '' OR Host NOT IN ('localhost', '%');"
		echo "FLUSH PRIVILEGES;"
		for host in localhost %; do
			echo "CREATE OR REPLACE USER root@'$host' IDENTIFIED BY '$(quoted "$root")';"
			echo "GRANT ALL ON *.* TO root@'$host' WITH GRANT OPTION;"
		done
		if [ -n "$base" ]; then echo "CREATE DATABASE IF NOT EXISTS \`$base\`;"; fi
		if [ -n "$user" ]; then echo "CREATE USER '$user'@'%' IDENTIFIED BY '$(quoted "$password")';"; fi
		if [ -n "$user" ] && [ -n "$base" ]; then echo "GRANT ALL ON \`$base\`.* TO '$user'@'%';"; fi
	} | mariadbd --bootstrap --datadir="$data" --skip-name-resolve
	echo '[Note] [Entrypoint]: MySQL init process done. Ready for start up.'
fi

exec "$@"
