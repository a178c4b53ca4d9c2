"""A demonstration: three small servers, a balancer in front of them, and what to try with it (`make demo`)."""
