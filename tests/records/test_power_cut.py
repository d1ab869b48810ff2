"""What is in an experiment's files when the power is cut."""

import os
from pathlib import Path
from unittest import mock

from ufh_command import contents

RUN = ("run", "quick", "--trials=3", "--jobs=1", "--set=budget.candidates=30", "--set=options.terms=3")


class ForgetfulDisk:
    """Has nothing of a file that was not synchronised before it got its name, as after a power cut."""

    def __init__(self):
        self._synced = set()
        self.replace = mock.patch.object(os, "replace", side_effect=self._replace(os.replace))
        self.fsync = mock.patch.object(os, "fsync", side_effect=self._fsync(os.fsync))

    def _fsync(self, real):
        def fsync(descriptor):
            real(descriptor)
            self._synced.add(os.fstat(descriptor).st_ino)

        return fsync

    def _replace(self, real):
        def replace(source, target):
            if Path(source).stat().st_ino not in self._synced:
                Path(source).write_bytes(b"")
            real(source, target)
            self._synced.clear()  # its number may be given to another file

        return replace


def test_no_file_gets_its_name_before_it_is_on_the_disk(ufh):
    ufh(*RUN, "--name=lasting")
    disk = ForgetfulDisk()
    with disk.replace, disk.fsync:
        ufh(*RUN, "--name=cut")
    assert contents(ufh.folder / "results" / "cut") == contents(ufh.folder / "results" / "lasting")
