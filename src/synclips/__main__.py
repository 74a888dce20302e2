"""`python -m synclips`: the same as the installed command."""

from synclips.cli import main

raise SystemExit(main())
