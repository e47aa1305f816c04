#!/usr/bin/env python3
"""Classifies a list of pictures with Spark's `pipe`: every partition goes through a process of its own.

    spark-submit spark_pipe.py --list paths.txt --output results [--master URL] [--partitions N] [--file FILE]... -- COMMAND

Takes what spark_map.py takes. It is the shorter way where the lines of JSON are all that is wanted.
"""
import argparse
import shlex

from pyspark import SparkConf, SparkContext

FIXED = ["--list", "-", "--format", "json", "--bad-images", "report", "--quiet"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--master")
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    conf = SparkConf().setAppName("mbn-infer")
    if arguments.master:
        conf = conf.setMaster(arguments.master)
    context = SparkContext(conf=conf)
    for file in arguments.file:
        context.addFile(file)
    # Executors run in the folder that the files were shipped to.
    command = shlex.join([*arguments.command, *FIXED])
    paths = context.textFile(arguments.list).repartition(arguments.partitions)
    # A process that fails fails its task, and Spark gives the partition to another one.
    paths.pipe(command, checkCode=True).saveAsTextFile(arguments.output)
    context.stop()


if __name__ == "__main__":
    main()
