#!/usr/bin/env bash
# All-reduces over a network link: two network namespaces with a veth pair between them, one rank in each. Makes the
# link, shapes it, and takes it away.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../launch/env.sh"

usage() {
  cat <<'TEXT'
usage: benchmarks/allreduce-veth.sh [--megabytes 1,16,64] [--rounds 5] [--python venv/bin/python]

Kinema's all-reduce (UDP) beside Gloo's between two network namespaces of this host, and iperf3's single TCP stream over
the same link, in turn: first over the link as it is, then shaped to 1 Gbit/s each way.
Needs root, ip and tc (iproute2) and iperf3;
without PyTorch there is nothing of Gloo.
TEXT
}

for flag in "$@"; do
  case $flag in --help | -h) usage; exit ;; esac
done
[ "$(id -u)" = 0 ] || kinema_fail "network namespaces need root;" \
  "run the script with sudo, PYTHON and JAVA_HOME kept: sudo -E benchmarks/allreduce-veth.sh"
for program in ip tc iperf3; do
  command -v "$program" >/dev/null || kinema_fail "$program is not on the PATH; apt-get install iproute2 iperf3"
done
kinema_build benchmarks

# Names and addresses of this process alone; 198.18.0.0/15 is for benchmarks (RFC 2544).
names=(kinema-$$-0 kinema-$$-1)
addresses=(198.18.0.1 198.18.0.2)
link=kinema-link

remove() {
  # A pair goes with either of its namespaces.
  for name in "${names[@]}"; do
    if [ -e "/run/netns/$name" ]; then ip netns delete "$name"; fi
  done
}
trap remove EXIT
for end in 0 1; do
  ip netns add "${names[end]}" || kinema_fail "this host does not allow network namespaces;" \
    "in a container give it the capability SYS_ADMIN"
done
ip link add "$link" netns "${names[0]}" type veth peer name "$link" netns "${names[1]}" \
  || kinema_fail "this host has no veth devices;" \
    "load the kernel module veth, or in a container give it the capability NET_ADMIN"
for end in 0 1; do
  ip -n "${names[end]}" address add "${addresses[end]}/30" dev "$link"
  ip -n "${names[end]}" link set lo up
  ip -n "${names[end]}" link set "$link" up
done

measure() {
  (kinema_java benchmarks io.kinema.benchmarks.LinkBenchmark --namespaces "${names[0]},${names[1]}" \
    --addresses "${addresses[0]},${addresses[1]}" --interface "$link" "$@")
}

echo "Two ranks, each sends the other as many bytes as the vector has." \
  "Gbit/s are those each way, MB 2^20 bytes, medians of rounds in turn."
echo
echo "The link as it is:"
measure "$@"
for end in 0 1; do
  # A queue of 50 ms is what a switch port may have; with bursts of 64 KB and less a busy host falls far short of
  # the rate.
  tc -n "${names[end]}" qdisc add dev "$link" root tbf rate 1gbit burst 256kb latency 50ms \
    || kinema_fail "this kernel cannot shape (tc qdisc tbf); load its module sch_tbf"
done
echo "Shaped to 1 Gbit/s each way:"
measure "$@"
