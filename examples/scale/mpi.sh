#!/bin/bash
# Classifies a list of pictures with as many processes as mpirun starts.
#
#   LIST=paths.txt OUT=/shared/results mpi.sh "-n 8 --hostfile hosts" [OPTION of mbn-infer]...
#
# mpirun ends all processes when one fails. They are then started again, and go on where they stopped.
set -u
options=$1
shift
# Ctrl-C reaches mpirun too; do not start it again.
trap 'exit 130' INT TERM
# At most three times in all.
for _ in 1 2 3; do
  # shellcheck disable=SC2086 -- several options
  mpirun $options "${MBN_INFER:-mbn-infer}" --list "$LIST" --shard launcher --resume \
    --format json --output "$OUT/part-{shard}.jsonl" --bad-images report --quiet "$@"
  code=$?
  # 2 is a mistake on the command line: another try would end alike. 130 is an interrupt.
  case $code in 0 | 2 | 130) break ;; esac
done
exit $code
