"""The node's side: take assignment and network view, decide the next step, carry it out, report."""
