"""What plugins of all categories share: the words of manifests, of failures and of values."""
