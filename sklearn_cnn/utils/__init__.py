"""The ground floor: what every folder needs, and checks for image estimators."""
