"""Reads commands as JSON lists, forks each, prints its process id; at an empty line waits and prints the exit code."""

import json
import os
import sys

from ufh_cli.commands.cli import main

process = 0
for line in sys.stdin:
    if line.strip():
        arguments = json.loads(line)
        process = os.fork()
        if process == 0:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            os.close(0)
            sys.argv = ["ufh", *arguments]
            main()
        while os.getpgid(process) != process:  # until it can be killed as a group
            pass
        print(process, flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
