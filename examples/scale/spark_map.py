#!/usr/bin/env python3
"""Classifies a list of pictures with Spark's `mapInPandas`: the results are a DataFrame.

    spark-submit spark_map.py --list paths.txt --output results [--master URL] [--partitions N] [--file FILE]... -- mbn-infer OPTION...

`--file` ships a file to every executor, such as the program, the model and ONNX Runtime's library. The command after `--` runs
where they are: `./mbn-infer --model ./model.onnx --ort-lib ./libonnxruntime.so`. Pictures must have the same paths everywhere.
"""
import argparse
import sys
from pathlib import Path

import pandas
from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, from_json

# Names that a process gets at once. Spark's own batches of 10,000 would keep results back for long.
BATCH = 500
RESULT = "path string, error string, predictions array<struct<label: string, index: int, probability: float>>"


def classify(command):
    """A function from DataFrames with paths in column `value` to DataFrames with lines of JSON in column `line`."""

    def run(frames):
        from worker import Worker

        worker = None
        try:
            for frame in frames:
                # An empty partition starts no process.
                if worker is None:
                    folder = SparkFiles.getRootDirectory()
                    worker = Worker([f"{folder}{part[1:]}" if part.startswith("./") else part for part in command])
                yield pandas.DataFrame({"line": worker.classify(frame["value"])})
        except BaseException:
            if worker:
                worker.kill()
            # Spark gives the partition to another task.
            raise
        if worker:
            worker.close()

    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--master")
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    builder = SparkSession.builder.appName("mbn-infer").config("spark.sql.execution.arrow.maxRecordsPerBatch", BATCH)
    if arguments.master:
        builder = builder.master(arguments.master)
    spark = builder.getOrCreate()
    spark.sparkContext.addPyFile(str(Path(__file__).with_name("worker.py")))
    for file in arguments.file:
        spark.sparkContext.addFile(file)
    paths = spark.read.text(arguments.list).repartition(arguments.partitions)
    lines = paths.mapInPandas(classify(arguments.command), "line string")
    lines.write.text(arguments.output)
    results = spark.read.text(arguments.output).select(from_json(col("value"), RESULT).alias("result")).select("result.*")
    results.groupBy(col("predictions")[0]["label"].alias("label")).count().orderBy("label").show(100, truncate=False)
    failed = results.where("error is not null").count()
    print(f"{failed} pictures could not be used", file=sys.stderr)
    spark.stop()


if __name__ == "__main__":
    main()
