"""The main job, done once on everything there is: what ``replay-ws demo`` runs."""
