"""The stages: one module a rule, each reads artifacts, computes and publishes one."""
