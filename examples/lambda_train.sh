#!/usr/bin/env bash
# Trains on a Lambda (lambda.ai) instance with N GPUs, from this machine: copies the checkout, trains, fetches the model.
#
#   examples/lambda_train.sh ubuntu@203.0.113.7 data/shards
#   DRY_RUN=1 examples/lambda_train.sh ubuntu@203.0.113.7 data/shards     # prints what would be run
#
# The instance is started before, in Lambda's console or by its API, with an SSH key; its file system keeps ~/synclips
# between instances if it is attached. A run that breaks off is run again by the same command: it goes on where it was,
# on any number of GPUs.
set -euo pipefail

host=${1:?usage: lambda_train.sh USER@HOST SHARDS [OPTIONS OF synclips recipe]}
shards=${2:?usage: lambda_train.sh USER@HOST SHARDS [OPTIONS OF synclips recipe]}
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ -f "$shards/manifest.json" ] || { echo "no manifest.json in $shards; run synclips preprocess first" >&2; exit 1; }

run() { if [ -n "${DRY_RUN:-}" ]; then printf '%q ' "$@"; echo; else "$@"; fi; }

run rsync -az --exclude .venv --exclude .git --exclude data --exclude outputs "$here/" "$host:synclips/"
run rsync -az "$shards/" "$host:synclips/data/shards/"
run ssh "$host" "cd synclips && scripts/set_up.sh && .venv/bin/torchrun --standalone \
    --nproc-per-node \$(nvidia-smi --list-gpus | wc -l) -m synclips recipe --from-shards $(printf '%q ' "$@")"
run rsync -az "$host:synclips/outputs/" "$here/outputs/"
