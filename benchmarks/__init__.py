"""What the console costs, measured beside what it would otherwise cost, in one run."""
