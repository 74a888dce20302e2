"""`python -m synclips`: the same as the installed command."""

from synclips.cli.main import main

raise SystemExit(main())
