#!/usr/bin/env bash
# See that the services that tests start for themselves are installed: PostgreSQL's server programs, ActiveMQ, RabbitMQ;
# Chromium, in which the pages are tested, and nginx, behind which they are.
# Nothing is started here, and nothing that was running is touched. Where they cannot be had, a line says so, and the
# tests that need them are skipped (or fail, under PROCESSION_REQUIRE=postgres,activemq,rabbitmq,chromium,nginx).
set -euo pipefail

find_postgres() {
    if command -v initdb > /dev/null; then command -v initdb; return; fi
    ls -d /usr/lib/postgresql/*/bin/initdb 2> /dev/null | sort -V | tail -n 1
}
find_activemq() { command -v java > /dev/null && ls -d /usr/share/activemq/lib 2> /dev/null; }
find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
find_nginx() { PATH="$PATH:/usr/sbin" command -v nginx; }
find_rabbitmq() { ls /usr/lib/rabbitmq/bin/rabbitmq-server 2> /dev/null; }

missing=()
[ -n "$(find_postgres || true)" ] || missing+=(postgresql)
[ -n "$(find_activemq || true)" ] || missing+=(activemq)
[ -n "$(find_rabbitmq || true)" ] || missing+=(rabbitmq-server)
[ -n "$(find_chromium || true)" ] || missing+=(chromium fonts-dejavu-core)
[ -n "$(find_nginx || true)" ] || missing+=(nginx-light openssl)
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing ${missing[*]}"
    # Debian starts a server right after installing it, unless this says that nothing may start.
    guard=/usr/sbin/policy-rc.d
    if [ ! -e "$guard" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$guard"
        chmod +x "$guard"
        trap 'rm -f "$guard"' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq > /dev/null || true
    for package in "${missing[@]}"; do
        apt-get install -y -qq --no-install-recommends "$package" > /dev/null || true
    done
fi

say() {
    if [ -n "$2" ]; then
        echo "$1: $2"
    else
        echo "$1: NOT HERE. Tests on it will be skipped; install the server package of your system to have them."
    fi
}
postgres=$(find_postgres || true)
say PostgreSQL "${postgres:+$("$postgres" --version), $(dirname "$postgres")}"
say ActiveMQ "$(find_activemq || true)"
say RabbitMQ "$(find_rabbitmq || true)"
say Chromium "$(find_chromium || true)"
say nginx "$(find_nginx || true)"
