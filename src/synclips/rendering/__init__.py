"""From motion to pixels: the person's own mouths, fetched, warped, refined and put back."""
