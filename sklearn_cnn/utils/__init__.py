"""Tools for those who write estimators of images."""
