#!/bin/bash
# Classifies a list of pictures as a Slurm job array; each task takes every SHARDS-th name.
#
#   SHARDS=8 LIST=paths.txt OUT=/shared/results sbatch --array=0-7 slurm_array.sh [OPTION of mbn-infer]...
#
# SHARDS is given because Slurm's own count is that of the submitted part: a task that failed is resubmitted with
# `sbatch --array=3`, and goes on where it stopped. A task on a node that fails is queued again by Slurm itself.
#SBATCH --job-name=mbn-infer
#SBATCH --ntasks=1
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
exec "${MBN_INFER:-mbn-infer}" --list "$LIST" --shard "launcher/$SHARDS" --resume \
  --format json --output "$OUT/part-{shard}.jsonl" --bad-images report --quiet "$@"
