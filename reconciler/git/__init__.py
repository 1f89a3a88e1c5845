"""Effect: a remote or received repository becomes the files of one revision.

Documents are read from the object store at a commit, never from a work tree; nothing that a repository
contains (hooks, filters, submodules, LFS) is ever executed; every operation has a deadline.
"""
