"""What daemon and agent share as services: how they start, are watched, reload and stop; clock, log, lock, memory.

Effect: this process, files, and the service manager's socket.
"""

from reconciler.service.manager import notify, why_stalled
from reconciler.service.memory import give_back
from reconciler.service.parts import SystemClock
from reconciler.service.run import Program, run
from reconciler.service.schedule import Schedule

__all__ = ["Program", "Schedule", "SystemClock", "give_back", "notify", "run", "why_stalled"]
