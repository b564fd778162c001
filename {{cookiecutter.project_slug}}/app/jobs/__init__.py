"""Jobs: durable work outside the request, enqueued in its transaction.

    definitions.py  `@job` makes a job of a function in a feature's `jobs.py`; `await deliver.enqueue(session, …)`
    run.py          what a running job has: transactions that only the owner of the job can commit, cursor, result
    chunks.py       the content of a file that a job reads or writes
    models.py       the table `jobs`
    job_queue.py    the statements on it: claim, end, retry, cancel
    scheduler.py    jobs that are enqueued by cron texts or intervals
    runner.py       claims due jobs and runs them; `attempt.py` is one call of the function
    processes.py    runs jobs in the server and in `app worker`
    notifications/  wakes workers on PostgreSQL; can be left out

A job runs at least once: again, if its worker stops before it is marked as done.
"""
