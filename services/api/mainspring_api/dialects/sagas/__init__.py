"""The sagas dialect: `/sagas/*`."""
