"""The event processor: a Kinesis stream of events in, counters and an archive out."""
