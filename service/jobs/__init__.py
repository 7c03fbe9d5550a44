"""What is due is done here, by whoever leases it first: jobs, and the telling of events."""
