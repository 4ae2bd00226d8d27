#!/usr/bin/env bash
# Measures a checkpoint's loss on held-out clips; see --help.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
kinema_java trainer io.kinema.train.evaluate.Evaluate "$@"
