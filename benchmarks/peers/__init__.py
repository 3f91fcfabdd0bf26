"""The servers that ours is compared with: each a small program as its own documentation would have it."""
