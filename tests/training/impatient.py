"""askattend, to which silence means death sooner than it does to users; started as a program."""

from askattend.__main__ import main
from askattend.cluster import crew
from askattend.training import watching

# Seconds: of processes that train together, and of a cluster's workers.
TRAINING, CLUSTER = 5.0, 8.0

if __name__ == "__main__":
    watching.DEAD_AFTER = TRAINING
    crew.SILENT_AFTER = CLUSTER
    main()
