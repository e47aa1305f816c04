#!/bin/bash
# Classifies a list of pictures with as many processes as mpirun starts.
#
#   LIST=paths.txt OUT=/shared/results mpi.sh "-n 8 --hostfile hosts" [OPTION of mbn-infer]...
#
# mpirun ends all processes when one fails. They are then started again, and go on where they stopped.
set -u
options=$1
shift
child=
stopped=
# Bash runs a trap at once only while it waits for a process in the background.
stop() {
  stopped=1
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}
trap stop INT TERM
# At most three times in all.
for _ in 1 2 3; do
  # shellcheck disable=SC2086 -- several options
  mpirun $options "${MBN_INFER:-mbn-infer}" --list "$LIST" --shard launcher --resume \
    --format json --output "$OUT/part-{shard}.jsonl" --bad-images report --quiet "$@" &
  child=$!
  wait "$child"
  code=$?
  # The trap ended the first `wait`.
  if [ "$stopped" ]; then
    wait "$child"
    code=$?
  fi
  # 2 is a mistake on the command line: another try would end alike. 130 is an interrupt.
  case $code in 0 | 2 | 130) break ;; esac
  [ -z "$stopped" ] || exit 130
done
exit $code
