"""For people with a loop of their own: keys of anything, and a cache around what evaluates."""
