"""What histories of the native dialect are about."""
