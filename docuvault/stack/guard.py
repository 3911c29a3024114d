"""A last resort: ends the parts when the supervisor is gone without having stopped them.

The kernel's death signal reaches a part's first process only, politely, and exists on Linux alone.
This tiny shell holds the other end of a pipe; when that closes it ends the noted sessions.
"""

import subprocess

SCRIPT = r"""
trap '' INT TERM HUP
groups=
while read -r sign group; do
  kept=
  for one in $groups; do [ "$one" = "$group" ] || kept="$kept $one"; done
  groups=$kept
  [ "$sign" = + ] && groups="$group $groups"
done
[ -n "$groups" ] || exit 0
sleep 0.2
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
second=0
while [ "$second" -lt "$GRACE" ]; do
  second=$((second + 1))
  alive=
  for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && alive=yes; done
  [ -n "$alive" ] || exit 0
  sleep 1
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
"""


class Guard:
    """Told of each part's start and end."""

    def __init__(self, grace: int = 8) -> None:
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "GRACE": str(grace)},
            cwd="/",
        )

    def _tell(self, sign: str, group: int) -> None:
        if self.process.stdin is not None:
            try:
                self.process.stdin.write(f"{sign} {group}\n".encode())
                self.process.stdin.flush()
            except OSError:
                self.process.stdin = None  # somebody ended it; the parts still have their death signal

    def watch(self, group: int) -> None:
        self._tell("+", group)

    def forget(self, group: int) -> None:
        self._tell("-", group)

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()
