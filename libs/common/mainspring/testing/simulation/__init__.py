"""All services in one process under simulated time: one seed is one history, faults and all."""
