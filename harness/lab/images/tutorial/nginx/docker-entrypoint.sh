#!/bin/sh
# As the official image: what lies in /docker-entrypoint.d and can be run is run before nginx.
set -e

if [ "${1:-}" = nginx ]; then
	for script in /docker-entrypoint.d/*.sh; do
		if [ -x "$script" ]; then "$script"; fi
	done
fi

exec "$@"
