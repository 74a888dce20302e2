"""From motion to pixels: the person's own mouths are chosen, warped, refined and pasted back."""
