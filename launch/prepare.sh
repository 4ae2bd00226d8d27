#!/usr/bin/env bash
# Turns videos into a data set of clips; makes videos up; shows what is in a data set. See --help.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
kinema_java data-pipeline io.kinema.data.Prepare "$@"
