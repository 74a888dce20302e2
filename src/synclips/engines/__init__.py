"""Where independent pieces of work are done: in processes of this machine, or on a Ray cluster."""
