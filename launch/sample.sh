#!/usr/bin/env bash
# Samples videos from a checkpoint; see --help.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
kinema_java trainer io.kinema.train.sample.Sample "$@"
