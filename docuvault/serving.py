"""`python -m docuvault.serving …`: granian with these words, the application loaded before its processes fork.

So it is loaded once for all of them, at the start as well as when one is replaced.
"""

from importlib import import_module


def serve() -> None:
    import_module("docuvault.wsgi")
    import_module("granian.cli").entrypoint()


if __name__ == "__main__":
    serve()
