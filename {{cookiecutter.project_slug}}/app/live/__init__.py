"""Live updates: events are published in a transaction and, after its commit, delivered to all processes.

    events.py       the event, and the messages that carry it between processes
    publishing.py   `publish(session, topic, …)`, and `publish_changes(Note, …)` for each change of a row
    broker.py       delivers events to the streams of this process
    streams.py      `listen(live, topic)` for a route with server-sent events
    channels.py     how events reach other processes; `postgresql.py` and `redis.py`

An event is a hint that something changed. It can be lost, if the process stops right after the commit or the connection
between processes breaks; streams then get `resync` when it is back.
"""
