#!/usr/bin/env bash
# Says what a video and a training cost, before either is made; see --help.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
kinema_java trainer io.kinema.train.memory.Estimate "$@"
