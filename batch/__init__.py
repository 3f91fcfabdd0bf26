"""Bulk scoring and preparing of pictures in folders and object storage, on Lithops."""
