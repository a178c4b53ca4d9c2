"""The scenarios that both programs must answer alike, one file for each family."""
