"""Hand-written programs: the references of the original program, useful as starting points and for measuring speed."""

from __future__ import annotations

# A linear model trained by gradient descent, learning rate 0.01.
LINEAR = """
def InitializePass():
  s2 = 0.01
def ForwardPass():
  s1 = dot(v1, v0)
def BackwardPass():
  s3 = s0 - s1
  s3 = s2 * s3
  v2 = s3 * v0
  v1 = v1 + v2
"""

# A two-layer network with biases and ReLU, trained by gradient descent. As in the original, the output
# weights v2 are updated before the error is propagated through them.
NEURAL_NETWORK = """
def InitializePass():
  v2 = gaussian(0.0, 0.1)
  m0 = gaussian(0.0, 0.1)
  s3 = 0.01
def ForwardPass():
  v3 = dot(m0, v0)
  v3 = v3 + v1
  v4 = maximum(v3, v5)  # ReLU: v5 stays 0
  s1 = dot(v4, v2)
  s1 = s1 + s2
def BackwardPass():
  s4 = s0 - s1
  s4 = s3 * s4
  s2 = s2 + s4
  v6 = s4 * v4
  v2 = v2 + v6
  v7 = s4 * v2
  v8 = heaviside(v3)
  v7 = v8 * v7
  v1 = v1 + v7
  m1 = outer(v7, v0)
  m0 = m0 + m1
"""
