"""Alarms for your own tests: does the gradient still reach far enough, is any flag up?"""

from tb_rnngrad.testing._alarms import assert_no_flags, assert_reaches

__all__ = ["assert_no_flags", "assert_reaches"]
