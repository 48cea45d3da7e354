"""What several tests share: small runs, stores and models, and looped references."""
