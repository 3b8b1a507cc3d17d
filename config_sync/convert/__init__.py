"""From a project of any dialect to one of the native dialect that gives every user the same answers (docs/convert.md).

Works on the IR, so that a dialect which compiles also converts. Imports the native front end to know what its short forms mean;
used by the command line.
"""

from config_sync.convert.project import Converted, convert_project, project_data

__all__ = ["Converted", "convert_project", "project_data"]
