#!/bin/bash
# Trains a network as one Slurm job of several tasks, which are ranks of MPI.
#
#   OUT=/shared/runs/photos sbatch --ntasks=8 --cpus-per-task=4 slurm_train.sh --data /shared/photos [OPTION of mbn-train]...
#
# Requeued or submitted again, it goes on where it stopped, with another number of tasks too. LAUNCH="mpirun" takes the launcher
# of MPI, where Slurm and MPI do not know each other. EVERY_TIME holds options that a run does not remember, such as
# EVERY_TIME="--mpi-lib /opt/mpi/lib/libmpi.so.40 --save-every 5 --threads 4", and `--libheif system` where
# the data has HEIC or AVIF images.
#
# Two minutes before the time limit, the ranks get SIGTERM, save, and end. With mpirun say so with
# `sbatch --signal=B:TERM@120`: it must get the signal itself. `scancel --signal=TERM JOB` stops a job with everything saved (with
# mpirun, `scancel --batch --signal=TERM JOB`); without a signal, srun kills the ranks at once, and what `--save-every` has saved
# remains.
#SBATCH --job-name=mbn-train
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120
set -u
launch=${LAUNCH:-srun --mpi=pmix --kill-on-bad-exit=1}
if [ -e "$OUT/state.safetensors" ]; then
  set -- --resume "$OUT"
else
  set -- --out "$OUT" "$@"
fi
# shellcheck disable=SC2086 -- several options
exec $launch "${MBN_TRAIN:-mbn-train}" --distributed mpi ${EVERY_TIME:-} "$@"
