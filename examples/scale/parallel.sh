#!/bin/bash
# Classifies a list of pictures with GNU parallel, on this machine or, with --sshlogin, on others that share its files.
#
#   SHARDS=8 LIST=/shared/paths.txt OUT=/shared/results parallel.sh "--jobs 4" [OPTION of mbn-infer]...
#
# Other machines start in the user's home folder, so LIST, OUT and the names in LIST must be absolute there. A shard that fails goes on
# where it stopped, at most three times in all; GNU parallel repeats a mistake on the command line too. Its own exit code is the number
# of shards that failed, or 101 for more than 100.
set -u
options=$1
shift
# A signal to this process reaches GNU parallel, which then ends its jobs.
# shellcheck disable=SC2086 -- several options
exec parallel $options --retries 3 --quote "${MBN_INFER:-mbn-infer}" --list "$LIST" --shard "{}/$SHARDS" --resume \
  --format json --output "$OUT/part-{}.jsonl" --bad-images report --quiet "$@" < <(seq 0 $((SHARDS - 1)))
