"""The node's part of planning: what one host does next. Pure."""
