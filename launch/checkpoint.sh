#!/usr/bin/env bash
# Lists, verifies and compares checkpoints, and makes one file of one; see --help.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
kinema_java trainer io.kinema.train.checkpoint.CheckpointCommand "$@"
