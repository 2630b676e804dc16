"""An update that gets SIGKILL leaves the former store or the new one."""

from research.killed_updates import main


def test_killed_updates_leave_a_whole_store() -> None:
    assert sum(main(["--kills", "3", "--weeks", "2"]).values()) == 3
