"""Job queues that benchmarks/jobs.py compares: the same jobs, enqueued and run by each."""
