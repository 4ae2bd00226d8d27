#!/usr/bin/env bash
# Lists, verifies, compares and exports checkpoints; see --help.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
kinema_java trainer io.kinema.train.checkpoint.CheckpointCommand "$@"
