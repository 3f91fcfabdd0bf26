"""Bulk scoring and preparing of pictures in folders and object storage, on Lithops.

__main__      the command line
sources       where pictures come from: folder, glob, zip, tar, IDX, object storage
batches       which pictures one activation reads
names         what its result is called
activations   running a function on Lithops: a bounded number at once, failed ones again
localhost     Lithops on this machine, with nothing to set up
forking       its activations, forked from one process
preload       what that process imports for all of them
weights       the checkpoint on its way to a worker
reading       the pictures of a batch, and what became of each
work          any job under way: what is there, what is missing, what failed
score         what one activation does: a batch in, a shard out
shards        rows as Parquet, CSV or JSON Lines
tally         what the rows amount to
job           scoring from beginning to end, and going on where it stopped
report        the summary, and the pictures that were read least surely
prepare       pictures become digits with labels, which `training` reads
"""
