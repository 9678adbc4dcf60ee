"""The embedded lab: every node is a User-mode Linux kernel, a process of its own that we start and kill."""
