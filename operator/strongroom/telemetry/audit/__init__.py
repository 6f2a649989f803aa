"""The audit journal of one process: made durable here, chained, checkpointed, shipped to sinks, verified, queried."""
