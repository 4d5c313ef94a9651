"""What worker processes of these tests load: ``workers.main``, mortal. See ``doomed``."""

from __future__ import annotations

from tests.reliability.doomed import arm_worker

arm_worker()

from workers.main import broker, perform  # noqa: E402, F401  # armed first
