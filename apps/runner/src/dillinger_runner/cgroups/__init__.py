"""Limits, figures and the last word over a session's processes, by cgroups of version 1 or 2.

`dialect` knows the files of both versions, `tree` makes, measures, empties and removes a session's directories,
`find` looks where on this machine they may be.
"""

from .dialect import Limits
from .disks import DiskRate, disk_rate
from .find import Found, find_tree
from .tree import CgroupTree

__all__ = ["CgroupTree", "DiskRate", "Found", "Limits", "disk_rate", "find_tree"]
