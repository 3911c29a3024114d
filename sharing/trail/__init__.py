"""The trail as a whole: sealed in batches, anchored outside, verified, exported, shortened when its time is over."""
