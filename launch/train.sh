#!/usr/bin/env bash
# Trains a model; see --help. Without a file of flags (@configs/NAME.args) the script takes configs/debug.args.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"
config=("@$KINEMA_HOME/configs/debug.args")
for argument in "$@"; do
  case $argument in @*) config=() ;; esac
done
kinema_java trainer io.kinema.train.Train "${config[@]}" "$@"
