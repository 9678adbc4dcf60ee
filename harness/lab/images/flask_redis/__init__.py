"""Sources of the flask-redis stand-in; ``app.py`` runs in its container only."""
