#!/usr/bin/env bash
# Measures a checkpoint's loss on clips that it was not trained on; see --help.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
kinema_java trainer io.kinema.train.evaluate.Evaluate "$@"
