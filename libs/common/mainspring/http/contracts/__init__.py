"""Routes that more than one service must know: who serves them, and who describes them."""
