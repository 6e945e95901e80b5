"""``python -m replay_ws`` is ``replay-ws``."""

from replay_ws.cli import main

if __name__ == "__main__":
    main()
