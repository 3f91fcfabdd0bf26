"""Preparing: raw pictures become digits with labels, in MNIST's own files, that `training` reads.

labels     what a picture shows: its folder's name, or a CSV file
shard      some pictures, prepared: one Parquet file
idx        MNIST's file format, written piece by piece
collect    all shards as MNIST's four files, and the manifest that vouches for them
"""
