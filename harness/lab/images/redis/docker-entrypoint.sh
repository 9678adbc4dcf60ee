#!/bin/sh
# As the official image: options alone mean redis-server; protected mode is off unless a configuration
# file decides; started as root it runs as redis.
set -e

case "${1:-}" in
-* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ]; then
	shift
	case "${1:-}" in
	'' | -*) set -- --protected-mode no "$@" ;;
	*)
		if ! grep -qs '^[[:space:]]*protected-mode' "$1"; then
			file=$1
			shift
			set -- "$file" --protected-mode no "$@"
		fi
		;;
	esac
	set -- redis-server "$@"
	if [ "$(id -u)" = 0 ]; then
		find . ! -user redis -exec chown redis:redis {} +
		shift
		umask 0077
		exec busybox start-stop-daemon -S -q -c redis:redis -x /usr/bin/redis-server -- "$@"
	fi
fi

exec "$@"
