"""An update that gets SIGKILL leaves the former store or the new one."""

import pytest
from research.killed_updates import main


# test_update.py stops an update in one process, between any two renames.
@pytest.mark.slow
def test_killed_updates_leave_a_whole_store() -> None:
    # An update may take one kill more before it ends.
    assert sum(main(["--kills", "2", "--weeks", "2"]).values()) >= 2
