#!/bin/sh
# Puts the label of a leader on the pod that leads, for a Service that selects it: members are called as their pods. Run by one router, whose
# account may label pods.
#
#   kubernetes.sh NAMESPACE
#
#   hooks:
#     service: { on: [leader], exec: [/usr/share/tanist/kubernetes.sh, orders] }
#
#   kind: Service
#   spec: { selector: { tanist-cluster: orders, tanist-role: leader } }
set -eu
namespace=$1
: "${TANIST_LEADER:?run it as a hook, on: [leader]}"

# Nobody rather than two: first the label goes everywhere.
kubectl --namespace "$namespace" label pod --overwrite --selector "tanist-cluster=$TANIST_CLUSTER" tanist-role=replica
kubectl --namespace "$namespace" label pod --overwrite "$TANIST_LEADER" tanist-role=leader
