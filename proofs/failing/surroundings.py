"""Failures of what is around the app: PgBouncer, Redis, mail, disks, clock, and hostile clients."""

import asyncio
import resource
from contextlib import suppress
from io import BytesIO

from proofs.client import Client, Request
from proofs.failing.databases import UNAVAILABLE
from proofs.failing.failure import Failure, Stack
from proofs.failing.helpers import Clock, ObjectStore
from proofs.failing.scene import Scene

FILES_LIMIT, IDLE = 256, 800
SLOW, SLOW_SECONDS = 500, 20
BOUNDARY = "proof"
PICTURE = "/api/v1/users/me/picture"
MAX_HEADER_MB = 5


async def restart_pgbouncer(scene: Scene) -> None:
    """Kill PgBouncer, and start it after clients noticed."""
    await scene.helpers["pgbouncer"].stop()
    await scene.saw("503", times=10)
    await scene.helpers["pgbouncer"].start()


async def stop_redis(scene: Scene) -> None:
    """Stop Redis: what counts attempts is rejected, the rest is served."""
    await scene.helpers["redis"].stop()
    await scene.saw("503", times=5)
    await scene.saw("201", times=5)
    scene.expect(await scene.is_ready(), "not ready without Redis")
    await scene.helpers["redis"].start()


async def stop_mail(scene: Scene) -> None:
    """Stop the mail server until an email failed."""
    await asyncio.to_thread(scene.inbox.close)
    await scene.wait_for_rows(
        "SELECT id FROM jobs WHERE name = 'mail.send' AND ended_at IS NULL"
        " AND last_error IS NOT NULL"
    )
    await scene.saw("202", times=2)
    await asyncio.to_thread(scene.inbox.open)


async def fill_files(scene: Scene) -> None:
    """Fill the disk of uploaded files; uploads are rejected, all others are served."""
    before = await upload(scene)
    scene.expect(before == "200", f"upload: {before}")
    disk = scene.disks["files"]
    disk.fill()
    try:
        during = await upload(scene)
        scene.expect(during == "507", f"upload to a full disk: {during}")
        read = await read_upload(scene)
        scene.expect(read == "200", f"the file from before: {read}")
        await scene.wait_for_success()
    finally:
        disk.free()
    after = await upload(scene)
    scene.expect(after == "200", f"upload afterwards: {after}")


async def cut_store(scene: Scene) -> None:
    """Make the store of files unreachable: uploads and reads are rejected, others served."""
    store = scene.helpers["s3"]
    assert isinstance(store, ObjectStore)
    before = await upload(scene)
    scene.expect(before == "200", f"upload: {before}")
    await store.relay.stop()
    during = await asyncio.gather(upload(scene), read_upload(scene), scene.wait_for_success())
    scene.expect([*during[:2]] == ["503", "503"], f"upload and read without a store: {during}")
    await store.relay.start()
    after = [await read_upload(scene), await upload(scene)]
    scene.expect(after == ["200", "200"], f"read and upload afterwards: {after}")


async def read_upload(scene: Scene) -> str:
    """Read the picture and return the status."""
    request = Request("GET", PICTURE)
    return (await scene.crowd.ask("uploads", Client(scene.crowd.port), request)).status


async def upload(scene: Scene) -> str:
    """Upload a picture and return the status."""
    from PIL import Image  # type: ignore[import-not-found] # noqa: PLC0415 - the project's

    picture = BytesIO()
    Image.effect_noise((300, 300), 200).save(picture, "PNG")
    head = (
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
    )
    body = head.encode() + picture.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()
    content = (f"multipart/form-data; boundary={BOUNDARY}", body)
    request = Request("PUT", PICTURE, content=content)
    return (await scene.crowd.ask("uploads", Client(scene.crowd.port), request)).status


async def fill_log(scene: Scene) -> None:
    """Fill the disk of the log; requests are served, and logged again afterwards."""
    disk = scene.disks["log"]
    disk.fill()
    try:
        await scene.saw("201", times=20)
    finally:
        disk.free()
    size = scene.log.stat().st_size
    await scene.wait_for_success()
    await scene.wait_for(lambda: scene.log.stat().st_size > size, "lines in the log")


async def set_clock(scene: Scene) -> None:
    """Set the clock a day ahead, an hour back, and right again."""
    clock = scene.helpers["clock"]
    assert isinstance(clock, Clock)
    for offset in ("+1d", "-1h", "+0"):
        clock.set(offset)
        await scene.wait_for_success()
        scene.expect(await scene.is_ready(), f"not ready at {offset}")


async def open_idle(scene: Scene) -> None:
    """Open more connections than the server can have, and send nothing."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * IDLE), hard))
    writers = []
    for _ in range(IDLE):
        with suppress(OSError):
            writers.append((await asyncio.open_connection("127.0.0.1", scene.crowd.port))[1])
    await scene.wait_for_success()
    log = scene.log.read_text(errors="replace")
    scene.expect("connections are open" in log, "the log doesn't say that too many are open")
    for writer in writers:
        writer.close()


async def send_slowly(scene: Scene) -> None:
    """Send many requests, a byte at a time, until the server has closed all."""
    loris = [asyncio.create_task(_send_header_slowly(scene.crowd.port)) for _ in range(SLOW)]
    await scene.wait_for_success()
    done, late = await asyncio.wait(loris, timeout=SLOW_SECONDS)
    scene.expect(not late, f"{len(late)} slow requests are still open")
    for task in late:
        task.cancel()
    scene.expect(all(not task.exception() for task in done), "a slow request failed")


async def _send_header_slowly(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(OSError):
        writer.write(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ")
        while not reader.at_eof():
            writer.write(b"x")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await reader.read(1000)
    writer.close()


async def send_large_header(scene: Scene) -> None:
    """Send a header without an end: it must be rejected soon."""
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.crowd.port)
    answer = asyncio.create_task(reader.read(100))
    writer.write(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-large: ")
    sent = 0
    with suppress(OSError):
        while not answer.done() and sent < 10 * MAX_HEADER_MB:
            writer.write(b"x" * 1_000_000)
            await writer.drain()
            sent += 1
            await asyncio.sleep(0)
    with suppress(OSError):
        scene.expect(b" 431 " in await answer, f"a header of {sent} MB: {answer}")
    scene.expect(sent <= MAX_HEADER_MB, f"a header of {sent} MB was accepted")
    writer.close()
    await scene.wait_for_success()


FAILURES = (
    Failure(
        "Disk of uploads full",
        "the directory of `FILES_URL` is on a disk that is filled",
        "free or add space; uploads get 507, files from before can be read",
        act=fill_files,
        statuses=frozenset({507}),
    ),
    Failure(
        "Disk of the log full",
        "standard error goes to a disk that is filled",
        "free or add space; requests are served without being logged",
        act=fill_log,
    ),
    Failure(
        "Mail server away",
        "stopped until an email failed",
        "nothing: emails are sent when it is back; after eight attempts they are failed jobs,"
        " which can be retried in the admin",
        act=stop_mail,
    ),
    Failure(
        "Slow requests (slow loris)",
        f"{SLOW} connections send a byte of a header at a time",
        "nothing: they get 408 after `SERVER_READ_TIMEOUT`",
        act=send_slowly,
    ),
    Failure(
        "Endless header",
        "one connection sends it",
        "nothing: it gets 431",
        act=send_large_header,
    ),
    Failure(
        "Out of file descriptors",
        f"{IDLE} idle connections to processes with `ulimit -n {FILES_LIMIT}`",
        "raise `ulimit -n`; idle connections are closed, and the log has a warning",
        act=open_idle,
        stack=Stack(before=("prlimit", f"--nofile={FILES_LIMIT}:{FILES_LIMIT}")),
        breaks=True,
    ),
    Failure(
        "Clock set wrongly",
        "a day ahead, an hour back, and right again",
        "nothing: users sign in again if their tokens are of a time that hasn't come or is over",
        act=set_clock,
        stack=Stack(helpers=frozenset({"clock"})),
        statuses=frozenset({401}),
    ),
    Failure(
        "PgBouncer restarted",
        "SIGKILL, and started after clients had 10 errors",
        "nothing: the app connects again",
        act=restart_pgbouncer,
        stack=Stack(helpers=frozenset({"pgbouncer"})),
        statuses=UNAVAILABLE,
    ),
    Failure(
        "File store away",
        "an S3 server that can't be reached",
        "nothing: uploads and downloads get 503 until it is back",
        act=cut_store,
        stack=Stack(helpers=frozenset({"s3"})),
        statuses=UNAVAILABLE,
    ),
    Failure(
        "Redis away",
        "SIGKILL, and started after clients had 5 errors",
        "start it; meanwhile, what is limited by counting attempts gets 503, such as sign-in",
        act=stop_redis,
        stack=Stack(helpers=frozenset({"redis"})),
        statuses=UNAVAILABLE,
    ),
)
