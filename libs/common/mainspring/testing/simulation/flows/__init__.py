"""What histories of flows, of workflows of YAML, and of what starts them are about."""
