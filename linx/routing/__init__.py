"""Which provider answers: routes, races, attempts."""
