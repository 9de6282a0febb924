#!/usr/bin/env bash
# See that the services that tests start for themselves are installed: PostgreSQL's server programs.
# Nothing is started here, and nothing that was running is touched. Where they cannot be had, a line says so, and the
# tests that need them are skipped (or fail, under PROCESSION_REQUIRE=postgres).
set -euo pipefail

find_postgres() {
    if command -v initdb > /dev/null; then command -v initdb; return; fi
    ls -d /usr/lib/postgresql/*/bin/initdb 2> /dev/null | sort -V | tail -n 1
}

found=$(find_postgres || true)
if [ -z "$found" ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing PostgreSQL's programs"
    # Debian starts a server right after installing it, unless this says that nothing may start.
    guard=/usr/sbin/policy-rc.d
    if [ ! -e "$guard" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$guard"
        chmod +x "$guard"
        trap 'rm -f "$guard"' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; } > /dev/null || true
    found=$(find_postgres || true)
fi

if [ -n "$found" ]; then
    echo "PostgreSQL: $("$found" --version), $(dirname "$found")"
else
    echo "PostgreSQL: NOT HERE. Tests on it will be skipped; install the server package of your system to have them."
fi
