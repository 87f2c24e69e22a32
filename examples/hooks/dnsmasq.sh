#!/bin/sh
# Has a name lead to the leader, in a file of hosts that a dnsmasq reads (--addn-hosts=FILE, with --pid-file=PIDFILE). Run by one router, which may
# signal it. Members have to advertise addresses, for a name cannot lead to a name here.
#
#   dnsmasq.sh NAME FILE PIDFILE
#
#   hooks:
#     name: { on: [leader], exec: [/usr/share/tanist/dnsmasq.sh, orders.db.internal, /var/lib/tanist-router/orders.hosts, /run/dnsmasq.pid] }
set -eu
name=$1
file=$2
pidfile=$3
: "${TANIST_LEADER_HOST:?run it as a hook, on: [leader]}"

new=$(mktemp "$file.XXXXXX")
printf '%s %s\n' "$TANIST_LEADER_HOST" "$name" >"$new"
chmod 644 "$new"
mv "$new" "$file"
kill -HUP "$(cat "$pidfile")"
