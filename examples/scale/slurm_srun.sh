#!/bin/bash
# Classifies a list of pictures as one Slurm job of several tasks, each a process of its own.
#
#   LIST=paths.txt OUT=/shared/results sbatch --ntasks=8 --cpus-per-task=4 slurm_srun.sh [OPTION of mbn-infer]...
#
# Submitted again with the same number of tasks, it goes on where it stopped.
#SBATCH --job-name=mbn-infer
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
# One task that fails does not end the others.
exec srun --kill-on-bad-exit=0 "${MBN_INFER:-mbn-infer}" --list "$LIST" --shard launcher --resume \
  --format json --output "$OUT/part-{shard}.jsonl" --bad-images report --quiet "$@"
