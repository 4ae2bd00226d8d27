#!/usr/bin/env bash
# Remakes the pictures of docs/pictures with the project's own commands; see --help.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../launch/env.sh"

usage() {
  cat <<'TEXT'
usage: docs/pictures.sh [--work DIR] [--steps N]

Remakes the pictures of docs/pictures that commands make; data.svg is drawn by hand:
  samples.png  frames of videos that a trained debug model has sampled
  curves.png   the training losses of a small sweep
  law.png      a scaling law with its 95 % band, on points made from published constants

  --work DIR  folder for data, runs and samples (default target/pictures); what is finished there is not done again
  --steps N   steps of the training for samples.png (default 2000: under ten minutes on 2 cores)
TEXT
}

work=$KINEMA_HOME/target/pictures steps=2000
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit ;;
    --work | --steps) ;;
    *) usage >&2; kinema_fail "unknown flag $1" ;;
  esac
  [ $# -gt 1 ] || kinema_fail "$1 needs a value"
  printf -v "${1#--}" '%s' "$2"
  shift 2
done
[[ $steps =~ ^[1-9][0-9]*$ ]] || kinema_fail "--steps '$steps' is not a positive number"
launch=$KINEMA_HOME/launch
pictures=$KINEMA_HOME/docs/pictures
mkdir -p "$work" "$pictures"
cd "$work"

# videos NAME CLIPS SEED FLAGS...: makes videos of one shape and prepares them, unless they are there.
videos() {
  local name=$1 clips=$2 seed=$3
  shift 3
  [ -e "data/$name/manifest.json" ] || {
    "$launch/prepare.sh" synth --output "videos/$name" --clips "$clips" --seed "$seed" --max-shapes 1 --overwrite
    "$launch/prepare.sh" --input "videos/$name" --output "data/$name" --overwrite "$@"
  }
}

# samples.png: the film strip.
videos samples 20 7 --max-pixels 512 --fps 2 --clip-seconds 2 --patch 2x4x4
checkpoint=$(printf 'runs/samples/checkpoints/step-%08d' "$steps")
# Larger clips than those of configs/debug.args need more noise to be hidden.
[ -d "$checkpoint" ] || "$launch/train.sh" --data data/samples --run runs/samples --nodes 1 --steps "$steps" \
  --time-shift 6 --sample-steps 0

# The first caption of each video, the one that the model was trained on.
captions() { sed -n 's/.*\["\([^"]*\)".*/\1/p' videos/samples/*.json | sed -n "$1"; }

# sample NAME WIDTH HEIGHT LINES: a video for each of some captions.
sample() {
  rm -rf "sampled/$1"
  mkdir -p sampled
  captions "$4" >"prompts-$1.txt"
  "$launch/sample.sh" --checkpoint "$checkpoint" --prompts "prompts-$1.txt" --separate gif --output "sampled/$1" \
    --width "$2" --height "$3" --frames 4 --fps 2 --enlarge 160
}
# Sides that divide 160 stay sharp in the sheet, whose cells have 160 pixels.
sample 1-wide 32 16 "1p;6p"
sample 2-square 20 20 "3p;8p"
sample 3-tall 16 32 "2p;7p"
"$launch/prepare.sh" --input sampled --output data/sampled --overwrite --patch 1x1x1
"$launch/prepare.sh" inspect data/sampled --contact-sheet "$pictures/samples.png"

# curves.png: nine small trainings.
small="--max-pixels 256 --fps 2 --clip-seconds 2 --patch 1x2x2"
# shellcheck disable=SC2086
videos sweep 240 1 $small
# shellcheck disable=SC2086
videos held-out 40 2 $small
"$launch/sweep.sh" run "@$KINEMA_HOME/configs/sweep-debug.args" \
  --sweep sweep --data data/sweep --held-out data/held-out --widths 16,32,48 --budgets 1e11,2.4e11,5.6e11
"$launch/sweep.sh" fit --points sweep/points.csv
"$launch/sweep.sh" plot --fit sweep/fit
cp sweep/fit/report-curves.png "$pictures/curves.png"

# law.png: points of the law of Besiroglu et al. (2404.10102, table 1), six budgets with seven sizes each, 0.5 % noise.
mkdir -p law
awk 'BEGIN {
  srand(1); print "N,D,C,loss"
  for (budget = 0; budget < 6; budget++) for (size = -3; size <= 3; size++) {
    C = 1e18 * 4 ^ budget; N = 8e7 * 2 ^ (budget + size); D = C / (6 * N)
    normal = sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand())
    print N "," D "," C "," (1.8172 + 482.01 / N ^ 0.3478 + 2085.43 / D ^ 0.3658) * exp(0.005 * normal)
  } }' >law/points.csv
"$launch/sweep.sh" fit --points law/points.csv
"$launch/sweep.sh" plot --fit law/fit
cp law/fit/report-frontier.png "$pictures/law.png"
ls -l "$pictures"
