#!/bin/sh
# Keeps a virtual address on the machine whose database leads: run by a router on each machine that may have it, which may change addresses. Needs `ip` and
# the arping of iputils (Debian: iputils-arping). Members have to advertise addresses, not names: by them a machine knows itself.
#
#   virtual-address.sh ADDRESS/PREFIX DEVICE
#
#   hooks:
#     address: { on: [leader], exec: [/usr/share/tanist/virtual-address.sh, 10.0.0.100/24, eth0] }
set -eu
address=$1
device=$2
: "${TANIST_LEADER_HOST:?run it as a hook, on: [leader]}"
case $TANIST_LEADER_HOST in
*[!0-9a-fA-F.:]*)
  echo "$TANIST_LEADER_HOST is no address: have the members advertise theirs" >&2
  exit 1
  ;;
esac

# By itself, so that a refusal ends this script, and it is tried again.
all=$(ip -o addr show)
own=$(ip -o addr show dev "$device")
if printf '%s\n' "$all" | grep -qF " $TANIST_LEADER_HOST/"; then
  ip addr replace "$address" dev "$device"
  # Neighbours remember where it was until they are told.
  arping -q -A -c 2 -I "$device" "${address%/*}"
elif printf '%s\n' "$own" | grep -qF " $address "; then
  ip addr del "$address" dev "$device"
fi
