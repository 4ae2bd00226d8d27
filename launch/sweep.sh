#!/usr/bin/env bash
# Trains a family of models and says which the next budget should buy; see --help.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
kinema_java trainer io.kinema.train.sweep.SweepCommand "$@"
