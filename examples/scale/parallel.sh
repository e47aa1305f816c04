#!/bin/bash
# Classifies a list of pictures with GNU parallel, on this machine or, with --sshlogin, on others that share its files.
#
#   SHARDS=8 LIST=paths.txt OUT=/shared/results parallel.sh "--jobs 4" [OPTION of mbn-infer]...
#
# A shard that fails goes on where it stopped, at most three times in all; GNU parallel repeats a mistake on the command line too. Its
# own exit code is the number of shards that failed.
set -u
options=$1
shift
# shellcheck disable=SC2086 -- several options
seq 0 $((SHARDS - 1)) | parallel $options --retries 3 --quote "${MBN_INFER:-mbn-infer}" --list "$LIST" --shard "{}/$SHARDS" --resume \
  --format json --output "$OUT/part-{}.jsonl" --bad-images report --quiet "$@"
