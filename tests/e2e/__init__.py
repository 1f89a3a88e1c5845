"""End to end: the installed commands, a real Engine, real pushes."""
