"""The daemon's side: read revisions, plan, write what follows, tell the nodes."""
