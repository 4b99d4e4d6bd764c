"""The plugins that Mainspring ships, one small file each."""
