#!/usr/bin/env bash
# Trains captioners, captions data sets, measures and shows captions; see --help.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
kinema_java recaption io.kinema.recaption.Recaption "$@"
