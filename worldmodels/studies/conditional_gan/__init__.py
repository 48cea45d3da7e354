"""Study: can labels steer what a GAN draws, and what makes them steer?"""
