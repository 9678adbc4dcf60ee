"""What runs deploy to be asked: service specifications as data."""
