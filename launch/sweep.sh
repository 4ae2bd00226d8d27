#!/usr/bin/env bash
# Trains a family of models, fits scaling laws, and recommends the next model; see --help.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
kinema_java trainer io.kinema.train.sweep.SweepCommand "$@"
