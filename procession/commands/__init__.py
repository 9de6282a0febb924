"""What people may ask, each verb once: command line, HTTP, pages, scripts and bridges are thin skins over these.

A command makes at once any move that needs no live process, and answers what came of it; for what lives it writes the
wish, and the flow acts.
"""
