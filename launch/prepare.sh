#!/usr/bin/env bash
# Turns videos into a data set of clips, makes synthetic videos, and shows data sets; see --help.
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
kinema_java data-pipeline io.kinema.data.Prepare "$@"
