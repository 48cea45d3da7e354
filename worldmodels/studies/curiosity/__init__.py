"""Study: what does a reward for the unpredicted add to PPO, and where do both end?"""
