#!/usr/bin/env bash
# Do better captions make a model that follows prompts better? The same model on the same clips, with sparse
# captions and with a captioner's.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../launch/env.sh"

usage() {
  cat <<'TEXT'
usage: benchmarks/recaption-loop.sh --output DIR [flags]

Trains a small model twice on the same synthetic videos of one shape, of which half have a short caption and half none:
  sparse      on these captions
  recaptioned on what a captioner says of all of them, mixed with these
and compares them on videos that neither has seen: the loss with their true captions (launch/evaluate.sh), and how much
of what their captions ask for shows in videos sampled for them (launch/recaption.sh score). The captioner has learned
from other videos. Ends with a table in DIR/result.md.
Parts that are finished are not done again when the script is run again with the same DIR.

  --output DIR      folder for everything, some 350 MB
  --captioner DIR   a captioner that launch/recaption.sh train has made; one is trained if absent
  --annotated N     videos that the captioner learns from (default 2000)
  --clips N         videos that the models learn from (default 2000)
  --held-out N      videos, and prompts, that they are compared on (default 300)
  --steps N         steps of each training (default 8000)
TEXT
}

output='' captioner='' annotated=2000 clips=2000 held_out=300 steps=8000
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit ;;
    --output | --captioner | --annotated | --clips | --held-out | --steps) ;;
    *) usage >&2; kinema_fail "unknown flag $1" ;;
  esac
  [ $# -gt 1 ] || kinema_fail "$1 needs a value"
  name=${1#--}
  printf -v "${name/-/_}" '%s' "$2"
  shift 2
done
[ -n "$output" ] || { usage >&2; kinema_fail "--output is missing"; }
for number in "$annotated" "$clips" "$held_out" "$steps"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || kinema_fail "'$number' is not a positive number"
done
mkdir -p "$output"
output=$(cd "$output" && pwd)
[ -z "$captioner" ] || captioner=$(cd "$captioner" && pwd)
launch=$KINEMA_HOME/launch
cd "$output"
# What is there was made with these.
made_with="--annotated $annotated --clips $clips --held-out $held_out --steps $steps --captioner ${captioner:-none}"
if [ -e flags ] && [ "$(cat flags)" != "$made_with" ]; then
  kinema_fail "$output was made with $(cat flags), not $made_with; give the same flags, or another --output"
fi
echo "$made_with" >flags

# videos NAME N FLAGS...: makes videos and prepares them, unless they are there.
videos() {
  local name=$1 number=$2
  shift 2
  [ -d "videos/$name" ] || "$launch/prepare.sh" synth --output "videos/$name" --clips "$number" --max-shapes 1 "$@"
  [ -e "data/$name/manifest.json" ] || "$launch/prepare.sh" --input "videos/$name" --output "data/$name" --overwrite \
    --max-pixels 1024 --fps 2 --clip-seconds 4 --patch 2x4x4
}
videos sparse "$clips" --seed 3 --captions short --captioned 0.5
for style in short detailed; do
  videos "held-out-$style" "$held_out" --seed 2 --captions "$style"
done
if [ -z "$captioner" ]; then
  videos annotated "$annotated" --seed 1
  captioner=$output/captioner
  [ -e "$captioner/model.json" ] || "$launch/recaption.sh" train --data data/annotated --output "$captioner"
fi
[ -e data/recaptioned/manifest.json ] \
  || "$launch/recaption.sh" run --data data/sparse --model "$captioner" --output data/recaptioned

checkpoint() { printf 'runs/%s/checkpoints/step-%08d' "$1" "$steps"; }

# train NAME FLAGS...
train() {
  local name=$1
  shift
  [ ! -d "$(checkpoint "$name")" ] || return 0
  # Videos of several frames need much noise to be hidden: with less of a shift, colours are decided before the
  # model looks at the caption.
  "$launch/train.sh" --data "data/$name" --run "runs/$name" --model debug --caption-model 2x96x3 --time-shift 12 \
    --nodes 1 --microbatches 2 --tokens 2048 --steps "$steps" --learning-rate 2e-3 --warmup 100 --schedule cosine \
    --ema-decay 0.999 --checkpoint-every 1000 --sample-steps 0 "$@"
}
train sparse
train recaptioned --caption-mix original:0.05,detailed:0.75,short:0.2

for style in short detailed; do
  # The only text between brackets and quotation marks is the caption.
  sed -n 's/.*\["\(.*\)"\].*/\1/p' "videos/held-out-$style/"*.json >"prompts-$style.txt"
  for name in sparse recaptioned; do
    baseline=()
    [ "$name" = sparse ] || baseline=(--baseline "loss-sparse-$style.csv")
    "$launch/evaluate.sh" --checkpoint "$(checkpoint "$name")" --data "data/held-out-$style" \
      --output "loss-$name-$style.csv" --force "${baseline[@]}" \
      >"loss-$name-$style.txt"
    [ ! -e "score-$name-$style/score.md" ] || continue
    rm -rf "score-$name-$style"
    "$launch/recaption.sh" score --checkpoint "$(checkpoint "$name")" --prompts "prompts-$style.txt" \
      --model "$captioner" \
      --output "score-$name-$style" --sample "--width 32 --height 32 --frames 8 --fps 2 --steps 25 --guidance 3"
  done
done

# table STYLE: what both are worth, told captions of a style.
table() {
  local style=$1
  loss() { sed -n "s/^$2 //p" "loss-$1-$style.txt"; }
  echo "| $style | held-out loss | $(loss sparse "held-out loss") | $(loss recaptioned "held-out loss") |"
  echo "| $style | difference | | $(loss recaptioned "minus the baseline's") |"
  paste "score-sparse-$style/score.md" "score-recaptioned-$style/score.md" \
    | awk -F '[|\t]' -v style="$style" '$3 ~ /%/ {
        printf "| %s |%sas asked |%s(95 %% interval%s) |%s(95 %% interval%s) |\n", style, $2, $3, \
          substr($4, 1, length($4) - 1), $8, substr($9, 1, length($9) - 1) }'
}
{
  echo "| told captions | | sparse | recaptioned |"
  echo "|---|---|---|---|"
  table short
  table detailed
} >result.md
cat result.md
