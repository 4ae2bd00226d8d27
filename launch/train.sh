#!/usr/bin/env bash
# Trains a model; see --help.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
kinema_java trainer io.kinema.train.Train "$@"
