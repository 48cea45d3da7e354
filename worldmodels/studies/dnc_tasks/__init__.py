"""Study: does a DNC learn to copy, add and sort, and at which lengths?"""
