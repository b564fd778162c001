"""Type statements into the IPython prompt of `app shell`.

python ipython_prompt.py EMAIL
"""

import os
import sys

import pexpect

command = ["-m", "app", "shell", "--as", *sys.argv[1:]]
shell = pexpect.spawn(sys.executable, command, timeout=60, env={**os.environ, "TERM": "dumb"})
for number, (typed, shown) in enumerate(
    [
        ("me = await session.get(User, scope.user_id)", ""),
        ("me.display_name = 'Grace'", ""),
        ("await session.commit()", ""),
        ("await session.scalar(select(User.display_name))", "Grace"),
    ],
    start=1,
):
    shell.expect_exact(f"[{number}]: ")
    shell.send(f"{typed}\r")
    if shown:
        shell.expect_exact(f"'{shown}'")
shell.send("exit\r")
shell.expect(pexpect.EOF)
