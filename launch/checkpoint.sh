#!/usr/bin/env bash
# Lists, verifies, compares and exports checkpoints; see --help.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
kinema_java trainer io.kinema.train.checkpoint.CheckpointCommand "$@"
