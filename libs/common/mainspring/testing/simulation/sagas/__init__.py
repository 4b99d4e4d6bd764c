"""What histories of the sagas dialect are about."""
