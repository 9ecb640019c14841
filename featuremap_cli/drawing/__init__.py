"""Arrays to pictures; nothing here writes a file."""

import logging

# matplotlib logs where it puts its cache if the home folder cannot be written, and logging prints that on stderr unless
# someone has asked for it.
logging.getLogger("matplotlib").addHandler(logging.NullHandler())
