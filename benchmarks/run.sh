#!/usr/bin/env bash
# Kinema beside its peers: the same numbers, and the time they take.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../launch/env.sh"

usage() {
  cat <<'TEXT'
usage: benchmarks/run.sh COMMAND [flags]

  step [flags]                    times training steps beside PyTorch's, the same work in turn; needs an idle machine
                                  and, with all cases in both precisions, up to an hour. PYTHON or --python names an
                                  interpreter that has PyTorch; without it Kinema's side is printed. --help lists the
                                  flags
  allreduce [flags]               times all-reduces between processes of this host beside Gloo's (PyTorch) and Open
                                  MPI's, in turn; needs an idle machine and, with all sizes, some ten minutes.
                                  --python as above; mpicc and mpirun are looked for on the PATH. What is not
                                  installed is left out. Over a network link: benchmarks/allreduce-veth.sh
  operations [flags]              times single operations against the matmul peak and the copy bandwidth of this machine
  jmh [PATTERN]                   times Kinema's parts (JMH; PATTERN chooses among them, --help lists JMH's own flags)
  loss --checkpoint PATH          prints the loss of a checkpoint's weights on fixed inputs
  twin --checkpoint PATH          the same beside the PyTorch implementation in benchmarks/peers; they agree to 1e-4.
                                  PYTHON names an interpreter that has the packages of benchmarks/peers/README.md
TEXT
}

twin() {
  local ours theirs
  ours=$(kinema_java benchmarks io.kinema.benchmarks.CheckpointLoss "$@") || exit
  echo "Kinema   $ours"
  theirs=$("${PYTHON:-python3}" "$KINEMA_HOME/benchmarks/peers/check_checkpoint.py" "$@") || exit
  echo "PyTorch  $(grep '^loss' <<<"$theirs")"
  awk -v a="${ours#loss }" -v b="$(sed -n 's/^loss //p' <<<"$theirs")" 'BEGIN {
    d = a > b ? a - b : b - a
    printf "they differ by %.1e: %s\n", d, d <= 1e-4 ? "equal to 1e-4" : "NOT equal to 1e-4"
    exit d > 1e-4 }'
}

command=${1:---help}
[ $# -eq 0 ] || shift
case $command in
  step) kinema_java benchmarks io.kinema.benchmarks.StepBenchmark "$@" ;;
  allreduce) kinema_java benchmarks io.kinema.benchmarks.AllReduceBenchmark "$@" ;;
  operations) kinema_java benchmarks io.kinema.benchmarks.OperationTable "$@" ;;
  jmh) kinema_java benchmarks org.openjdk.jmh.Main "$@" ;;
  loss) kinema_java benchmarks io.kinema.benchmarks.CheckpointLoss "$@" ;;
  twin) twin "$@" ;;
  --help | -h) usage ;;
  *) usage >&2; kinema_fail "unknown command $command; use step, allreduce, operations, jmh, loss or twin" ;;
esac
