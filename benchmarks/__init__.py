"""Programs that measure the service, and the servers that they compare it with."""
