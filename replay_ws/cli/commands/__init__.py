"""The commands, a module each; ``replay_ws.cli.app`` lists them and loads one at a time."""
