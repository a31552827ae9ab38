"""What is told of the gateway's work: events, access lines, audit, metrics. Start reading at `events`."""
