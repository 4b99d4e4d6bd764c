"""What calls over HTTP share: what is asked, sent, answered and paged."""
