"""The pages in a real browser: each job from signing in to its result, as the role that does it; and what holds for every
page. The server is the real one, on a directory of its own; nothing in it is stood in for.
"""
