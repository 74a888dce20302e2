"""Any folder of talking people becomes shards to train from."""
