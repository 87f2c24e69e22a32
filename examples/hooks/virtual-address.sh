#!/bin/sh
# Keeps a virtual address on the machine whose database leads: run by a router on each machine that may have it, which may change addresses.
#
#   virtual-address.sh ADDRESS/PREFIX DEVICE
#
#   hooks:
#     address: { on: [leader], exec: [/usr/share/tanist/virtual-address.sh, 10.0.0.100/24, eth0] }
set -eu
address=$1
device=$2
: "${TANIST_LEADER_HOST:?run it as a hook, on: [leader]}"

if ip -o addr show | grep -qF " $TANIST_LEADER_HOST/"; then
  ip addr replace "$address" dev "$device"
  # Neighbours remember where it was until they are told.
  arping -q -A -c 2 -I "$device" "${address%/*}"
elif ip -o addr show dev "$device" | grep -qF " $address "; then
  ip addr del "$address" dev "$device"
fi
