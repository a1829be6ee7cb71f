"""Bulk work by many machines, with Ray: the local engine's shards, handed out to actors.

Shards are given to actors one by one, and not to Ray Data: that cuts, joins and repeats blocks as
it likes, writes files of its own, and would not say which shard ends its process. Here a shard is
computed and written by the very code of the local engine, so that its bytes are the same.
"""
