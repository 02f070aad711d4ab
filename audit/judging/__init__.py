"""A record and a policy become verdicts; waivers and the test-set budget."""
